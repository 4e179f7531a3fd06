"""The contract of ``lua/`` in Python, without I/O: keys, scripts, replies and messages."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, Sequence

from .errors import FlowInvalidArgumentError, FlowName, FlowRecordError

Status = Literal["PENDING", "COMPLETED", "FAILED", "CANCELED", "TIMED_OUT"]
SettleStatus = Literal["COMPLETED", "FAILED", "CANCELED"]
Argument = str | bytes

STATUSES: tuple[Status, ...] = ("PENDING", "COMPLETED", "FAILED", "CANCELED", "TIMED_OUT")
TERMINAL: tuple[Status, ...] = STATUSES[1:]
EVENTS = (*TERMINAL, "SUPERSEDED", "DELETED", "RELEASED")
VERBS = ("create", "settle", "renew", "release", "read", "delete")
MAX_SAFE = 9007199254740991

_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CONTROL = re.compile("[\u0000-\u001f\u007f-\u009f]")
_MAX_ID_BYTES = 512


def check_type(value: object) -> str:
    if isinstance(value, str) and _TYPE.fullmatch(value):
        return value
    raise FlowInvalidArgumentError(f"type must be 1 to 64 of A-Z a-z 0-9 _ . -, got {_shown(value)}")


def check_prefix(value: object) -> str:
    if isinstance(value, str) and _PREFIX.fullmatch(value):
        return value
    raise FlowInvalidArgumentError(f"prefix must be 1 to 64 of A-Z a-z 0-9 _ . : -, got {_shown(value)}")


def check_id(type: str, value: object) -> FlowName:
    if not isinstance(value, str):
        raise FlowInvalidArgumentError(f"id of a {type} flow must be a string, got {_shown(value)}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise FlowInvalidArgumentError(f"id of a {type} flow must be well-formed Unicode") from None
    if not 1 <= size <= _MAX_ID_BYTES:
        raise FlowInvalidArgumentError(f"id of a {type} flow must be 1 to {_MAX_ID_BYTES} bytes, got {size}")
    if _CONTROL.search(value):
        raise FlowInvalidArgumentError(f"id of a {type} flow must have no control characters")
    return FlowName(type, value)


def record_key(prefix: str, flow: FlowName) -> str:
    """The record's key, which is the flow's channel too. The timer's key is the same with ``:timer`` behind."""
    return f"{prefix}:{{{flow.type}:{flow.id}}}"


@dataclass(frozen=True)
class Script:
    verb: str
    lua: bytes
    sha1: str


@cache
def script(verb: str) -> Script:
    """A published script, as it ships inside this package."""
    lua = files(__package__).joinpath("lua", "dist", f"{verb}.lua").read_bytes()
    return Script(verb, lua, hashlib.sha1(lua).hexdigest())


@dataclass(frozen=True)
class Stored:
    """A record as a reply shows it: words and numbers read, payloads still bytes."""

    status: Status
    fence: int
    origin: int
    attempt: int
    created_at: int
    deadline_at: int
    lease_until: int | None
    settled_at: int | None
    fresh_until: int | None
    owner: str | None
    settled_by: str | None
    metadata: bytes
    payload: bytes | None

    @property
    def lacks_payload(self) -> bool:
        """Whether the reply left the payload out."""
        return self.payload is None and self.status in ("COMPLETED", "FAILED", "CANCELED")


@dataclass(frozen=True)
class Reply:
    """What a script answered; ``now`` is the server's clock in milliseconds."""

    verdict: str
    now: int
    record: Stored | None


def parse_reply(reply: object) -> Reply:
    if not isinstance(reply, Sequence) or len(reply) < 2 or not all(isinstance(part, bytes) for part in reply):
        raise FlowRecordError("a script gave a reply that has no verdict and head")
    words = reply[1].decode("latin-1").split(" ")
    if words[0] != "1":
        raise FlowRecordError(f"a script gave a reply of the unknown version {words[0]}")
    try:
        stored = _stored(words, reply[2], reply[3] if len(reply) > 3 else None) if len(reply) > 2 else None
        return Reply(reply[0].decode("latin-1"), int(words[1]), stored)
    except (ValueError, IndexError) as error:
        raise FlowRecordError(f"a script gave a head that cannot be read: {' '.join(words)[:80]}") from error


def _stored(words: list[str], metadata: bytes, payload: bytes | None) -> Stored:
    def number(at: int) -> int | None:
        return None if words[at] == "-" else int(words[at])

    status = next((known for known in STATUSES if known == words[2]), None)
    if status is None:
        raise FlowRecordError(f"a record has the unknown status {words[2]}")
    fence, origin, attempt, created_at, deadline_at = (int(word) for word in words[3:8])
    return Stored(
        status, fence, origin, attempt, created_at, deadline_at, number(8), number(9), number(10),
        None if words[11] == "-" else words[11], None if words[12] == "-" else words[12], metadata, payload,
    )  # fmt: skip


@dataclass(frozen=True)
class Message:
    """What was told on a flow's channel. Without ``payload`` the record has it."""

    event: str
    origin: int
    fence: int
    payload: bytes | None


_LINE = re.compile(rb"1 ([A-Z_]+) (\d{1,16}) (\d{1,16}) \d+ (inline|stored)")


def parse_message(data: bytes) -> Message | None:
    """None for anything that is no message of this version: whoever hears it reads the record instead."""
    line, newline, payload = data.partition(b"\n")
    found = _LINE.fullmatch(line)
    if not newline or not found or (event := found[1].decode()) not in EVENTS:
        return None
    return Message(event, int(found[2]), int(found[3]), payload if found[4] == b"inline" else None)


def _shown(value: object) -> str:
    return repr(value[:80]) if isinstance(value, str) else type(value).__name__
