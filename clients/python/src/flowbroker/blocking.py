"""Redis for the blocking client: running scripts, and listening to one channel."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError
from redis.retry import Retry

from .connecting import (
    FAILURES,
    SILENCE,
    calls_at_once,
    check_connection,
    checking_url,
    failure_of,
    listening,
    refuse_decoding,
    unanswered,
)
from .contract import Reply, parse_reply, script
from .errors import FlowClosedError, FlowInvalidArgumentError
from .forking import after_fork
from .options import BrokerOptions
from .steps import Call
from .waiting import Heard

Client = Redis | RedisCluster


class Connection:
    """A client of redis-py, borrowed or its own, as the broker uses it."""

    def __init__(self, redis: str | Client, options: BrokerOptions) -> None:
        self._options = options
        self._owns = isinstance(redis, str)
        self._closed = False
        self._seconds = seconds = options.command_timeout_ms / 1000
        if isinstance(redis, str):
            # A connection that idled too long may be gone: tried once more, with the same request id.
            retry = Retry(NoBackoff(), 1)
            with checking_url():
                self.client: Client = Redis.from_url(
                    redis, socket_timeout=seconds, socket_connect_timeout=seconds, retry=retry
                )
                check_connection(self.client.connection_pool)
        elif isinstance(redis, (Redis, RedisCluster)):
            self.client = redis
        else:
            raise FlowInvalidArgumentError("redis must be a URL, or a Redis or RedisCluster of redis-py")
        refuse_decoding(self.client)
        self.sharded = isinstance(self.client, RedisCluster)
        self._pools: dict[tuple[Any, Any], ConnectionPool] = {}
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        # A forked child has none of the threads that hold turns.
        self._turns = threading.BoundedSemaphore(calls_at_once(self.client))

    def run(self, call: Call) -> Reply:
        known = script(call.verb)
        keys = (call.key, f"{call.key}:timer")
        execute: Callable[..., Any] = self.client.execute_command
        turns = self._turns
        if not turns.acquire(timeout=self._seconds):
            raise unanswered(call, self._options.command_timeout_ms)
        try:
            try:
                reply = execute("EVALSHA", known.sha1, 2, *keys, *call.args)
            except NoScriptError:
                reply = execute("EVAL", known.lua, 2, *keys, *call.args)
        except Exception as error:
            if self._closed:
                # A connection that is closed while it is read fails in ways of its own.
                raise FlowClosedError(f"{call.verb} of {call.flow}: the broker was closed", call.flow) from error
            if isinstance(error, FAILURES):
                raise failure_of(error, call) from error
            raise
        finally:
            turns.release()
            if self._closed:
                self._disconnect()
        return parse_reply(reply)

    def ear(self, channel: str) -> Ear:
        return Ear(lambda: self._pubsub(channel), channel, self.sharded, self._options.poll_ms / 1000)

    def close(self) -> None:
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        """Closes what is not in use. What is, other threads read: a wait closes it when it notices, a call when it is answered."""
        pools = list(self._pools.values())
        if self._owns and isinstance(self.client, Redis):
            pools.append(self.client.connection_pool)
        for pool in pools:
            pool.disconnect(inuse_connections=False)

    def _pubsub(self, channel: str) -> PubSub:
        client = self.client
        if isinstance(client, RedisCluster):
            # A sharded channel is heard on the node that has its slot.
            node_of: Callable[[str], Any] = client.get_node_from_key
            client = client.get_redis_connection(node_of(channel))
        return PubSub(self._listening_pool(client.connection_pool))

    def _listening_pool(self, base: ConnectionPool) -> ConnectionPool:
        kwargs = base.connection_kwargs
        where = (kwargs.get("host"), kwargs.get("port"))
        if where not in self._pools:
            chosen = listening(kwargs, Retry(NoBackoff(), 0))
            # Each wait holds a connection, so there is no limit to them here.
            pool = ConnectionPool(connection_class=base.connection_class, max_connections=2**31, **chosen)
            return self._pools.setdefault(where, pool)
        return self._pools[where]


class Ear:
    """Listens to one channel on a connection of its own, and connects again when that is lost."""

    def __init__(self, connect: Callable[[], PubSub], channel: str, sharded: bool, retry: float) -> None:
        self._connect = connect
        self._channel = channel
        self._sharded = sharded
        self._retry = retry
        self._retry_at = 0.0
        self._pubsub: PubSub | None = None
        self._heard_at = 0.0
        self._pinged = False

    def hear(self, timeout: float) -> bytes | Heard | None:
        """The next message, that all is heard from now on, that nothing is, or None after so many seconds."""
        now = time.monotonic()
        if self._pubsub is None and now < self._retry_at:
            time.sleep(min(timeout, self._retry_at - now))
            return None
        try:
            if self._pubsub is None:
                self._subscribe()
            return self._next(min(timeout, SILENCE))
        except FAILURES:
            return self._lose()

    def close(self) -> None:
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def _subscribe(self) -> None:
        self._pubsub = self._connect()
        self._heard_at = time.monotonic()
        self._pinged = False
        if self._sharded:
            self._pubsub.ssubscribe(self._channel)
        else:
            self._pubsub.subscribe(self._channel)

    def _next(self, timeout: float) -> bytes | Heard | None:
        assert self._pubsub is not None
        message = self._pubsub.get_message(timeout=timeout)
        now = time.monotonic()
        if message is None:
            if now - self._heard_at < SILENCE:
                return None
            if self._pinged:
                return self._lose()
            self._heard_at, self._pinged = now, True
            self._pubsub.ping()
            return None
        self._heard_at, self._pinged = now, False
        kind = message["type"]
        if kind in ("message", "smessage"):
            data: bytes = message["data"]
            return data
        if kind in ("subscribe", "ssubscribe"):
            return Heard.SUBSCRIBED
        # A slot that moves away takes its subscriptions with it.
        return self._lose() if kind in ("unsubscribe", "sunsubscribe") else None

    def _lose(self) -> Heard:
        self.close()
        self._retry_at = time.monotonic() + self._retry
        return Heard.DEAF
