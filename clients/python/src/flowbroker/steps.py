"""What the calls do, as steps: generators that say what they need of Redis and are given what came of it.

`flowbroker` performs the steps with blocking calls, `flowbroker.asyncio` by awaiting; neither knows more of flows than that.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Collection, Generator, TypeVar

from .contract import STATUSES, TERMINAL, Argument, Reply, SettleStatus, record_key
from .errors import FlowInvalidArgumentError, FlowName, FlowSupersededError
from .forking import after_fork
from .options import MAX_MS, BrokerOptions, FlowOptions, fence_or_none, ms_or_none, status_list, whole_number
from .records import CreateResult, DeleteResult, FlowRecord, Payloads, SettleResult

if TYPE_CHECKING:
    from .attempt import Attempt, Handled
    from .waiting import Wait

R = TypeVar("R")


@dataclass(frozen=True)
class Call:
    """Run a script; gives its `Reply`, or raises."""

    verb: str
    flow: FlowName
    key: str
    args: list[Argument]


@dataclass(frozen=True)
class Follow:
    """Wait until a flow ends, or its owner is gone; gives the `Ending`."""

    wait: Wait


@dataclass(frozen=True)
class Handle:
    """Run the handler while its lease is renewed, then perform what ``conclude`` makes of it; gives what that gives.

    Until then the attempt counts as running.
    """

    attempt: Attempt
    conclude: Callable[[Handled], Steps[Any]]


@dataclass(frozen=True)
class Pause:
    ms: int


Step = Call | Follow | Handle | Pause
Steps = Generator[Step, Any, R]


class Verbs:
    """The scripts' arguments for one broker, and its request ids."""

    def __init__(self, options: BrokerOptions, publish: str) -> None:
        self.options = options
        self.publish = publish
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        """A forked child is another broker: with the ids of its parent, their requests would be taken for one another's repetitions."""
        self.broker_id = secrets.token_hex(6)
        self._requests = itertools.count()

    def request(self) -> str:
        """A new request id: the same one again makes a repeated request answer as the first did."""
        return f"{self.broker_id}.{next(self._requests)}"

    def key(self, flow: FlowName) -> str:
        return record_key(self.options.prefix, flow)

    def create(self, flow: FlowName, timeout_ms: int, metadata: bytes, **options: object) -> Call:
        return self._call("create", flow, [self.request(), str(timeout_ms), metadata], options)

    def settle(self, flow: FlowName, request: str, status: str, payload: bytes, **options: object) -> Call:
        return self._call("settle", flow, [request, status, payload, str(self.options.inline_bytes)], options)

    def renew(self, flow: FlowName, fence: int, lease_ms: int) -> Call:
        return self._call("renew", flow, [str(fence), self.broker_id, str(lease_ms)], {})

    def release(self, flow: FlowName, fence: int, **options: object) -> Call:
        return self._call("release", flow, [self.request(), str(fence), self.broker_id], options)

    def read(self, flow: FlowName) -> Call:
        return self._call("read", flow, [], {})

    def delete(self, flow: FlowName, **options: object) -> Call:
        return self._call("delete", flow, [self.request()], options)

    def _call(self, verb: str, flow: FlowName, positional: list[Argument], options: dict[str, object]) -> Call:
        args: list[Argument] = [self.publish, *positional]
        for name, value in options.items():
            if value is not None:
                args += [name, str(value)]
        return Call(verb, flow, self.key(flow), args)


class Definition:
    """One type of flows: its options, its codec, and the steps of the calls that neither wait nor run."""

    def __init__(self, verbs: Verbs, options: FlowOptions) -> None:
        self.verbs = verbs
        self.options = options
        self.payloads = Payloads(options.codec, options.max_payload_bytes)

    def create_call(
        self,
        flow: FlowName,
        *,
        metadata: Any = None,
        timeout_ms: int | None = None,
        conflict: str = "join",
        reuse: Collection[str] | None = None,
        min_fresh_ms: int | None = None,
        reject_fence: int | None = None,
        **more: object,
    ) -> Call:
        chosen = self.options
        if conflict not in ("join", "supersede"):
            raise FlowInvalidArgumentError(f"conflict must be one of join, supersede, got {conflict!r}")
        words = status_list("reuse", chosen.reuse if reuse is None else reuse, TERMINAL)
        fresh = whole_number("min_fresh_ms", chosen.min_fresh_ms if min_fresh_ms is None else min_fresh_ms, 0, MAX_MS)
        return self.verbs.create(
            flow,
            whole_number("timeout_ms", chosen.timeout_ms if timeout_ms is None else timeout_ms, 1, MAX_MS),
            self.payloads.encode(flow, "metadata", metadata),
            retention=chosen.retention,
            conflict="supersede" if conflict == "supersede" else None,
            reuse=None if words == "COMPLETED" else words,
            minFreshMs=fresh or None,
            rejectFence=fence_or_none("reject_fence", reject_fence),
            **more,
        )

    def created(self, flow: FlowName, reply: Reply) -> Steps[CreateResult[Any, Any]]:
        verdict, record = reply.verdict, reply.record
        if record is None or verdict not in ("created", "joined", "settled"):
            raise FlowSupersededError(f"{flow} was superseded by another flow of this name", flow)
        if record.lacks_payload:
            # Too large for that reply: the record has it.
            whole = (yield self.verbs.read(flow)).record
            if whole is None or whole.fence != record.fence:
                raise FlowSupersededError(f"{flow} was superseded by another flow of this name", flow)
            record = whole
        return CreateResult(verdict, self.payloads.record(flow, record))  # type: ignore[arg-type]

    def create(self, flow: FlowName, call: Call) -> Steps[CreateResult[Any, Any]]:
        reply: Reply = yield call
        return (yield from self.created(flow, reply))

    def complete(self, flow: FlowName, result: Any, options: dict[str, Any]) -> Steps[SettleResult[Any, Any]]:
        payload = self.payloads.encode(flow, "result", result)
        return self._settle(flow, "COMPLETED", payload, freshUntil=self.fresh_until(flow, result), **options)

    def end(
        self, flow: FlowName, status: SettleStatus, reason: object, options: dict[str, Any]
    ) -> Steps[SettleResult[Any, Any]]:
        return self._settle(flow, status, self.payloads.encode_error(flow, reason), **options)

    def get(self, flow: FlowName) -> Steps[FlowRecord[Any, Any] | None]:
        reply: Reply = yield self.verbs.read(flow)
        return None if reply.record is None else self.payloads.record(flow, reply.record)

    def delete(self, flow: FlowName, fence: int | None, statuses: Collection[str] | None) -> Steps[DeleteResult[Any, Any]]:
        words = None if statuses is None else status_list("statuses", statuses, STATUSES)
        reply: Reply = yield self.verbs.delete(flow, fence=fence_or_none("fence", fence), statuses=words)
        record = None if reply.record is None else self.payloads.record(flow, reply.record)
        return DeleteResult(reply.verdict, record)  # type: ignore[arg-type]

    def fresh_until(self, flow: FlowName, result: Any) -> int | None:
        until = self.options.fresh_until(result) if self.options.fresh_until else None
        if until is None:
            return None
        if isinstance(until, (int, float)) and not isinstance(until, bool) and 0 <= until < 2**53:
            return int(until)
        raise FlowInvalidArgumentError(f"fresh_until of {flow} must return ms since the epoch or None", flow)

    def _settle(
        self,
        flow: FlowName,
        status: SettleStatus,
        payload: bytes,
        *,
        fence: int | None = None,
        retention_ms: int | None = None,
        replace: bool = False,
        freshUntil: int | None = None,
    ) -> Steps[SettleResult[Any, Any]]:
        if replace and fence is None:
            raise FlowInvalidArgumentError("replace needs fence: the state that it replaces")
        reply: Reply = yield self.verbs.settle(
            flow, self.verbs.request(), status, payload, fence=fence_or_none("fence", fence), freshUntil=freshUntil,
            retentionMs=ms_or_none("retention_ms", retention_ms), replace=1 if replace else None,
        )  # fmt: skip
        if reply.record is None:
            return SettleResult("not_found", None)
        sent = payload if reply.verdict == "applied" else None
        return SettleResult(reply.verdict, self.payloads.record(flow, reply.record, sent))  # type: ignore[arg-type]
