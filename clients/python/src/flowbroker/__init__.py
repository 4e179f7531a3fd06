"""Awaitables that live in Redis.

This module has the blocking client; `flowbroker.asyncio` the same for asyncio.
"""

from .codec import Codec, JsonCodec, Place
from .contract import SettleStatus, Status
from .errors import (
    FlowCanceledError,
    FlowClosedError,
    FlowCodecError,
    FlowDeletedError,
    FlowError,
    FlowFailedError,
    FlowInvalidArgumentError,
    FlowName,
    FlowNotFoundError,
    FlowOwnerLostError,
    FlowPayloadTooLargeError,
    FlowRecordError,
    FlowSupersededError,
    FlowTimedOutError,
    FlowUnavailableError,
    FlowWaitTimeoutError,
    RemoteError,
)
from .records import CreateResult, DeleteResult, FlowRecord, RunResult, SettleResult
from .sync import Broker, Flows, Opened, RunContext

__all__ = [
    "Broker",
    "Codec",
    "CreateResult",
    "DeleteResult",
    "FlowCanceledError",
    "FlowClosedError",
    "FlowCodecError",
    "FlowDeletedError",
    "FlowError",
    "FlowFailedError",
    "FlowInvalidArgumentError",
    "FlowName",
    "FlowNotFoundError",
    "FlowOwnerLostError",
    "FlowPayloadTooLargeError",
    "FlowRecord",
    "FlowRecordError",
    "FlowSupersededError",
    "FlowTimedOutError",
    "FlowUnavailableError",
    "FlowWaitTimeoutError",
    "Flows",
    "JsonCodec",
    "Opened",
    "Place",
    "RemoteError",
    "RunContext",
    "RunResult",
    "SettleResult",
    "SettleStatus",
    "Status",
]
