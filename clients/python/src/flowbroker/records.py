"""What callers get and give, in bytes and out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from .codec import Codec, JsonCodec, Place
from .contract import Status, Stored
from .errors import (
    FlowCanceledError,
    FlowCodecError,
    FlowError,
    FlowFailedError,
    FlowName,
    FlowOwnerLostError,
    FlowPayloadTooLargeError,
    FlowTimedOutError,
    RemoteError,
)

T = TypeVar("T")
M = TypeVar("M")
Field = Literal["metadata", "result", "error"]


@dataclass(frozen=True)
class FlowRecord(Generic[T, M]):
    """A flow as it stands. Instants are milliseconds since the epoch, of the server's clock."""

    type: str
    id: str
    status: Status
    #: Grows with each creation, takeover and replacement; given back to settle, delete or reject exactly this state.
    fence: int
    #: The fence at creation: stays while owners change.
    origin: int
    #: Which run of the handler this is; 0 for a flow without an owner.
    attempt: int
    created_at: int
    deadline_at: int
    metadata: M
    owner: str | None = None
    lease_until: int | None = None
    settled_at: int | None = None
    #: Which request settled it; ``timeout`` for the deadline, ``owner_lost`` for a flow whose attempts are used up.
    settled_by: str | None = None
    fresh_until: int | None = None
    #: With COMPLETED.
    result: T | None = None
    #: With FAILED and CANCELED.
    error: RemoteError | None = None


@dataclass(frozen=True)
class CreateResult(Generic[T, M]):
    """What ``create`` did."""

    verdict: Literal["created", "joined", "settled"]
    record: FlowRecord[T, M]


@dataclass(frozen=True)
class SettleResult(Generic[T, M]):
    """What ``complete``, ``fail`` or ``cancel`` came to. ``applied`` and ``duplicate`` mean that this caller settled it."""

    verdict: Literal["applied", "duplicate", "late", "already_settled", "superseded", "not_found"]
    record: FlowRecord[T, M] | None


@dataclass(frozen=True)
class DeleteResult(Generic[T, M]):
    """What ``delete`` did. A repeated delete does not show the record again."""

    verdict: Literal["deleted", "mismatch", "not_found"]
    record: FlowRecord[T, M] | None


@dataclass(frozen=True)
class RunResult(Generic[T]):
    """What a run came to: the result, and the fence that goes with it, to be given as ``reject_fence`` if it proves bad."""

    result: T
    fence: int


class Payloads:
    """Values to bytes and back for one definition, with its limit; what cannot be is refused before anything is sent."""

    def __init__(self, codec: Codec, max_bytes: int) -> None:
        self._codec = codec
        self._max_bytes = max_bytes

    def encode(self, flow: FlowName, field: Field, value: Any) -> bytes:
        try:
            data = self._codec.encode(value, Place(flow.type, flow.id, field))
        except Exception as error:
            raise FlowCodecError(f"{field} of {flow} cannot be encoded: {error}", flow) from error
        if not isinstance(data, bytes):
            raise FlowCodecError(f"{field} of {flow} cannot be encoded: the codec gave no bytes", flow)
        if len(data) > self._max_bytes:
            raise FlowPayloadTooLargeError(
                f"{field} of {flow} has {len(data)} bytes, more than max_payload_bytes ({self._max_bytes})", flow
            )
        return data

    def decode(self, flow: FlowName, field: Field, data: bytes, plain: bool = False) -> Any:
        """``plain`` is what a script wrote itself: JSON, whatever the codec."""
        codec = JsonCodec() if plain else self._codec
        try:
            return codec.decode(data, Place(flow.type, flow.id, field))
        except Exception as error:
            raise FlowCodecError(f"{field} of {flow} cannot be decoded: {error}", flow) from error

    def encode_error(self, flow: FlowName, reason: object) -> bytes:
        return self.encode(flow, "error", error_info(reason))

    def decode_error(self, flow: FlowName, data: bytes | None, plain: bool = False) -> RemoteError:
        if not data:
            return RemoteError("Error", "no reason was given")
        return remote_error(self.decode(flow, "error", data, plain))

    def record(self, flow: FlowName, stored: Stored, sent: bytes | None = None) -> FlowRecord[Any, Any]:
        """``sent`` is a payload that the caller just sent and the reply left out."""
        payload = stored.payload if sent is None else sent
        completed = stored.status == "COMPLETED"
        result = self.decode(flow, "result", payload) if payload is not None and completed else None
        failed = payload is not None and not completed
        error = self.decode_error(flow, payload, stored.settled_by == "owner_lost") if failed else None
        return FlowRecord(
            flow.type, flow.id, stored.status, stored.fence, stored.origin, stored.attempt, stored.created_at,
            stored.deadline_at, self.decode(flow, "metadata", stored.metadata), stored.owner, stored.lease_until,
            stored.settled_at, stored.settled_by, stored.fresh_until, result, error,
        )  # fmt: skip


@dataclass(frozen=True)
class Settlement:
    """How a flow ended, with its payload still in bytes."""

    status: Status
    fence: int
    payload: bytes | None
    #: Failed by the scripts themselves, since no attempt was left.
    owner_lost: bool = False

    @staticmethod
    def of(stored: Stored) -> Settlement:
        return Settlement(stored.status, stored.fence, stored.payload, stored.settled_by == "owner_lost")

    def result(self, flow: FlowName, payloads: Payloads) -> Any:
        """The result of a completed flow; else raises the error that says how it ended."""
        if self.status == "COMPLETED":
            return payloads.decode(flow, "result", self.payload or b"")
        raise self.error(flow, payloads)

    def error(self, flow: FlowName, payloads: Payloads) -> FlowError:
        if self.status == "TIMED_OUT":
            return FlowTimedOutError(f"{flow} was not settled before its deadline", flow)
        cause = payloads.decode_error(flow, self.payload, self.owner_lost)
        if self.owner_lost:
            return FlowOwnerLostError(f"{flow}: {cause.message}", flow)
        kind, what = (FlowFailedError, "failed") if self.status == "FAILED" else (FlowCanceledError, "was canceled")
        error: FlowError = kind(f"{flow} {what}: {cause.message}", flow)
        error.__cause__ = cause
        return error


def error_info(reason: object) -> dict[str, Any]:
    """What of an exception, a string, or anything else given as a reason travels; never a stack."""
    if not isinstance(reason, BaseException):
        return {"name": "Error", "message": str(reason)}
    info: dict[str, Any] = {
        "name": reason.name if isinstance(reason, RemoteError) else type(reason).__name__,
        "message": reason.message if isinstance(reason, RemoteError) else str(reason),
    }
    code, data = getattr(reason, "code", None), getattr(reason, "data", None)
    if isinstance(code, str) or type(code) is int:
        info["code"] = str(code)
    if data is not None:
        info["data"] = data
    return info


def remote_error(value: object) -> RemoteError:
    """Reads what another process or language stored as an error; anything unreadable becomes an error that says so."""
    if isinstance(value, str):
        return RemoteError("Error", value)
    if not isinstance(value, dict):
        return RemoteError("Error", "no reason was given")
    name, message, code = value.get("name"), value.get("message"), value.get("code")
    return RemoteError(
        name if isinstance(name, str) and name else "Error",
        message if isinstance(message, str) else "",
        str(code) if isinstance(code, (str, int)) and not isinstance(code, bool) else None,
        value.get("data"),
    )
