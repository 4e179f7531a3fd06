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
from .awaiting_steps import Handler, Performer, RunContext
from .codec import Codec
from .contract import check_id
from .errors import FlowInvalidArgumentError, FlowName
from .options import MAX_MS, FlowOptions, ms_or_none, whole_number
from .records import CreateResult, DeleteResult, FlowRecord, RunResult, SettleResult
from .steps import Definition
from .waiting import Wait

__all__ = ["Broker", "Flows", "Handler", "Opened", "RunContext"]

T = TypeVar("T")
M = TypeVar("M")
P = ParamSpec("P")


class Broker(Performer):
    """A broker over one Redis, for one event loop. Define types of flows on it, close it when done.

    As `flowbroker.Broker`, but that ``redis`` is a URL or a client of ``redis.asyncio``, that all waits share one listening
    connection, and that ``command_timeout_ms`` holds for a borrowed client too.

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

    async def close(self, drain_ms: int = 0) -> None:
        """Takes no more calls, waits up to ``drain_ms`` for handlers and what they return to be stored, then cancels the rest and frees
        their flows for others.

        Waits end with `FlowClosedError`. Closes the connections it opened.
        """
        whole_number("drain_ms", drain_ms, 0, MAX_MS)
        await self._close(drain_ms)

    async def __aenter__(self) -> Broker:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


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
            ear.close()
            raise

        async def finish() -> T:
            result: T = (await broker._follow(wait, ear)).result(flow, definition.payloads)
            return result

        outcome = broker._outcome(finish())
        outcome.add_done_callback(lambda _task: ear.close())  # also where it is canceled before its first step
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
