"""Cancellation that is not lost."""

from __future__ import annotations

import asyncio


class Canceling:
    """Whether the current task was canceled since this was made.

    What redis-py calls (``asyncio.wait_for``, before Python 3.12) returns instead of raising where both come in one step of the loop.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = self._task.cancelling() if self._task else 0

    def __bool__(self) -> bool:
        return self._task is not None and self._task.cancelling() > self._before

    def check(self) -> None:
        if self:
            raise asyncio.CancelledError
