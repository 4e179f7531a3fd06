"""Every error that flowbroker raises: one class and one stable ``code`` for each cause, the same in every language."""

from __future__ import annotations

import json
from typing import NamedTuple


class FlowName(NamedTuple):
    """Which flow an error or a call speaks of."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type} {json.dumps(self.id, ensure_ascii=False)}"


class FlowError(Exception):
    """The base of all errors of this library: ``code`` is stable and made for programs, the message for people."""

    code = "ERR_FLOW"

    def __init__(self, message: str, flow: FlowName | None = None) -> None:
        super().__init__(message)
        self.flow = flow


class FlowFailedError(FlowError):
    """The flow was failed; ``__cause__`` is the error it was failed with, a `RemoteError` where another process raised it."""

    code = "ERR_FLOW_FAILED"


class FlowCanceledError(FlowError):
    """The flow was canceled; ``__cause__`` is the reason given."""

    code = "ERR_FLOW_CANCELED"


class FlowTimedOutError(FlowError):
    """The flow's deadline passed before anybody settled it."""

    code = "ERR_FLOW_TIMED_OUT"


class FlowNotFoundError(FlowError):
    """There is no such flow: never created, or its retention is over."""

    code = "ERR_FLOW_NOT_FOUND"


class FlowDeletedError(FlowError):
    """The flow vanished while it was waited for: deleted, evicted, or lost by the server."""

    code = "ERR_FLOW_DELETED"


class FlowSupersededError(FlowError):
    """Another flow took the place of the one waited for, or another owner the place of this one."""

    code = "ERR_FLOW_SUPERSEDED"


class FlowOwnerLostError(FlowError):
    """The owner was lost and no attempt is left, or this process lost the lease while its handler ran."""

    code = "ERR_FLOW_OWNER_LOST"


class FlowWaitTimeoutError(FlowError):
    """The caller's own limit passed; the flow goes on."""

    code = "ERR_FLOW_WAIT_TIMEOUT"


class FlowUnavailableError(FlowError):
    """Redis did not answer, or refused: what was asked may or may not have happened. ``__cause__`` is what Redis or redis-py said."""

    code = "ERR_FLOW_UNAVAILABLE"


class FlowPayloadTooLargeError(FlowError):
    """A result, error or metadata is larger than its limit; nothing was written."""

    code = "ERR_FLOW_PAYLOAD_TOO_LARGE"


class FlowCodecError(FlowError):
    """A value could not be encoded or decoded; ``__cause__`` says why."""

    code = "ERR_FLOW_CODEC"


class FlowInvalidArgumentError(FlowError):
    """An argument or option is wrong; the message names it and its limit. Nothing was sent."""

    code = "ERR_FLOW_INVALID_ARGUMENT"


class FlowRecordError(FlowError):
    """What stands under the flow's key is not a record that this version can read."""

    code = "ERR_FLOW_RECORD"


class FlowClosedError(FlowError):
    """The broker is closed, or closed while this was under way."""

    code = "ERR_FLOW_CLOSED"


class RemoteError(Exception):
    """An error as another process or language described it: its name, message, code and data. Never a stack."""

    def __init__(self, name: str, message: str, code: str | None = None, data: object = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.code = code
        self.data = data

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"
