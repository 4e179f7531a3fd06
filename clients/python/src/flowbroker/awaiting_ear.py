"""Listening for the asyncio client: one connection that all waits share, and what each of them hears."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable

from redis.asyncio import ConnectionPool
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError

from .canceling import Canceling
from .connecting import FAILURES, SILENCE
from .waiting import Heard

if TYPE_CHECKING:
    from .awaiting import Connection


class Listener:
    """One connection that listens to the channels of all waits, each subscribed once. When it is lost, all are told.

    Its own task connects and subscribes, so that no wait that is canceled leaves the others unheard.
    """

    def __init__(self, pool: ConnectionPool, sharded: bool) -> None:
        self.lost_at: float | None = None
        self._pool = pool
        self._sharded = sharded
        self._pubsub = PubSub(pool)
        self._ears: dict[bytes, set[Ear]] = {}
        self._told: set[bytes] = set()
        self._confirmed: set[bytes] = set()
        self._leaving: set[bytes] = set()
        self._changed = asyncio.Event()
        self._connected = asyncio.Event()
        self._heard_at = time.monotonic()
        self._pinged = False
        self.life = asyncio.create_task(self._live())

    def hold(self, channel: bytes, ear: Ear) -> None:
        self._ears.setdefault(channel, set()).add(ear)
        self._changed.set()
        if self.lost_at is not None:
            ear.put(Heard.DEAF)
        elif channel in self._confirmed:
            ear.put(Heard.SUBSCRIBED)

    def release(self, channel: bytes, ear: Ear) -> None:
        ears = self._ears.get(channel, set())
        ears.discard(ear)
        if not ears:
            self._ears.pop(channel, None)
            self._changed.set()

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as halves:
                halves.create_task(self._subscribe())
                halves.create_task(self._listen())
        except* Exception:
            # All that listen are told. A connection that one half finds lost fails the other in ways of its own (AttributeError).
            pass
        finally:
            self.lost_at = time.monotonic()
            for ear in [ear for ears in self._ears.values() for ear in ears]:
                ear.put(Heard.DEAF)
            await self._close()

    async def _close(self) -> None:
        try:
            close: Callable[[], Awaitable[None]] = self._pubsub.aclose
            await close()
            await self._pool.disconnect()
        except Exception:
            pass  # it is gone either way

    async def _subscribe(self) -> None:
        """Subscribes to what is waited for, and to nothing else; what changed in one step of the loop goes together."""
        canceling = Canceling()
        while not canceling:
            await self._changed.wait()
            self._changed.clear()
            wanted = set(self._ears)
            begun, over = wanted - self._told, self._told - wanted
            self._told = wanted
            self._confirmed -= over
            self._leaving |= over
            async with asyncio.timeout(SILENCE):
                if self._sharded:
                    # Channels of different slots cannot go together.
                    for channel in begun:
                        await self._pubsub.ssubscribe(channel)
                    for channel in over:
                        await self._pubsub.sunsubscribe(channel)
                else:
                    if begun:
                        await self._pubsub.subscribe(*begun)
                    if over:
                        await self._pubsub.unsubscribe(*over)
            if begun:
                self._connected.set()

    async def _listen(self) -> None:
        await self._connected.wait()
        canceling = Canceling()
        while not canceling:
            # Where the connection is lost it connects again before it says so, which may hang.
            async with asyncio.timeout(2 * SILENCE):
                message = await self._pubsub.get_message(timeout=SILENCE)
            now = time.monotonic()
            if message is not None:
                self._heard_at, self._pinged = now, False
                self._dispatch(message)
            elif now - self._heard_at >= SILENCE:
                if self._pinged:
                    raise ConnectionError("nothing is heard any more")
                self._heard_at, self._pinged = now, True
                await self._pubsub.ping()

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind, channel = message["type"], message["channel"]
        ears = self._ears.get(channel, ())
        if kind in ("message", "smessage"):
            for ear in ears:
                ear.put(message["data"])
        elif kind in ("subscribe", "ssubscribe"):
            if channel in self._told:
                self._confirmed.add(channel)
                for ear in ears:
                    ear.put(Heard.SUBSCRIBED)
        elif kind == "sunsubscribe":
            if channel not in self._leaving:
                raise ConnectionError("a slot that moves away takes its subscriptions with it")
            self._leaving.discard(channel)


class Ear:
    """What one wait hears of one channel. Listens again when the connection was lost."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel
        self._listener: Listener | None = None
        self._heard: asyncio.Queue[bytes | Heard] = asyncio.Queue()

    def put(self, event: bytes | Heard) -> None:
        self._heard.put_nowait(event)

    async def hear(self, timeout: float) -> bytes | Heard | None:
        """The next message, that all is heard from now on, that nothing is, or None after so many seconds."""
        try:
            async with asyncio.timeout(timeout):
                if self._listener is None:
                    await self._begin()
                event = await self._heard.get()
        except TimeoutError:
            return None
        if event is Heard.DEAF:
            self._listener = None
        return event

    async def _begin(self) -> None:
        try:
            while isinstance(listener := await self._connection.listener(self._channel), float):
                await asyncio.sleep(listener)
        except FAILURES:
            # Which node to listen to is not known. Whoever waits reads meanwhile, and comes again.
            self.put(Heard.DEAF)
            await asyncio.sleep(self._connection.pause)
            return
        self._listener = listener
        listener.hold(self._channel.encode(), self)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.release(self._channel.encode(), self)
            self._listener = None
