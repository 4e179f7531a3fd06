"""Values to bytes and back."""

from __future__ import annotations

import json
import math
from typing import Any, Literal, NamedTuple, Protocol

from .contract import MAX_SAFE


class Place(NamedTuple):
    """Where a value stands; a codec may bind what it encodes to it."""

    type: str
    id: str
    field: Literal["metadata", "result", "error"]


class Codec(Protocol):
    """Turns results, metadata and error objects into bytes and back. What it raises becomes ``__cause__`` of an `FlowCodecError`."""

    def encode(self, value: Any, place: Place) -> bytes: ...

    def decode(self, data: bytes, place: Place) -> Any: ...


class JsonCodec:
    """The default codec: JSON, and nothing that JSON or another language would change on the way.

    None is null. Empty bytes, which JavaScript writes for undefined, are None too. A tuple, set, bytes, NaN, a key that is no
    string, an int beyond 2**53 - 1 and the like are refused with the path to them, so that the process that ran a handler and
    those that only waited see the same value.
    """

    def encode(self, value: Any, place: Place | None = None) -> bytes:
        _refuse_lossy(value, "", ())
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, data: bytes, place: Place | None = None) -> Any:
        return json.loads(data) if data else None


def _refuse_lossy(value: object, path: str, above: tuple[int, ...]) -> None:
    if value is None or type(value) in (str, bool):
        return
    if type(value) is int:
        if abs(value) > MAX_SAFE:
            raise _lossy(path, "an int beyond 2**53 - 1")
    elif type(value) is float:
        if not math.isfinite(value):
            raise _lossy(path, str(value))
    elif type(value) in (list, dict):
        if id(value) in above:
            raise _lossy(path, "a reference to an object around it")
        _refuse_inside(value, path, (*above, id(value)))
    else:
        raise _lossy(path, f"a {type(value).__name__}")


def _refuse_inside(value: object, path: str, above: tuple[int, ...]) -> None:
    if isinstance(value, list):
        for at, inner in enumerate(value):
            _refuse_lossy(inner, f"{path}[{at}]", above)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if type(name) is not str:
                raise _lossy(path, f"a key that is a {type(name).__name__}")
            _refuse_lossy(inner, f"{path}.{name}" if path else name, above)


def _lossy(path: str, what: str) -> TypeError:
    return TypeError(f"JSON cannot carry {what}{f' at {path}' if path else ''}")
