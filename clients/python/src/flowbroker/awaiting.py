"""Redis for the asyncio client: running scripts, and the connections that listen."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Awaitable, Callable

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from .awaiting_ear import Ear, Listener
from .canceling import Canceling
from .connecting import (
    FAILURES,
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
from .options import BrokerOptions
from .steps import Call

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
            with checking_url():
                self.client: Client = Redis.from_url(
                    redis, socket_timeout=self._seconds, socket_connect_timeout=self._seconds, retry=retry
                )
                check_connection(self.client.connection_pool)
        elif isinstance(redis, (Redis, RedisCluster)):
            self.client = redis
        else:
            raise FlowInvalidArgumentError("redis must be a URL, or a Redis or RedisCluster of redis.asyncio")
        refuse_decoding(self.client)
        self.sharded = isinstance(self.client, RedisCluster)
        self._turns = asyncio.Semaphore(calls_at_once(self.client))
        self._listeners: dict[tuple[Any, Any], Listener] = {}
        self._lives: set[asyncio.Task[None]] = set()
        #: Seconds until a connection that was lost is tried again, by all that listen together.
        self.pause = options.poll_ms / 1000

    async def run(self, call: Call) -> Reply:
        known = script(call.verb)
        keys = (call.key, f"{call.key}:timer")
        execute: Callable[..., Awaitable[Any]] = self.client.execute_command
        canceling = Canceling()
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                try:
                    reply = await execute("EVALSHA", known.sha1, 2, *keys, *call.args)
                except NoScriptError:
                    reply = await execute("EVAL", known.lua, 2, *keys, *call.args)
        except TimeoutError as error:
            raise unanswered(call, self._options.command_timeout_ms) from error
        except Exception as error:
            if self._closed:
                # A connection that is closed while it is read fails in ways of its own.
                raise FlowClosedError(f"{call.verb} of {call.flow}: the broker was closed", call.flow) from error
            if isinstance(error, FAILURES):
                raise failure_of(error, call) from error
            raise
        canceling.check()
        return parse_reply(reply)

    def ear(self, channel: str) -> Ear:
        return Ear(self, channel)

    async def listener(self, channel: str) -> Listener | float:
        """The listener of the node where the channel is heard; where the last was lost a new one, but not at once: seconds to wait."""
        if isinstance(self.client, RedisCluster):
            await self.client.initialize()  # it learns the slots with its first command, which this may be
        if self._closed:
            raise FlowClosedError("the broker was closed")
        where, kwargs, kind = self._node(channel)
        last = self._listeners.get(where)
        if last is not None and (last.lost_at is None or last.lost_at + self.pause > time.monotonic()):
            return last if last.lost_at is None else last.lost_at + self.pause - time.monotonic()
        self.pause = self._options.poll_ms / 1000 * (0.75 + random.random() / 2)
        pool = ConnectionPool(connection_class=kind, **listening(kwargs, Retry(NoBackoff(), 0)))
        listener = self._listeners[where] = Listener(pool, self.sharded)
        self._lives.add(listener.life)
        listener.life.add_done_callback(self._lives.discard)
        return listener

    async def close(self) -> None:
        self._closed = True
        for life in self._lives:
            life.cancel()
        while self._lives:
            await asyncio.wait(self._lives)
        if self._owns:
            await self.client.aclose()

    def _node(self, channel: str) -> tuple[tuple[Any, Any], dict[str, Any], Any]:
        if isinstance(self.client, RedisCluster):
            # A sharded channel is heard on the node that has its slot.
            node: Any = self.client.get_node_from_key(channel)
            return (node.host, node.port), node.connection_kwargs, node.connection_class
        pool = self.client.connection_pool
        return (None, None), pool.connection_kwargs, pool.connection_class
