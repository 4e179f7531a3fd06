"""Keeps the lease of one attempt by tasks."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Awaitable, Callable

from .attempt import Attempt
from .contract import Reply
from .errors import FlowError
from .waiting import Ending

# Most handlers take longer than this; those that do not are spared the subscription.
_WATCH_AFTER = 0.05


class Keeper:
    """Renews the lease of an attempt while its handler runs, listens for the flow's end, and cancels the handler when it is lost."""

    def __init__(
        self,
        attempt: Attempt,
        ask: Callable[[], Awaitable[Reply]],
        watch: Callable[[], Awaitable[Ending]],
        handler: asyncio.Task[Any],
    ) -> None:
        self.handler = handler
        self._attempt = attempt
        self._ask = ask
        self._watch = watch
        self._renewal: asyncio.Task[None] | None = None
        keepers = () if attempt.record is None else (self._keep(), self._listen())
        self._tasks = [asyncio.create_task(keeper) for keeper in keepers]

    def end(self) -> None:
        """No renewal is begun any more."""
        for task in self._tasks:
            task.cancel()

    async def settle(self) -> None:
        """`end`, and waits for the renewal under way: it must not come after a release."""
        self.end()
        if self._renewal is not None:
            await asyncio.wait({self._renewal})

    async def _keep(self) -> None:
        attempt = self._attempt
        while attempt.lost is None:
            now = time.monotonic()
            if now >= attempt.renew_at and (self._renewal is None or self._renewal.done()):
                # In a task of its own: a renewal that hangs must not hide the end of the lease.
                self._renewal = asyncio.create_task(self._renew())
            attempt.look(now)
            if self._renewal is None or self._renewal.done():
                await asyncio.sleep(attempt.patience(now, asking=False))
            else:
                await asyncio.wait({self._renewal}, timeout=attempt.patience(now, asking=True))
        self.handler.cancel()

    async def _renew(self) -> None:
        asked = time.monotonic()
        try:
            self._attempt.renewed(await self._ask(), asked)
        except Exception as error:
            self._attempt.unanswered(error, time.monotonic())

    async def _listen(self) -> None:
        """So that the handler is told at once and not at the next renewal."""
        await asyncio.sleep(_WATCH_AFTER)
        try:
            self._attempt.ended(await self._watch())
        except FlowError:
            return  # it cannot be listened for; the renewals tell
        self.handler.cancel()
