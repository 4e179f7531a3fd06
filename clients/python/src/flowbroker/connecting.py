"""What the blocking and the awaiting client have in common about redis-py."""

from __future__ import annotations

from typing import Any, Mapping

from redis.exceptions import RedisError, ResponseError

from .errors import FlowError, FlowInvalidArgumentError, FlowRecordError, FlowUnavailableError
from .steps import Call

#: What redis-py raises when Redis did not answer, or refused.
FAILURES = (RedisError, OSError)

#: After so many seconds of silence a listening connection is asked whether it is still there, and given as long to answer.
SILENCE = 5.0


def failure_of(error: Exception, call: Call) -> FlowError:
    """What a script or the connection raised, as the caller gets it. Never confused with a verdict."""
    text, what = str(error), f"{call.verb} of {call.flow}"
    kind: type[FlowError] = FlowUnavailableError
    if isinstance(error, ResponseError):
        if text.startswith("FLOWARG"):
            kind = FlowInvalidArgumentError
        elif text.startswith(("FLOWTYPE", "FLOWVERSION")):
            kind = FlowRecordError
    failure = kind(f"{what}: {text}", call.flow)
    failure.__cause__ = error
    return failure


def listening(kwargs: Mapping[str, Any], retry: Any) -> dict[str, Any]:
    """Options of a connection that only listens: bytes as they are, and losing it is told instead of mended behind the back."""
    chosen = {name: value for name, value in kwargs.items() if "maint_notifications" not in name}
    return {**chosen, "decode_responses": False, "health_check_interval": 0, "retry": retry}


def refuse_decoding(client: Any) -> None:
    if client.get_encoder().decode_responses:
        raise FlowInvalidArgumentError("redis must be a client without decode_responses: results are bytes")
