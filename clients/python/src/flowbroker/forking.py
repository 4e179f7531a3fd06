"""What a forked child must not share with its parent."""

from __future__ import annotations

import os
import weakref
from typing import Callable

_methods: set[weakref.WeakMethod[Callable[[], None]]] = set()


def after_fork(method: Callable[[], None]) -> None:
    """Calls a method in every forked child, as long as its object lives."""
    _methods.add(weakref.WeakMethod(method, _methods.discard))


def _forked() -> None:
    for method in list(_methods):
        call = method()
        if call is not None:
            call()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
