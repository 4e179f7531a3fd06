"""Performs steps by awaiting."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, TypeVar

from .awaiting import Client, Connection, Ear
from .contract import Reply
from .errors import FlowClosedError, FlowError, FlowName
from .options import BrokerOptions
from .running import Attempt, Handled
from .steps import Call, Follow, Handle, Pause, Step, Steps, Verbs
from .waiting import Ending, Wait

T = TypeVar("T")
R = TypeVar("R")

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


class Performer:
    """What an asyncio broker does with steps: calls scripts, follows waits, runs handlers under their lease."""

    def __init__(self, redis: str | Client, **options: Any) -> None:
        self._options = BrokerOptions(**options)
        self._connection = Connection(redis, self._options)
        self._verbs = Verbs(self._options, "SPUBLISH" if self._connection.sharded else "PUBLISH")
        self._closed = False
        self._handlers: dict[asyncio.Task[Any], Attempt] = {}

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
