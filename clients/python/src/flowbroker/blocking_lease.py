"""Keeps the lease of one attempt by threads."""

from __future__ import annotations

import threading
import time
from typing import Callable

from .attempt import Attempt
from .contract import Reply


class Keeper:
    """Renews the lease of an attempt while its handler runs, and says when the flow is lost."""

    def __init__(self, attempt: Attempt, ask: Callable[[], Reply], lost: threading.Event) -> None:
        self._attempt = attempt
        self._ask = ask
        self.lost = lost
        self._changed = threading.Condition()
        self._asking = False
        self._over = False

    def start(self) -> None:
        threading.Thread(target=self._keep, daemon=True).start()

    def end(self) -> None:
        """No renewal is begun any more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """`end`, and waits so long at most for the renewal under way: it must not come after a release."""
        self.end()
        with self._changed:
            self._changed.wait_for(lambda: not self._asking, seconds)

    def _keep(self) -> None:
        attempt = self._attempt
        with self._changed:
            while not self._over and attempt.lost is None:
                now = time.monotonic()
                if now >= attempt.renew_at and not self._asking:
                    self._asking = True
                    # In a thread of its own: a renewal that hangs must not hide the end of the lease.
                    threading.Thread(target=self._renew, daemon=True).start()
                attempt.look(now)
                if attempt.lost is None:
                    self._changed.wait(attempt.patience(now, self._asking))
        if attempt.lost is not None:
            self.lost.set()

    def _renew(self) -> None:
        asked = time.monotonic()
        came: Reply | Exception
        try:
            came = self._ask()
        except Exception as error:
            came = error
        with self._changed:
            if isinstance(came, Reply):
                self._attempt.renewed(came, asked)
            else:
                self._attempt.unanswered(came, time.monotonic())
            self._asking = False
            self._changed.notify_all()
