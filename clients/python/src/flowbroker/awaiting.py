"""Redis for the asyncio client: running scripts, and one listening connection that all waits share."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Awaitable, Callable

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException

from .connecting import FAILURES, SILENCE, failure_of, listening, refuse_decoding
from .contract import Reply, parse_reply, script
from .errors import FlowClosedError, FlowInvalidArgumentError, FlowUnavailableError
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
        self._seconds = options.command_timeout_ms / 1000
        if isinstance(redis, str):
            # A connection that idled too long may be gone: tried once more, with the same request id.
            retry = Retry(NoBackoff(), 1)
            self.client: Client = Redis.from_url(
                redis, socket_timeout=self._seconds, socket_connect_timeout=self._seconds, retry=retry
            )
        elif isinstance(redis, (Redis, RedisCluster)):
            self.client = redis
        else:
            raise FlowInvalidArgumentError("redis must be a URL, or a Redis or RedisCluster of redis.asyncio")
        refuse_decoding(self.client)
        self.sharded = isinstance(self.client, RedisCluster)
        self._listeners: dict[tuple[Any, Any], Listener] = {}

    async def run(self, call: Call) -> Reply:
        known = script(call.verb)
        keys = (call.key, f"{call.key}:timer")
        execute: Callable[..., Awaitable[Any]] = self.client.execute_command
        try:
            async with asyncio.timeout(self._seconds):
                try:
                    reply = await execute("EVALSHA", known.sha1, 2, *keys, *call.args)
                except NoScriptError:
                    reply = await execute("EVAL", known.lua, 2, *keys, *call.args)
        except TimeoutError as error:
            text = f"{call.verb} of {call.flow} was not answered within {self._options.command_timeout_ms} ms"
            raise FlowUnavailableError(text, call.flow) from error
        except Exception as error:
            if self._closed:
                # A connection that is closed while it is read fails in ways of its own.
                raise FlowClosedError(f"{call.verb} of {call.flow}: the broker was closed", call.flow) from error
            if isinstance(error, FAILURES):
                raise failure_of(error, call) from error
            raise
        return parse_reply(reply)

    def ear(self, channel: str) -> Ear:
        return Ear(self, channel, self._options.poll_ms / 1000)

    async def listener(self, channel: str) -> Listener:
        """The listener of the node where the channel is heard; a new one where the last was lost."""
        if isinstance(self.client, RedisCluster):
            await self.client.initialize()  # it learns the slots with its first command, which this may be
        where, kwargs, kind = self._node(channel)
        listener = self._listeners.get(where)
        if listener is None or listener.lost:
            pool = ConnectionPool(connection_class=kind, **listening(kwargs, Retry(NoBackoff(), 0)))
            listener = self._listeners[where] = Listener(pool, self.sharded)
        return listener

    async def close(self) -> None:
        self._closed = True
        for listener in self._listeners.values():
            await listener.close()
        if self._owns:
            await self.client.aclose()

    def _node(self, channel: str) -> tuple[tuple[Any, Any], dict[str, Any], Any]:
        if isinstance(self.client, RedisCluster):
            # A sharded channel is heard on the node that has its slot.
            node: Any = self.client.get_node_from_key(channel)
            return (node.host, node.port), node.connection_kwargs, node.connection_class
        pool = self.client.connection_pool
        return (None, None), pool.connection_kwargs, pool.connection_class


class Listener:
    """One connection that listens to the channels of all waits, each subscribed once. When it is lost, all are told."""

    def __init__(self, pool: ConnectionPool, sharded: bool) -> None:
        self.lost = False
        self._pool = pool
        self._sharded = sharded
        self._pubsub = PubSub(pool)
        self._ears: dict[bytes, set[Ear]] = {}
        self._confirmed: set[bytes] = set()
        self._task: asyncio.Task[None] | None = None
        self._heard_at = time.monotonic()
        self._pinged = False

    async def hold(self, channel: bytes, ear: Ear) -> None:
        ears = self._ears.setdefault(channel, set())
        ears.add(ear)
        if channel in self._confirmed:
            ear.put(Heard.SUBSCRIBED)
        if len(ears) > 1:
            return
        try:
            await (self._pubsub.ssubscribe(channel) if self._sharded else self._pubsub.subscribe(channel))
        except FAILURES:
            await self.close()
            return
        if self._task is None:
            self._task = asyncio.create_task(self._listen())

    async def release(self, channel: bytes, ear: Ear) -> None:
        ears = self._ears.get(channel, set())
        ears.discard(ear)
        if ears or self.lost or channel not in self._ears:
            return
        del self._ears[channel]
        self._confirmed.discard(channel)
        try:
            await (self._pubsub.sunsubscribe(channel) if self._sharded else self._pubsub.unsubscribe(channel))
        except FAILURES:
            await self.close()

    async def close(self) -> None:
        """Tells every ear that nothing is heard any more."""
        if self.lost:
            return
        self.lost = True
        for ears in self._ears.values():
            for ear in ears:
                ear.put(Heard.DEAF)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        try:
            close: Callable[[], Awaitable[None]] = self._pubsub.aclose
            await close()
            await self._pool.disconnect()
        except (*FAILURES, RuntimeError):
            pass  # it is gone either way

    async def _listen(self) -> None:
        try:
            while await self._next():
                pass
        except (*FAILURES, RuntimeError):
            pass  # all that listen are told
        await self.close()

    async def _next(self) -> bool:
        message = await self._pubsub.get_message(timeout=SILENCE)
        now = time.monotonic()
        if message is not None:
            self._heard_at, self._pinged = now, False
            return self._dispatch(message)
        if now - self._heard_at >= SILENCE:
            if self._pinged:
                return False
            self._heard_at, self._pinged = now, True
            await self._pubsub.ping()
        return True

    def _dispatch(self, message: dict[str, Any]) -> bool:
        kind, channel = message["type"], message["channel"]
        ears = self._ears.get(channel, ())
        if kind in ("message", "smessage"):
            for ear in ears:
                ear.put(message["data"])
        elif kind in ("subscribe", "ssubscribe"):
            self._confirmed.add(channel)
            for ear in ears:
                ear.put(Heard.SUBSCRIBED)
        elif kind == "sunsubscribe" and channel in self._confirmed:
            return False  # a slot that moves away takes its subscriptions with it
        return True


class Ear:
    """What one wait hears of one channel. Listens again when the connection was lost."""

    def __init__(self, connection: Connection, channel: str, retry: float) -> None:
        self._connection = connection
        self._channel = channel
        self._retry = retry
        self._retry_at = 0.0
        self._listener: Listener | None = None
        self._heard: asyncio.Queue[bytes | Heard] = asyncio.Queue()

    def put(self, event: bytes | Heard) -> None:
        self._heard.put_nowait(event)

    async def hear(self, timeout: float) -> bytes | Heard | None:
        """The next message, that all is heard from now on, that nothing is, or None after so many seconds."""
        if self._listener is None:
            now = time.monotonic()
            if now < self._retry_at:
                await asyncio.sleep(min(timeout, self._retry_at - now))
                return None
            try:
                self._listener = await self._connection.listener(self._channel)
                await self._listener.hold(self._channel.encode(), self)
            except (*FAILURES, RedisClusterException):
                self.put(Heard.DEAF)
        try:
            async with asyncio.timeout(timeout):
                event = await self._heard.get()
        except TimeoutError:
            return None
        if event is Heard.DEAF:
            self._listener = None
            self._retry_at = time.monotonic() + self._retry
        return event

    async def close(self) -> None:
        if self._listener is not None:
            await self._listener.release(self._channel.encode(), self)
            self._listener = None
