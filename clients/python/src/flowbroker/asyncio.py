"""The asyncio client: `Broker` and `Flows` over redis-py's asyncio ``Redis`` or ``RedisCluster``."""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import dataclass
from typing import (
    Any,
    Awaitable,
    Callable,
    Collection,
    Concatenate,
    Coroutine,
    Generic,
    Literal,
    Mapping,
    ParamSpec,
    TypeVar,
)

from . import running
from .awaiting import Client, Connection, Ear
from .codec import Codec
from .contract import Reply, check_id
from .errors import FlowClosedError, FlowError, FlowInvalidArgumentError, FlowName
from .options import MAX_MS, BrokerOptions, FlowOptions, ms_or_none, whole_number
from .records import CreateResult, DeleteResult, FlowRecord, RunResult, SettleResult
from .running import Attempt, Handled
from .steps import Call, Definition, Follow, Handle, Pause, Step, Steps, Verbs
from .waiting import Ending, Wait

T = TypeVar("T")
M = TypeVar("M")
R = TypeVar("R")
P = ParamSpec("P")

# Most handlers take longer than this; those that do not are spared the subscription.
_WATCH_AFTER = 0.05


@dataclass(frozen=True)
class RunContext:
    """What a handler of ``run`` is given. Its task is canceled when the work is no longer this process's to do."""

    #: This attempt's fence: pass it on to whatever can refuse an older one. 0 where ``coordinated`` is False.
    fence: int
    #: 1 for the first run of the handler, 2 for the first takeover, and so on.
    attempt: int
    #: False only when Redis was unreachable and the caller chose ``on_unavailable="run"``.
    coordinated: bool


Handler = Callable[[RunContext], Awaitable[T]]


class Broker:
    """A broker over one Redis, for one event loop. Define types of flows on it, close it when done.

    As `flowbroker.Broker`, but that ``redis`` is a URL or a client of ``redis.asyncio``, that all waits share one listening
    connection, and that ``command_timeout_ms`` holds for a borrowed client too.

    >>> broker = Broker("redis://localhost:6379")  # doctest: +SKIP
    """

    def __init__(self, redis: str | Client, **options: Any) -> None:
        self._options = BrokerOptions(**options)
        self._connection = Connection(redis, self._options)
        self._verbs = Verbs(self._options, "SPUBLISH" if self._connection.sharded else "PUBLISH")
        self._closed = False
        self._handlers: dict[asyncio.Task[Any], Attempt] = {}

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

    async def close(self, drain_ms: int = 0) -> None:
        """Takes no more calls, waits up to ``drain_ms`` for handlers, then cancels the rest and frees their flows for others.

        Waits end with `FlowClosedError`. Closes the connections it opened.
        """
        whole_number("drain_ms", drain_ms, 0, MAX_MS)
        self._closed = True
        if self._handlers:
            await asyncio.wait(list(self._handlers), timeout=drain_ms / 1000)
        left = list(self._handlers.items())
        for task, attempt in left:
            attempt.lost = FlowClosedError("the broker was closed", attempt.flow)
            task.cancel()
        for _task, attempt in left:
            await self._release(attempt)
        await self._connection.close()

    async def __aenter__(self) -> Broker:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def _check(self, flow: FlowName | None = None) -> None:
        if self._closed:
            raise FlowClosedError("the broker is closed", flow)

    async def _perform(self, steps: Steps[R], handler: Handler[Any] | None = None) -> R:
        try:
            step = next(steps)
            while True:
                try:
                    came = await self._do(step, handler)
                except FlowError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(came)
        except StopIteration as end:
            result: R = end.value
            return result

    async def _do(self, step: Step, handler: Handler[Any] | None) -> object:
        if isinstance(step, Call):
            return await (self._call(step) if handler is None or step.verb != "create" else self._ask(step))
        if isinstance(step, Follow):
            return await self._follow(step.wait, self._connection.ear(self._verbs.key(step.wait.flow)))
        if isinstance(step, Handle):
            assert handler is not None
            return await self._handle(step.attempt, handler)
        assert isinstance(step, Pause)
        await asyncio.sleep(step.ms / 1000)
        return None

    async def _call(self, call: Call) -> Reply:
        self._check(call.flow)
        return await self._connection.run(call)

    async def _ask(self, call: Call) -> Reply:
        """A create that may make this process the owner: a caller who leaves meanwhile must not leave the flow owned."""
        asking = asyncio.ensure_future(self._call(call))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await asyncio.shield(self._disown(call, asking))
            raise

    async def _disown(self, call: Call, asking: asyncio.Future[Reply]) -> None:
        try:
            reply = await asking
            if reply.record is not None and reply.verdict in ("created", "taken_over"):
                await self._connection.run(self._verbs.release(call.flow, reply.record.fence, unbegun=1))
        except FlowError:
            pass  # it never became the owner, or is followed by another when the lease ends

    async def _follow(self, wait: Wait, ear: Ear) -> Ending:
        """Drives a wait to its end: listen first, then read, and read again whatever happens."""
        try:
            while wait.ending is None:
                if wait.must_read:
                    try:
                        wait.read(await self._call(self._verbs.read(wait.flow)), time.monotonic())
                    except FlowError as error:
                        wait.failed(error, time.monotonic())
                    continue
                self._check(wait.flow)
                event = await ear.hear(wait.patience(time.monotonic()))
                wait.heard(event, time.monotonic())
            return wait.ending
        finally:
            await ear.close()

    async def _handle(self, attempt: Attempt, handler: Handler[Any]) -> Handled:
        record = attempt.record
        context = RunContext(attempt.fence, record.attempt if record else 1, record is not None)
        task = asyncio.ensure_future(handler(context))
        self._handlers[task] = attempt
        keepers = [] if record is None else [self._renew(attempt, task), self._watch(attempt, task)]
        keeping = [asyncio.create_task(keeper) for keeper in keepers]
        try:
            return Handled(value=await task)
        except asyncio.CancelledError:
            if attempt.lost is not None and not _canceling():
                return Handled(raised=attempt.lost)
            # The last caller has left: the flow is free for others at once.
            task.cancel()
            await asyncio.shield(self._release(attempt))
            raise
        except Exception as error:
            return Handled(raised=error)
        finally:
            self._handlers.pop(task, None)
            for kept in keeping:
                kept.cancel()

    async def _renew(self, attempt: Attempt, task: asyncio.Future[Any]) -> None:
        while attempt.lost is None:
            await asyncio.sleep(attempt.pause)
            await self._renew_now(attempt)
        task.cancel()

    async def _renew_now(self, attempt: Attempt) -> None:
        asked = time.monotonic()
        try:
            call = self._verbs.renew(attempt.flow, attempt.fence, attempt.lease_ms)
            attempt.renewed(await self._connection.run(call), asked)
        except FlowError as error:
            attempt.unanswered(error, time.monotonic())

    async def _watch(self, attempt: Attempt, task: asyncio.Future[Any]) -> None:
        """Listens for the flow's end from elsewhere, so that the handler is told at once and not at the next renewal."""
        await asyncio.sleep(_WATCH_AFTER)
        wait = Wait(attempt.flow, self._options, time.monotonic())
        try:
            await self._follow(wait, self._connection.ear(self._verbs.key(attempt.flow)))
        except FlowClosedError:
            return
        # What it ended with is for the caller to learn; here it only matters whether the lease still stands.
        await self._renew_now(attempt)
        if attempt.lost is not None:
            task.cancel()

    async def _release(self, attempt: Attempt) -> None:
        if attempt.record is None:
            return
        try:
            await self._connection.run(self._verbs.release(attempt.flow, attempt.fence))
        except FlowError:
            pass  # who cannot release is followed by another when the lease ends


def _canceling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(frozen=True)
class Opened(Generic[T, M]):
    """What ``open`` did; ``outcome`` is how the flow ends. Nobody need await it; cancel it to stop waiting."""

    verdict: Literal["created", "joined", "settled"]
    record: FlowRecord[T, M]
    outcome: asyncio.Task[T]


class Flows(Generic[T, M]):
    """The flows of one type, as `flowbroker.Flows`; a canceled task ends its own wait or run alone."""

    def __init__(self, broker: Broker, definition: Definition) -> None:
        self.type = definition.options.type
        self._broker = broker
        self._definition = definition

    async def create(
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
        return await self._broker._perform(self._definition.create(flow, call))

    async def wait(self, id: str, *, timeout_ms: int | None = None) -> T:
        """Waits until the flow ends: returns its result, or raises the error that says how it ended otherwise.

        At once `FlowNotFoundError` if there is none. A lost connection prolongs nothing and loses nothing. ``timeout_ms`` ends this
        wait alone, with `FlowWaitTimeoutError`.
        """
        flow = self._flow(id)
        wait = Wait(flow, self._broker._options, time.monotonic(), limit_ms=ms_or_none("timeout_ms", timeout_ms))
        ear = self._broker._connection.ear(self._broker._verbs.key(flow))
        result: T = (await self._broker._follow(wait, ear)).result(flow, self._definition.payloads)
        return result

    async def open(self, id: str, *, wait_ms: int | None = None, **options: Any) -> Opened[T, M]:
        """``create`` and the beginning of ``wait``: when it returns, the flow is durable and this process listens."""
        broker, definition = self._broker, self._definition
        flow = self._flow(id)
        limit = ms_or_none("wait_ms", wait_ms)
        call = definition.create_call(flow, **options)
        ear = broker._connection.ear(call.key)
        wait = Wait(flow, broker._options, time.monotonic(), limit_ms=limit)
        try:
            await ear.hear(broker._options.poll_ms / 1000)  # deaf or not, the record is the authority
            reply = await broker._call(call)
            wait.read(reply, time.monotonic())
            created = await broker._perform(definition.created(flow, reply))
        except BaseException:
            await ear.close()
            raise

        async def finish() -> T:
            result: T = (await broker._follow(wait, ear)).result(flow, definition.payloads)
            return result

        outcome = asyncio.create_task(finish())
        outcome.add_done_callback(lambda task: task.cancelled() or task.exception())
        return Opened(created.verdict, created.record, outcome)

    async def complete(
        self, id: str, result: T, *, fence: int | None = None, retention_ms: int | None = None, replace: bool = False
    ) -> SettleResult[T, M]:
        """Completes the flow, once, and wakes everybody who waits for it; the verdict says what came of it."""
        flow = self._flow(id)
        options = {"fence": fence, "retention_ms": retention_ms, "replace": replace}
        return await self._broker._perform(self._definition.complete(flow, result, options))

    async def fail(
        self, id: str, error: object, *, fence: int | None = None, retention_ms: int | None = None, replace: bool = False
    ) -> SettleResult[T, M]:
        """Fails the flow: waiters get `FlowFailedError`, whose ``__cause__`` has the error's name, message, code and data."""
        flow = self._flow(id)
        options = {"fence": fence, "retention_ms": retention_ms, "replace": replace}
        return await self._broker._perform(self._definition.end(flow, "FAILED", error, options))

    async def cancel(
        self,
        id: str,
        reason: object = "canceled",
        *,
        fence: int | None = None,
        retention_ms: int | None = None,
        replace: bool = False,
    ) -> SettleResult[T, M]:
        """Cancels the flow: waiters get `FlowCanceledError`, a handler that runs is canceled."""
        flow = self._flow(id)
        options = {"fence": fence, "retention_ms": retention_ms, "replace": replace}
        return await self._broker._perform(self._definition.end(flow, "CANCELED", reason, options))

    async def get(self, id: str) -> FlowRecord[T, M] | None:
        """The record as it stands, or None. A flow past its deadline reads as TIMED_OUT."""
        return await self._broker._perform(self._definition.get(self._flow(id)))

    async def delete(
        self, id: str, *, fence: int | None = None, statuses: Collection[str] | None = None
    ) -> DeleteResult[T, M]:
        """Takes the flow away; who waits for it gets `FlowDeletedError`."""
        return await self._broker._perform(self._definition.delete(self._flow(id), fence, statuses))

    async def run(self, id: str, handler: Handler[T], **options: Any) -> T:
        """Single-flight, as `flowbroker.Flows.run`. The handler runs in a task of its own, which is canceled when its flow is lost
        or this call is canceled; then the flow is free for others at once.
        """
        return (await self.run_fenced(id, handler, **options)).result

    async def run_fenced(self, id: str, handler: Handler[T], **options: Any) -> RunResult[T]:
        """`run`, with the fence of the result: what to give as ``reject_fence`` when a server refuses it."""
        flow = self._flow(id)
        if not callable(handler):
            raise FlowInvalidArgumentError("handler must be a function")
        return await self._broker._perform(running.run(self._definition, flow, **options), handler)

    def single_flight(
        self, key: Callable[P, str], **options: Any
    ) -> Callable[[Callable[Concatenate[RunContext, P], Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """`run` as a decorator: ``key`` makes the flow's id of the arguments."""

        def decorate(
            function: Callable[Concatenate[RunContext, P], Awaitable[T]],
        ) -> Callable[P, Coroutine[Any, Any, T]]:
            @functools.wraps(function)
            async def call(*args: P.args, **kwargs: P.kwargs) -> T:
                id = key(*args, **kwargs)
                return await self.run(id, lambda context: function(context, *args, **kwargs), **options)

            return call

        return decorate

    def _flow(self, id: object) -> FlowName:
        flow = check_id(self.type, id)
        self._broker._check(flow)
        return flow
