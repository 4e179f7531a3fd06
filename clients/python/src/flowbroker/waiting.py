"""One wait, without I/O: what it hears and reads, when to look again, and how it ends."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass
from typing import Any

from .contract import Reply, Stored, parse_message
from .errors import (
    FlowDeletedError,
    FlowError,
    FlowName,
    FlowNotFoundError,
    FlowOwnerLostError,
    FlowSupersededError,
    FlowUnavailableError,
    FlowWaitTimeoutError,
)
from .options import BrokerOptions
from .records import Payloads, Settlement

_AFTER = 0.005  # a deadline or lease is over a moment after it is, whatever the clocks round
_GRACE = 0.75  # what a read of a flow past its deadline may take before its wait gives up
_FOREVER = float("inf")


class Heard(enum.Enum):
    """What an ear can say beside a message."""

    SUBSCRIBED = "from now on everything is heard"
    DEAF = "nothing is heard any more"


@dataclass(frozen=True)
class Ending:
    """How a wait ends: with the flow, with an error, or (neither) with a lease that is over."""

    settlement: Settlement | None = None
    error: FlowError | None = None

    @property
    def lapsed(self) -> bool:
        return self.settlement is None and self.error is None

    def result(self, flow: FlowName, payloads: Payloads) -> Any:
        if self.error is not None:
            raise self.error
        if self.settlement is None:
            raise FlowOwnerLostError(f"the owner of {flow} was lost", flow)
        return self.settlement.result(flow, payloads)


class Wait:
    """Follows the flow that it first sees, or knows by its origin, through takeovers, to its end. Instants are seconds of a local, monotonic clock.

    Whoever drives it begins to listen, and then, until `ending` is there: reads when `must_read`, gives the reply to
    `read`, or else listens for `patience` and gives what came to `heard`.
    """

    def __init__(
        self,
        flow: FlowName,
        options: BrokerOptions,
        now: float,
        follows_lease: bool = False,
        limit_ms: int | None = None,
        origin: int | None = None,
    ) -> None:
        """``origin``: the flow is known already; what else stands under its name is another."""
        self.flow = flow
        self.origin = origin
        self.ending: Ending | None = None
        self.must_read = False
        self._follows_lease = follows_lease
        self.limit(now, limit_ms)
        self._poll = options.poll_ms / 1000
        self._reread = options.reread_ms / 1000
        self._deaf = False
        self._bound_at = 0
        self._deadline = self._lease = _FOREVER
        self._sweep = now + self._poll

    def limit(self, now: float, ms: int | None) -> None:
        """Ends the wait after so many milliseconds; None: the flow's deadline ends it."""
        self._limit_ms = ms
        self._limit = _FOREVER if ms is None else now + ms / 1000

    def heard(self, event: bytes | Heard | None, now: float) -> None:
        """A message, a change of the connection, or None: time passed."""
        self._look_at_clock(now)
        if event is None:
            return
        if event is Heard.DEAF:
            self._deaf = True
            self.must_read = True
        elif event is Heard.SUBSCRIBED:
            self._deaf = False
            self.must_read = True
        else:
            self._hear_message(event)

    def read(self, reply: Reply, now: float) -> None:
        """What a script answered: the first time this binds the wait to a flow."""
        self.must_read = False
        record = reply.record
        if self.origin is None:
            if record is None:
                text = f"there is no flow {self.flow}: never created, or its retention is over"
                self._end(Ending(error=FlowNotFoundError(text, self.flow)))
                return
            self.origin = record.origin
            self._bound_at = reply.now
        self._compare(record, reply.now)
        if record is not None:
            self._plan(record, reply.now, now)

    def failed(self, error: FlowError, now: float) -> None:
        """A read was not answered. The first must be, or nothing is known of the flow; later ones are repeated."""
        self.must_read = False
        if self.origin is None or not isinstance(error, FlowUnavailableError):
            self._end(Ending(error=error))
        elif now >= self._deadline + _GRACE:
            text = f"the deadline of {self.flow} passed, and Redis could not be asked how it ended"
            self._end(Ending(error=FlowUnavailableError(text, self.flow)))
        # Past its end a lease is looked at again with the sweep.
        self._lease = self._lease if now < self._lease else _FOREVER
        self._sweep = now + self._jittered(self._poll)

    def patience(self, now: float) -> float:
        """For how many seconds there is nothing to do but listen."""
        return max(0.0, min(self._deadline_look(now), self._lease, self._sweep, self._limit) - now)

    def _deadline_look(self, now: float) -> float:
        # Once past it, reads that fail are repeated by the sweep.
        return self._deadline if now < self._deadline else _FOREVER

    def _look_at_clock(self, now: float) -> None:
        if now >= self._limit:
            text = f"waited {self._limit_ms} ms for {self.flow}"
            self._end(Ending(error=FlowWaitTimeoutError(text, self.flow)))
        elif now >= min(self._deadline, self._lease, self._sweep):
            self.must_read = True

    def _plan(self, record: Stored, server_now: int, now: float) -> None:
        self._deadline = now + (record.deadline_at - server_now) / 1000 + _AFTER
        leased = self._follows_lease and record.lease_until is not None
        self._lease = now + ((record.lease_until or 0) - server_now) / 1000 + _AFTER if leased else _FOREVER
        self._sweep = now + self._jittered(self._poll if self._deaf else self._reread)

    def _hear_message(self, data: bytes) -> None:
        message = parse_message(data)
        if message is None or message.origin != self.origin:
            self.must_read = True
        elif message.event == "RELEASED":
            if self._follows_lease:
                self._end(Ending())
        elif message.event == "SUPERSEDED":
            self._end(Ending(error=superseded(self.flow)))
        elif message.event == "DELETED":
            self._end(Ending(error=deleted(self.flow)))
        elif message.payload is None:
            self.must_read = True
        else:
            self._end(Ending(Settlement(message.event, message.fence, message.payload)))  # type: ignore[arg-type]

    def _compare(self, record: Stored | None, server_now: int) -> None:
        """Reads may overtake one another: what is older than the wait's own first read is no news."""
        # An older flow, seen later: a failover forgot the one waited for, and what it had replaced is back.
        if record is None or (self.origin is not None and record.origin < self.origin):
            if server_now > self._bound_at:
                self._end(Ending(error=deleted(self.flow)))
            else:
                self.must_read = True
        elif self.origin is not None and record.origin > self.origin:
            self._end(Ending(error=superseded(self.flow)))
        elif record.origin == self.origin:
            if record.lacks_payload:
                self.must_read = True
            elif record.status != "PENDING":
                self._end(Ending(Settlement.of(record)))
            elif self._follows_lease and record.lease_until is not None and record.lease_until <= server_now:
                self._end(Ending())

    def _end(self, ending: Ending) -> None:
        self.ending = self.ending or ending

    @staticmethod
    def _jittered(seconds: float) -> float:
        return seconds * (0.75 + random.random() / 2)


def superseded(flow: FlowName) -> FlowError:
    return FlowSupersededError(f"{flow} was superseded by another flow of this name", flow)


def deleted(flow: FlowName) -> FlowError:
    return FlowDeletedError(f"{flow} is gone: deleted, evicted, or lost by the server", flow)
