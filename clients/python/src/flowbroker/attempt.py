"""One run of a handler, without I/O: its lease, why it was lost, what the handler came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .contract import Reply, Stored
from .errors import (
    FlowClosedError,
    FlowDeletedError,
    FlowError,
    FlowName,
    FlowOwnerLostError,
    FlowSupersededError,
    FlowUnavailableError,
)
from .waiting import Ending


class Attempt:
    """One run of the handler: the fence it was given, and the lease that must be renewed while it runs.

    ``lost`` is why the flow is no longer this process's, once that is known. Instants are seconds of a local, monotonic clock;
    a lease is not known to be longer than from when it was asked for, however long the answer was under way.
    """

    def __init__(self, flow: FlowName, record: Stored | None, lease_ms: int, asked: float) -> None:
        self.flow = flow
        self.record = record
        self.lease_ms = lease_ms
        self.lost: FlowError | None = None
        self._hold(asked)

    @property
    def fence(self) -> int:
        return self.record.fence if self.record else 0

    def _hold(self, asked: float) -> None:
        #: The local end of the lease, and when to renew it next.
        self.until = asked + self.lease_ms / 1000
        self.renew_at = asked + self.lease_ms / 3000

    def patience(self, now: float, asking: bool) -> float:
        """Seconds to the next renewal, or, where one is under way, to the end of the lease."""
        return max(0.0, (self.until if asking else min(self.renew_at, self.until)) - now)

    def look(self, now: float) -> None:
        """Past its local end the lease is lost, whether or not a renewal is still under way."""
        if now >= self.until:
            self._run_out(None)

    def renewed(self, reply: Reply, asked: float) -> None:
        """What a renewal that was sent at ``asked`` came to."""
        if reply.verdict == "renewed":
            self._hold(asked)
        elif reply.verdict == "not_found":
            self._lose(FlowDeletedError(f"{self.flow} is gone while its handler runs", self.flow))
        elif reply.verdict == "settled":
            self._lose(FlowSupersededError(f"{self.flow} was settled elsewhere while its handler ran", self.flow))
        else:
            text = f"another owner took {self.flow} over while its handler ran"
            self._lose(FlowSupersededError(text, self.flow))

    def unanswered(self, error: Exception, now: float) -> None:
        if not isinstance(error, FlowUnavailableError) or now >= self.until:
            self._run_out(error)
        self.renew_at = now + self.lease_ms / 6000

    def ended(self, ending: Ending) -> None:
        """The flow ended elsewhere, and that was heard."""
        text = f"{self.flow} was settled elsewhere while its handler ran"
        self._lose(ending.error or FlowSupersededError(text, self.flow))

    def closed(self) -> None:
        """The broker is closed: whatever is not committed by now will not be."""
        self.lost = FlowClosedError("the broker was closed", self.flow)

    def _run_out(self, cause: Exception | None) -> None:
        error = FlowOwnerLostError(f"the lease of {self.flow} ran out before it could be renewed", self.flow)
        error.__cause__ = cause
        self._lose(error)

    def _lose(self, error: FlowError) -> None:
        self.lost = self.lost or error


@dataclass(frozen=True)
class Handled:
    """What a handler came to: it returned ``value``, or raised."""

    value: Any = None
    raised: Exception | None = None
