"""Performs steps by blocking calls."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, TypeVar

from .blocking import Client, Connection, Ear
from .contract import Reply
from .errors import FlowClosedError, FlowError, FlowName
from .options import BrokerOptions
from .running import Attempt, Handled
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
    #: elsewhere, or the broker closes. Noticed when the lease is renewed, at a third of it.
    lost: threading.Event = field(default_factory=threading.Event)


class Performer:
    """What a blocking broker does with steps: calls scripts, follows waits, runs handlers under their lease."""

    def __init__(self, redis: str | Client, **options: Any) -> None:
        self._options = BrokerOptions(**options)
        self._connection = Connection(redis, self._options)
        self._verbs = Verbs(self._options, "SPUBLISH" if self._connection.sharded else "PUBLISH")
        self._closed = False
        self._running: dict[Attempt, RunContext] = {}
        self._idle = threading.Condition()

    def _check(self, flow: FlowName | None = None) -> None:
        if self._closed:
            raise FlowClosedError("the broker is closed", flow)

    def _perform(self, steps: Steps[R], handler: Callable[[RunContext], Any] | None = None) -> R:
        try:
            step = next(steps)
            while True:
                try:
                    came = self._do(step, handler)
                except FlowError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(came)
        except StopIteration as end:
            result: R = end.value
            return result

    def _do(self, step: Step, handler: Callable[[RunContext], Any] | None) -> object:
        if isinstance(step, Call):
            return self._call(step)
        if isinstance(step, Follow):
            ear = self._connection.ear(self._verbs.key(step.wait.flow))
            return self._follow(step.wait, ear)
        if isinstance(step, Handle):
            assert handler is not None
            return self._handle(step.attempt, handler)
        assert isinstance(step, Pause)
        time.sleep(step.ms / 1000)
        return None

    def _call(self, call: Call) -> Reply:
        self._check(call.flow)
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

    def _handle(self, attempt: Attempt, handler: Callable[[RunContext], Any]) -> Handled:
        record = attempt.record
        context = RunContext(attempt.fence, record.attempt if record else 1, record is not None)
        over = threading.Event()
        with self._idle:
            self._running[attempt] = context
        if record is not None:
            threading.Thread(target=self._renew, args=(attempt, context, over), daemon=True).start()
        try:
            return Handled(value=handler(context))
        except Exception as error:
            return Handled(raised=error)
        except BaseException:
            # The thread is told to end: the flow is free for others at once.
            over.set()
            self._release(attempt)
            raise
        finally:
            over.set()
            with self._idle:
                del self._running[attempt]
                self._idle.notify_all()

    def _renew(self, attempt: Attempt, context: RunContext, over: threading.Event) -> None:
        while not over.wait(attempt.pause) and attempt.lost is None:
            asked = time.monotonic()
            try:
                call = self._verbs.renew(attempt.flow, attempt.fence, attempt.lease_ms)
                attempt.renewed(self._connection.run(call), asked)
            except FlowError as error:
                attempt.unanswered(error, time.monotonic())
            if attempt.lost is not None:
                context.lost.set()

    def _release(self, attempt: Attempt) -> None:
        if attempt.record is None:
            return
        try:
            self._connection.run(self._verbs.release(attempt.flow, attempt.fence))
        except FlowError:
            pass  # who cannot release is followed by another when the lease ends
