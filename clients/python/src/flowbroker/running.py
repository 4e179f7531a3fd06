"""Single-flight, without I/O: who runs the handler, under which lease, and what its commit came to."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Literal

from .attempt import Attempt, Handled
from .contract import Reply
from .errors import (
    FlowError,
    FlowFailedError,
    FlowInvalidArgumentError,
    FlowName,
    FlowNotFoundError,
    FlowOwnerLostError,
    FlowUnavailableError,
)
from .options import MAX_BYTES, MAX_MS, ms_or_none, whole_number
from .records import RunResult, Settlement
from .steps import Definition, Follow, Handle, Pause, Steps
from .waiting import Wait, deleted, superseded

_PAUSE_MS = 100
_SHORT = 1_000


def run(
    definition: Definition,
    flow: FlowName,
    *,
    metadata: Any = None,
    timeout_ms: int | None = None,
    lease_ms: int | None = None,
    max_attempts: int | None = None,
    min_fresh_ms: int | None = None,
    reject_fence: int | None = None,
    wait_ms: int | None = None,
    on_unavailable: Literal["raise", "run"] = "raise",
) -> Steps[RunResult[Any]]:
    """The steps of one ``run``. Its arguments are checked when the first step is asked for."""
    chosen, verbs, payloads = definition.options, definition.verbs, definition.payloads
    lease = whole_number("lease_ms", chosen.lease_ms if lease_ms is None else lease_ms, 100, MAX_MS)
    most = whole_number("max_attempts", chosen.max_attempts if max_attempts is None else max_attempts, 0, 1_000_000)
    ms_or_none("wait_ms", wait_ms)
    if on_unavailable not in ("raise", "run"):
        raise FlowInvalidArgumentError(f"on_unavailable must be one of raise, run, got {on_unavailable!r}")
    limit = None if wait_ms is None else time.monotonic() + wait_ms / 1000
    origin: int | None = None
    while True:
        call = definition.create_call(
            flow, metadata=metadata, timeout_ms=timeout_ms, min_fresh_ms=min_fresh_ms, reject_fence=reject_fence,
            owner=verbs.broker_id, leaseMs=lease, maxAttempts=most or None, origin=origin, replyLimit=MAX_BYTES,
        )  # fmt: skip
        asked = time.monotonic()
        try:
            reply: Reply = yield call
        except FlowUnavailableError:
            if on_unavailable == "raise" or origin is not None:
                raise
            return (yield from _uncoordinated(flow, lease))
        record = reply.record
        if reply.verdict == "superseded":
            raise superseded(flow)
        if record is None:
            raise deleted(flow)
        if record.status != "PENDING":
            return RunResult(Settlement.of(record).result(flow, payloads), record.fence)
        if reply.verdict == "joined":
            left = None if limit is None else max(1, int((limit - time.monotonic()) * 1000))
            wait = Wait(flow, verbs.options, time.monotonic(), follows_lease=True, limit_ms=left)
            ending = yield Follow(wait)
            gone = wait.origin is None and isinstance(ending.error, FlowNotFoundError)
            if ending.lapsed or gone:
                origin = wait.origin
                continue
            result = ending.result(flow, payloads)
            return RunResult(result, ending.settlement.fence)
        attempt = Attempt(flow, record, lease, asked)
        # An answer that was under way for longer than the lease lasts: it must be known to hold before the handler begins.
        while attempt.lost is None and time.monotonic() >= attempt.until:
            asked = time.monotonic()
            attempt.renewed((yield verbs.renew(flow, attempt.fence, lease)), asked)
        if attempt.lost is not None:
            origin = record.origin
            continue
        done: RunResult[Any] | None = yield Handle(attempt, partial(_conclude, definition, flow, attempt))
        if done is not None:
            return done
        origin = record.origin


def _uncoordinated(flow: FlowName, lease_ms: int) -> Steps[RunResult[Any]]:
    def conclude(handled: Handled) -> Steps[RunResult[Any]]:
        if handled.raised is not None:
            raise handled.raised
        return RunResult(handled.value, 0)
        yield  # no step: there is nothing to commit

    result: RunResult[Any] = yield Handle(Attempt(flow, None, lease_ms, time.monotonic()), conclude)
    return result


def _conclude(definition: Definition, flow: FlowName, attempt: Attempt, handled: Handled) -> Steps[RunResult[Any] | None]:
    """What came of owning the flow; None if it goes on elsewhere and must be followed."""
    payloads = definition.payloads
    # What Redis could not be asked about may still be this process's to commit; its fence decides. But a handler that was told
    # to stop fails because of that; whoever takes over decides what becomes of the flow.
    if attempt.lost is not None and (handled.raised is not None or not isinstance(attempt.lost, FlowOwnerLostError)):
        return None
    refused: Exception | None = None
    fresh = None
    if handled.raised is None:
        try:
            fresh = definition.fresh_until(flow, handled.value)
            payload = payloads.encode(flow, "result", handled.value)
        except Exception as error:
            refused = error
    failure = handled.raised or refused
    if failure is not None:
        status, payload, fresh = "FAILED", _encode_failure(definition, flow, failure), None
    else:
        status = "COMPLETED"
    reply = yield from _commit(definition, flow, attempt, status, payload, fresh)
    record = reply.record
    if record is None:
        raise deleted(flow)
    if reply.verdict in ("applied", "duplicate"):
        if refused is not None:
            raise refused
        if handled.raised is not None:
            raise FlowFailedError(f"{flow} failed: {handled.raised}", flow) from handled.raised
        return RunResult(handled.value, record.fence)
    if attempt.record is not None and record.origin != attempt.record.origin:
        raise superseded(flow)
    if record.status != "PENDING":
        return RunResult(Settlement.of(record).result(flow, payloads), record.fence)
    return None


def _commit(
    definition: Definition, flow: FlowName, attempt: Attempt, status: str, payload: bytes, fresh: int | None
) -> Steps[Reply]:
    """Settles, and while Redis is unreachable goes on trying for a lease's time, each time as the same request."""
    verbs = definition.verbs
    call = verbs.settle(flow, verbs.request(), status, payload, fence=attempt.fence, freshUntil=fresh)
    until = time.monotonic() + attempt.lease_ms / 1000
    while True:
        try:
            reply: Reply = yield call
            return reply
        except FlowUnavailableError:
            if time.monotonic() >= until:
                raise
        yield Pause(_PAUSE_MS)


def _encode_failure(definition: Definition, flow: FlowName, error: Exception) -> bytes:
    """An error that cannot be encoded whole goes short and without its data, so that waiters learn of the failure at least."""
    payloads = definition.payloads
    try:
        return payloads.encode_error(flow, error)
    except FlowError:
        info = {"name": type(error).__name__[:_SHORT], "message": str(error)[:_SHORT]}
        return payloads.encode(flow, "error", info)
