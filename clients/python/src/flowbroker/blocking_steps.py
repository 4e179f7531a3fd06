"""Performs steps by blocking calls."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, TypeVar

from .attempt import Attempt, Handled
from .blocking import Client, Connection, Ear
from .blocking_lease import Keeper
from .connecting import CALLS
from .contract import Reply
from .errors import FlowClosedError, FlowError, FlowName
from .forking import after_fork
from .options import BrokerOptions
from .steps import Call, Follow, Handle, Pause, Step, Steps, Verbs
from .waiting import Ending, Wait

R = TypeVar("R")

# A wait looks this often whether its broker was closed.
_GLANCE = 0.5


@dataclass(frozen=True)
class RunContext:
    """What a handler of ``run`` is given."""

    #: This attempt's fence: pass it on to whatever can refuse an older one. 0 where ``coordinated`` is False.
    fence: int
    #: 1 for the first run of the handler, 2 for the first takeover, and so on.
    attempt: int
    #: False only when Redis was unreachable and the caller chose ``on_unavailable="run"``.
    coordinated: bool
    #: Set when the work is no longer this process's to do: the lease was lost, the flow was settled, superseded or deleted
    #: elsewhere, or the broker closes. Noticed when the lease is renewed, at a third of it, and at the latest when it ends.
    lost: threading.Event = field(default_factory=threading.Event)


class Performer:
    """What a blocking broker does with steps: calls scripts, follows waits, runs handlers under their lease."""

    def __init__(self, redis: str | Client, **options: Any) -> None:
        self._options = BrokerOptions(**options)
        self._connection = Connection(redis, self._options)
        self._verbs = Verbs(self._options, "SPUBLISH" if self._connection.sharded else "PUBLISH")
        self._closed = False
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        # A forked child has none of the threads that run handlers.
        self._running: dict[Attempt, Keeper] = {}
        self._idle = threading.Condition()

    def _check(self, flow: FlowName | None = None, attempt: Attempt | None = None) -> None:
        if self._closed if attempt is None else isinstance(attempt.lost, FlowClosedError):
            raise FlowClosedError("the broker is closed", flow)

    def _perform(
        self, steps: Steps[R], handler: Callable[[RunContext], Any] | None = None, attempt: Attempt | None = None
    ) -> R:
        """``attempt``: the steps conclude one that is running, which a broker that drains still lets them do."""
        try:
            step = next(steps)
            while True:
                try:
                    came = self._do(step, handler, attempt)
                except FlowError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(came)
        except StopIteration as end:
            result: R = end.value
            return result

    def _do(self, step: Step, handler: Callable[[RunContext], Any] | None, attempt: Attempt | None) -> object:
        if isinstance(step, Call):
            return self._call(step, attempt)
        if isinstance(step, Follow):
            ear = self._connection.ear(self._verbs.key(step.wait.flow))
            return self._follow(step.wait, ear)
        if isinstance(step, Handle):
            assert handler is not None
            return self._handle(step, handler)
        assert isinstance(step, Pause)
        time.sleep(step.ms / 1000)
        return None

    def _call(self, call: Call, attempt: Attempt | None = None) -> Reply:
        self._check(call.flow, attempt)
        return self._connection.run(call)

    def _follow(self, wait: Wait, ear: Ear) -> Ending:
        """Drives a wait to its end: listen first, then read, and read again whatever happens."""
        try:
            while wait.ending is None:
                if wait.must_read:
                    try:
                        wait.read(self._call(self._verbs.read(wait.flow)), time.monotonic())
                    except FlowError as error:
                        wait.failed(error, time.monotonic())
                    continue
                self._check(wait.flow)
                event = ear.hear(min(wait.patience(time.monotonic()), _GLANCE))
                wait.heard(event, time.monotonic())
            return wait.ending
        finally:
            ear.close()

    def _handle(self, step: Handle, handler: Callable[[RunContext], Any]) -> Any:
        attempt = step.attempt
        record = attempt.record
        context = RunContext(attempt.fence, record.attempt if record else 1, record is not None)
        renewal = self._verbs.renew(attempt.flow, attempt.fence, attempt.lease_ms)
        keeper = Keeper(attempt, lambda: self._connection.run(renewal), context.lost)
        with self._idle:
            closed = self._closed
            if not closed:
                self._running[attempt] = keeper
        if closed:
            # It was closed while this process became the owner. The attempt is not used up.
            self._release(attempt, unbegun=1)
            raise FlowClosedError("the broker is closed", attempt.flow)
        try:
            if record is not None:
                keeper.start()
            handled = self._handled(attempt, keeper, handler, context)
            return self._perform(step.conclude(handled), attempt=attempt)
        finally:
            with self._idle:
                self._running.pop(attempt, None)
                self._idle.notify_all()

    def _handled(
        self, attempt: Attempt, keeper: Keeper, handler: Callable[[RunContext], Any], context: RunContext
    ) -> Handled:
        try:
            return Handled(value=handler(context))
        except Exception as error:
            return Handled(raised=error)
        except BaseException:
            # The thread is told to end: the flow is free for others at once.
            self._let_go(attempt, keeper)
            raise
        finally:
            keeper.end()

    def _close(self, drain_ms: int) -> None:
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._running, drain_ms / 1000)
            left = list(self._running.items())
        for attempt, keeper in left:
            attempt.closed()
            keeper.lost.set()
        try:
            # Together: a server that does not answer must not make them wait for one another.
            with ThreadPoolExecutor(CALLS) as threads:
                list(threads.map(lambda one: self._let_go(*one), left))
        except RuntimeError:
            # The interpreter exits (``atexit``), and starts no more threads.
            for one in left:
                self._let_go(*one)
        self._connection.close()

    def _let_go(self, attempt: Attempt, keeper: Keeper) -> None:
        keeper.settle(self._options.command_timeout_ms / 1000)
        self._release(attempt)

    def _release(self, attempt: Attempt, **options: object) -> None:
        if attempt.record is None:
            return
        try:
            self._connection.run(self._verbs.release(attempt.flow, attempt.fence, **options))
        except FlowError:
            pass  # who cannot release is followed by another when the lease ends
