"""The blocking client: `Broker` and `Flows` over redis-py's ``Redis`` or ``RedisCluster``."""

from __future__ import annotations

import functools
import time
from typing import Any, Callable, Collection, Concatenate, Generic, Literal, Mapping, ParamSpec, TypeVar

from . import running
from .blocking_steps import Performer, RunContext
from .codec import Codec
from .contract import check_id
from .errors import FlowInvalidArgumentError, FlowName
from .options import MAX_MS, FlowOptions, ms_or_none, whole_number
from .records import CreateResult, DeleteResult, FlowRecord, RunResult, SettleResult
from .steps import Definition
from .waiting import Heard, Wait

__all__ = ["Broker", "Flows", "Opened", "RunContext"]

T = TypeVar("T")
M = TypeVar("M")
P = ParamSpec("P")


class Broker(Performer):
    """A broker over one Redis, for threads. Define types of flows on it, close it when done.

    ``redis`` is a URL, or a ``Redis`` or ``RedisCluster`` of yours (without ``decode_responses``), which is borrowed and never
    closed. A server that cannot be reached shows in the calls (`FlowUnavailableError`), not here. Each wait listens on a
    connection of its own. Times are milliseconds: ``poll_ms`` (500) is how often a wait reads while nothing can be heard,
    ``reread_ms`` (10,000) how often it reads anyway, ``command_timeout_ms`` (5,000) how long a command may take where ``redis`` is a
    URL; a result of up to ``inline_bytes`` (8,192) travels with the wake-up.

    >>> broker = Broker("redis://localhost:6379")  # doctest: +SKIP
    """

    @property
    def id(self) -> str:
        """Names this broker as the owner of what it runs."""
        return self._verbs.broker_id

    def define(
        self,
        type: str,
        *,
        timeout_ms: int = 300_000,
        retention_ms: int | Mapping[str, int] | None = None,
        lease_ms: int = 15_000,
        max_attempts: int = 0,
        fresh_until: Callable[[Any], int | None] | None = None,
        reuse: Collection[str] = ("COMPLETED",),
        min_fresh_ms: int = 0,
        codec: Codec | None = None,
        max_payload_bytes: int = 1_048_576,
    ) -> Flows[Any, Any]:
        """The flows of one type (1 to 64 of A-Z a-z 0-9 _ . -). Costs nothing; the same options in every process."""
        more = {} if codec is None else {"codec": codec}
        options = FlowOptions(
            type, timeout_ms, retention_ms, lease_ms, max_attempts, fresh_until, reuse, min_fresh_ms,
            max_payload_bytes=max_payload_bytes, **more,
        )  # fmt: skip
        return Flows(self, Definition(self._verbs, options))

    def close(self, drain_ms: int = 0) -> None:
        """Takes no more calls, waits up to ``drain_ms`` for handlers and what they return to be stored, then tells the rest and frees
        their flows for others.

        Waits in other threads end with `FlowClosedError` within half a second. Closes the connections it opened.
        """
        whole_number("drain_ms", drain_ms, 0, MAX_MS)
        self._close(drain_ms)

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class Opened(Generic[T, M]):
    """What ``open`` did, and the wait that it began, which holds a connection until `result` or `close`."""

    def __init__(self, created: CreateResult[T, M], finish: Callable[[int | None], T], close: Callable[[], None]) -> None:
        self.verdict = created.verdict
        self.record = created.record
        self._finish = finish
        self.close = close

    def result(self, timeout_ms: int | None = None) -> T:
        """Waits until the flow ends, as `Flows.wait` does. Once only."""
        return self._finish(ms_or_none("timeout_ms", timeout_ms))

    def __enter__(self) -> Opened[T, M]:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class Flows(Generic[T, M]):
    """The flows of one type: ``T`` is the type of their results, ``M`` of their metadata. Made by `Broker.define`.

    Every method checks its arguments first (`FlowInvalidArgumentError`, nothing sent), and raises `FlowUnavailableError` when Redis
    does not answer, `FlowRecordError` when something else stands under the flow's key, `FlowClosedError` after ``close``.
    """

    def __init__(self, broker: Broker, definition: Definition) -> None:
        self.type = definition.options.type
        self._broker = broker
        self._definition = definition

    def create(
        self,
        id: str,
        *,
        metadata: M | None = None,
        timeout_ms: int | None = None,
        conflict: Literal["join", "supersede"] = "join",
        reuse: Collection[str] | None = None,
        min_fresh_ms: int | None = None,
        reject_fence: int | None = None,
    ) -> CreateResult[T, M]:
        """Makes sure that the flow stands: ``created``, ``joined`` (pending already), or ``settled`` (ended as ``reuse`` hands back)."""
        flow = self._flow(id)
        call = self._definition.create_call(
            flow, metadata=metadata, timeout_ms=timeout_ms, conflict=conflict, reuse=reuse, min_fresh_ms=min_fresh_ms,
            reject_fence=reject_fence,
        )  # fmt: skip
        return self._broker._perform(self._definition.create(flow, call))

    def wait(self, id: str, *, timeout_ms: int | None = None) -> T:
        """Waits until the flow ends: returns its result, or raises the error that says how it ended otherwise.

        At once `FlowNotFoundError` if there is none. A lost connection prolongs nothing and loses nothing. ``timeout_ms`` ends this
        wait alone, with `FlowWaitTimeoutError`.
        """
        flow = self._flow(id)
        limit = ms_or_none("timeout_ms", timeout_ms)
        wait = Wait(flow, self._broker._options, time.monotonic(), limit_ms=limit)
        ear = self._broker._connection.ear(self._broker._verbs.key(flow))
        result: T = self._broker._follow(wait, ear).result(flow, self._definition.payloads)
        return result

    def open(self, id: str, **options: Any) -> Opened[T, M]:
        """``create`` and the beginning of ``wait``: when it returns, the flow is durable and this process listens.

        >>> with approvals.open(order) as opened:  # doctest: +SKIP
        ...     mail(order)
        ...     approval = opened.result()
        """
        broker, definition = self._broker, self._definition
        flow = self._flow(id)
        call = definition.create_call(flow, **options)
        ear = broker._connection.ear(call.key)
        wait = Wait(flow, broker._options, time.monotonic())
        try:
            ear.hear(broker._options.poll_ms / 1000)  # deaf or not, the record is the authority
            reply = broker._call(call)
            wait.read(reply, time.monotonic())
            created = broker._perform(definition.created(flow, reply))
        except BaseException:
            ear.close()
            raise

        def finish(timeout_ms: int | None) -> T:
            wait.limit(time.monotonic(), timeout_ms)
            wait.heard(Heard.SUBSCRIBED, time.monotonic())
            result: T = broker._follow(wait, ear).result(flow, definition.payloads)
            return result

        return Opened(created, finish, ear.close)

    def complete(
        self, id: str, result: T, *, fence: int | None = None, retention_ms: int | None = None, replace: bool = False
    ) -> SettleResult[T, M]:
        """Completes the flow, once, and wakes everybody who waits for it; the verdict says what came of it."""
        flow = self._flow(id)
        options = {"fence": fence, "retention_ms": retention_ms, "replace": replace}
        return self._broker._perform(self._definition.complete(flow, result, options))

    def fail(
        self, id: str, error: object, *, fence: int | None = None, retention_ms: int | None = None, replace: bool = False
    ) -> SettleResult[T, M]:
        """Fails the flow: waiters get `FlowFailedError`, whose ``__cause__`` has the error's name, message, code and data."""
        flow = self._flow(id)
        options = {"fence": fence, "retention_ms": retention_ms, "replace": replace}
        return self._broker._perform(self._definition.end(flow, "FAILED", error, options))

    def cancel(
        self,
        id: str,
        reason: object = "canceled",
        *,
        fence: int | None = None,
        retention_ms: int | None = None,
        replace: bool = False,
    ) -> SettleResult[T, M]:
        """Cancels the flow: waiters get `FlowCanceledError`, a handler that runs is told."""
        flow = self._flow(id)
        options = {"fence": fence, "retention_ms": retention_ms, "replace": replace}
        return self._broker._perform(self._definition.end(flow, "CANCELED", reason, options))

    def get(self, id: str) -> FlowRecord[T, M] | None:
        """The record as it stands, or None. A flow past its deadline reads as TIMED_OUT."""
        return self._broker._perform(self._definition.get(self._flow(id)))

    def delete(self, id: str, *, fence: int | None = None, statuses: Collection[str] | None = None) -> DeleteResult[T, M]:
        """Takes the flow away; who waits for it gets `FlowDeletedError`."""
        return self._broker._perform(self._definition.delete(self._flow(id), fence, statuses))

    def run(self, id: str, handler: Callable[[RunContext], T], **options: Any) -> T:
        """Single-flight: of all callers in all processes one runs the handler, all get its result.

        If the owner's process dies, one that waits takes over when the lease ends, up to ``max_attempts``. A result that was stored
        before is handed back while it is fresh. The handler runs in this thread, its lease is renewed in another. What it raises
        fails the flow: `FlowFailedError`. Options: ``metadata``, ``timeout_ms``, ``lease_ms``, ``max_attempts``, ``min_fresh_ms``,
        ``reject_fence``, ``wait_ms`` (how long to wait for another's run), ``on_unavailable`` ("raise", or "run" it uncoordinated).
        """
        return self.run_fenced(id, handler, **options).result

    def run_fenced(self, id: str, handler: Callable[[RunContext], T], **options: Any) -> RunResult[T]:
        """`run`, with the fence of the result: what to give as ``reject_fence`` when a server refuses it."""
        flow = self._flow(id)
        if not callable(handler):
            raise FlowInvalidArgumentError("handler must be a function")
        return self._broker._perform(running.run(self._definition, flow, **options), handler)

    def single_flight(
        self, key: Callable[P, str], **options: Any
    ) -> Callable[[Callable[Concatenate[RunContext, P], T]], Callable[P, T]]:
        """`run` as a decorator: ``key`` makes the flow's id of the arguments.

        >>> @refreshes.single_flight(key=lambda user: user)  # doctest: +SKIP
        ... def refresh(context: RunContext, user: str) -> Tokens: ...
        """

        def decorate(function: Callable[Concatenate[RunContext, P], T]) -> Callable[P, T]:
            @functools.wraps(function)
            def call(*args: P.args, **kwargs: P.kwargs) -> T:
                return self.run(key(*args, **kwargs), lambda context: function(context, *args, **kwargs), **options)

            return call

        return decorate

    def _flow(self, id: object) -> FlowName:
        flow = check_id(self.type, id)
        self._broker._check(flow)
        return flow
