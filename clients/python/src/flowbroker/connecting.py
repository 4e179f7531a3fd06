"""What the blocking and the awaiting client have in common about redis-py."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Mapping

from redis.exceptions import RedisClusterException, RedisError, ResponseError

from .errors import FlowError, FlowInvalidArgumentError, FlowRecordError, FlowUnavailableError
from .steps import Call

#: What redis-py raises when Redis did not answer, or refused. Some of what its cluster clients raise is no RedisError.
FAILURES = (RedisError, RedisClusterException, OSError)

#: How many calls a broker makes at once; more wait for their turn. Pools of redis-py have 100 connections, and refuse when all are in use.
CALLS = 64

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


def calls_at_once(client: Any) -> int:
    """As many as its pool allows, up to `CALLS`."""
    nodes = getattr(client, "nodes_manager", None)
    limits = (
        getattr(getattr(client, "connection_pool", None), "max_connections", None),
        getattr(nodes, "connection_kwargs", {}).get("max_connections"),
    )
    known: list[int] = [limit for limit in limits if limit]
    return min([CALLS, *known])


def unanswered(call: Call, ms: int) -> FlowError:
    return FlowUnavailableError(f"{call.verb} of {call.flow} was not answered within {ms} ms", call.flow)


@contextmanager
def checking_url() -> Iterator[None]:
    """What redis-py says of a bad URL, as the caller gets it; without its text, which may hold the URL's password."""
    try:
        yield
    except (ValueError, TypeError):
        text = "redis must be a URL that redis-py understands: redis://, rediss:// or unix://, with options that it knows"
        raise FlowInvalidArgumentError(text) from None


def check_connection(pool: Any) -> None:
    """An option of a URL that no connection takes shows only where one is made."""
    pool.connection_class(**pool.connection_kwargs)
