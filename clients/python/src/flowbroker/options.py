"""Every default and every check of an option, in one place. Times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Collection, Mapping

from .codec import Codec, JsonCodec
from .contract import MAX_SAFE, TERMINAL, check_prefix, check_type
from .errors import FlowInvalidArgumentError

MAX_MS = 315_360_000_000
#: What Redis holds in one value at most.
MAX_BYTES = 512 * 1024 * 1024
_RETENTION = {"completed": 300_000, "failed": 60_000, "canceled": 60_000, "timed_out": 60_000}


def whole_number(name: str, value: object, least: int, most: int) -> int:
    if type(value) is int and least <= value <= most:
        return value
    raise FlowInvalidArgumentError(f"{name} must be a whole number from {least} to {most}, got {value!r:.80}")


def ms_or_none(name: str, value: object) -> int | None:
    return None if value is None else whole_number(name, value, 1, MAX_MS)


def fence_or_none(name: str, value: object) -> int | None:
    return None if value is None else whole_number(name, value, 1, MAX_SAFE)


def status_list(name: str, statuses: object, known: Collection[str]) -> str:
    if isinstance(statuses, str) or not isinstance(statuses, Collection):
        raise FlowInvalidArgumentError(f"{name} must be a list of statuses")
    for status in statuses:
        if status not in known:
            raise FlowInvalidArgumentError(f"{name} must hold only {', '.join(known)}, got {status!r:.80}")
    return ",".join(statuses)


def retention_words(retention: int | Mapping[str, int] | None) -> str | None:
    if retention is None:
        return None
    if not isinstance(retention, Mapping):
        return " ".join([str(whole_number("retention_ms", retention, 1, MAX_MS))] * 4)
    for name in retention:
        if name not in _RETENTION:
            raise FlowInvalidArgumentError(f"retention_ms has no option {name!r}; known: {', '.join(_RETENTION)}")
    chosen = {**_RETENTION, **retention}
    return " ".join(str(whole_number(f"retention_ms.{name}", chosen[name], 1, MAX_MS)) for name in _RETENTION)


@dataclass(frozen=True)
class BrokerOptions:
    """Options of a broker; see `flowbroker.Broker`."""

    prefix: str = "flow"
    poll_ms: int = 500
    reread_ms: int = 10_000
    command_timeout_ms: int = 5_000
    inline_bytes: int = 8_192

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
        whole_number("poll_ms", self.poll_ms, 10, MAX_MS)
        whole_number("reread_ms", self.reread_ms, 100, MAX_MS)
        whole_number("command_timeout_ms", self.command_timeout_ms, 10, MAX_MS)
        whole_number("inline_bytes", self.inline_bytes, 0, 1_048_576)


@dataclass(frozen=True)
class FlowOptions:
    """Options of one type of flows, checked; see `Broker.define`."""

    type: str
    timeout_ms: int = 300_000
    retention_ms: int | Mapping[str, int] | None = None
    lease_ms: int = 15_000
    max_attempts: int = 0
    fresh_until: Callable[[Any], int | None] | None = None
    reuse: Collection[str] = ("COMPLETED",)
    min_fresh_ms: int = 0
    codec: Codec = field(default_factory=JsonCodec)
    max_payload_bytes: int = 1_048_576

    def __post_init__(self) -> None:
        check_type(self.type)
        whole_number("timeout_ms", self.timeout_ms, 1, MAX_MS)
        retention_words(self.retention_ms)
        whole_number("lease_ms", self.lease_ms, 100, MAX_MS)
        whole_number("max_attempts", self.max_attempts, 0, 1_000_000)
        if self.fresh_until is not None and not callable(self.fresh_until):
            raise FlowInvalidArgumentError("fresh_until must be a function")
        status_list("reuse", self.reuse, TERMINAL)
        whole_number("min_fresh_ms", self.min_fresh_ms, 0, MAX_MS)
        if not callable(getattr(self.codec, "encode", None)) or not callable(getattr(self.codec, "decode", None)):
            raise FlowInvalidArgumentError("codec must have the methods encode and decode")
        whole_number("max_payload_bytes", self.max_payload_bytes, 1, MAX_BYTES)

    @property
    def retention(self) -> str | None:
        return retention_words(self.retention_ms)
