"""Performs steps by awaiting."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Coroutine, TypeVar

from .attempt import Attempt, Handled
from .awaiting import Client, Connection
from .awaiting_ear import Ear
from .awaiting_lease import Keeper
from .canceling import Canceling
from .contract import Reply
from .errors import FlowClosedError, FlowError, FlowName
from .options import BrokerOptions
from .steps import Call, Follow, Handle, Pause, Step, Steps, Verbs
from .waiting import Ending, Wait

T = TypeVar("T")
R = TypeVar("R")


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


class Performer:
    """What an asyncio broker does with steps: calls scripts, follows waits, runs handlers under their lease."""

    def __init__(self, redis: str | Client, **options: Any) -> None:
        self._options = BrokerOptions(**options)
        self._connection = Connection(redis, self._options)
        self._verbs = Verbs(self._options, "SPUBLISH" if self._connection.sharded else "PUBLISH")
        self._closed = False
        self._running: dict[Attempt, Keeper] = {}
        self._left = asyncio.Event()
        self._asking: set[asyncio.Task[Any]] = set()
        self._going_on: set[asyncio.Task[Any]] = set()
        self._outcomes: set[asyncio.Task[Any]] = set()

    def _check(self, flow: FlowName | None = None, attempt: Attempt | None = None) -> None:
        if self._closed if attempt is None else isinstance(attempt.lost, FlowClosedError):
            raise FlowClosedError("the broker is closed", flow)

    async def _perform(self, steps: Steps[R], handler: Handler[Any] | None = None, attempt: Attempt | None = None) -> R:
        """``attempt``: the steps conclude one that is running, which a broker that drains still lets them do."""
        try:
            step = next(steps)
            while True:
                try:
                    came = await self._do(step, handler, attempt)
                except FlowError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(came)
        except StopIteration as end:
            result: R = end.value
            return result

    async def _do(self, step: Step, handler: Handler[Any] | None, attempt: Attempt | None) -> object:
        if isinstance(step, Call):
            return await (self._call(step, attempt) if handler is None else self._ask(step))
        if isinstance(step, Follow):
            return await self._follow(step.wait, self._connection.ear(self._verbs.key(step.wait.flow)))
        if isinstance(step, Handle):
            assert handler is not None
            return await self._handle(step, handler)
        assert isinstance(step, Pause)
        await asyncio.sleep(step.ms / 1000)
        return None

    async def _call(self, call: Call, attempt: Attempt | None = None) -> Reply:
        self._check(call.flow, attempt)
        return await self._connection.run(call)

    async def _ask(self, call: Call) -> Reply:
        """A call that may make this process the owner: a caller who leaves meanwhile must not leave the flow owned."""
        asking = self._go_on(self._call(call))
        self._asking.add(asking)
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await asyncio.shield(self._go_on(self._disown(call, asking)))
            raise
        finally:
            self._asking.discard(asking)

    async def _disown(self, call: Call, asking: asyncio.Future[Reply]) -> None:
        try:
            reply = await asking
            if reply.record is not None and reply.verdict in ("created", "taken_over", "renewed"):
                await self._connection.run(self._verbs.release(call.flow, reply.record.fence, unbegun=1))
        except FlowError:
            pass  # it never became the owner, or is followed by another when the lease ends

    async def _follow(self, wait: Wait, ear: Ear, attempt: Attempt | None = None) -> Ending:
        """Drives a wait to its end: listen first, then read, and read again whatever happens."""
        canceling = Canceling()
        try:
            while wait.ending is None:
                canceling.check()
                if wait.must_read:
                    try:
                        wait.read(await self._call(self._verbs.read(wait.flow), attempt), time.monotonic())
                    except FlowError as error:
                        wait.failed(error, time.monotonic())
                    continue
                self._check(wait.flow, attempt)
                event = await ear.hear(wait.patience(time.monotonic()))
                wait.heard(event, time.monotonic())
            return wait.ending
        finally:
            ear.close()

    async def _handle(self, step: Handle, handler: Handler[Any]) -> Any:
        attempt = step.attempt
        if self._closed:
            # It was closed while this process became the owner. The attempt is not used up.
            await asyncio.shield(self._go_on(self._release(attempt, unbegun=1)))
            raise FlowClosedError("the broker is closed", attempt.flow)
        record = attempt.record
        context = RunContext(attempt.fence, record.attempt if record else 1, record is not None)

        async def begin() -> Any:
            return await handler(context)

        renewal = self._verbs.renew(attempt.flow, attempt.fence, attempt.lease_ms)
        keeper = Keeper(
            attempt, lambda: self._connection.run(renewal), lambda: self._watch(attempt), asyncio.create_task(begin())
        )
        self._running[attempt] = keeper
        try:
            handled = await self._handled(attempt, keeper)
        except BaseException:
            # The last caller has left: the flow is free for others at once.
            await asyncio.shield(self._go_on(self._let_go(attempt, keeper)))
            raise
        # The work is done: a caller who leaves now does not undo it.
        return await asyncio.shield(self._go_on(self._conclude(step, handled)))

    async def _handled(self, attempt: Attempt, keeper: Keeper) -> Handled:
        canceling = Canceling()
        try:
            return Handled(value=await keeper.handler)
        except asyncio.CancelledError:
            if attempt.lost is None or canceling:
                raise
            return Handled(raised=attempt.lost)
        except Exception as error:
            return Handled(raised=error)
        finally:
            keeper.end()

    async def _conclude(self, step: Handle, handled: Handled) -> Any:
        try:
            return await self._perform(step.conclude(handled), attempt=step.attempt)
        finally:
            self._leave(step.attempt)

    async def _watch(self, attempt: Attempt) -> Ending:
        origin = attempt.record.origin if attempt.record else None
        wait = Wait(attempt.flow, self._options, time.monotonic(), origin=origin)
        return await self._follow(wait, self._connection.ear(self._verbs.key(attempt.flow)), attempt)

    async def _close(self, drain_ms: int) -> None:
        self._closed = True
        try:
            async with asyncio.timeout(drain_ms / 1000):
                while self._running:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            pass
        left = list(self._running.items())
        for attempt, keeper in left:
            attempt.closed()
            keeper.handler.cancel()
        await asyncio.gather(*(self._let_go(attempt, keeper) for attempt, keeper in left))
        # Owners that were not to begin, releases and commits under way; each ends with its command, or that one's timeout.
        while under_way := self._asking | self._going_on:
            await asyncio.wait(under_way)
        await self._connection.close()

    async def _let_go(self, attempt: Attempt, keeper: Keeper) -> None:
        try:
            await keeper.settle()
            await self._release(attempt)
        finally:
            self._leave(attempt)

    async def _release(self, attempt: Attempt, **options: object) -> None:
        if attempt.record is None:
            return
        try:
            await self._connection.run(self._verbs.release(attempt.flow, attempt.fence, **options))
        except FlowError:
            pass  # who cannot release is followed by another when the lease ends

    def _leave(self, attempt: Attempt) -> None:
        self._running.pop(attempt, None)
        self._left.set()

    def _go_on(self, coroutine: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """A task that goes on when its caller leaves, and that closing waits for."""
        return _kept(self._going_on, coroutine)

    def _outcome(self, coroutine: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        return _kept(self._outcomes, coroutine)


def _kept(tasks: set[asyncio.Task[Any]], coroutine: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
    """An event loop alone would let go of a task that nobody holds; and nobody need await this one."""
    task = asyncio.create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task
