"""One face for the blocking and the asyncio client, so that each test holds for both."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Coroutine

import flowbroker
import flowbroker.asyncio


class Blocking:
    name = "blocking"

    def __init__(self, redis: Any, **options: Any) -> None:
        self.broker = flowbroker.Broker(redis, **options)
        self._threads = ThreadPoolExecutor(200)

    def define(self, type: str, **options: Any) -> BlockingFlows:
        return BlockingFlows(self.broker.define(type, **options), self._threads)

    def leave(self, drain_ms: int = 0) -> None:
        """Closes the broker alone."""
        self.broker.close(drain_ms)

    def close(self) -> None:
        self.leave()
        self._threads.shutdown(wait=False)


class BlockingFlows:
    def __init__(self, flows: flowbroker.Flows[Any, Any], threads: ThreadPoolExecutor) -> None:
        self.flows = flows
        self._threads = threads

    def start(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Begins a call that may take long."""
        return self._threads.submit(getattr(self.flows, method), *args, **options)

    def open(self, id: str, **options: Any) -> tuple[Any, Future[Any]]:
        opened = self.flows.open(id, **options)
        return opened, self._threads.submit(opened.result)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *args, **options: self.start(method, *args, **options).result(30)


class Asyncio:
    name = "asyncio"

    def __init__(self, redis: Any, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.broker = self.do(self._create(redis, options)).result(10)

    async def _create(self, redis: Any, options: dict[str, Any]) -> flowbroker.asyncio.Broker:
        return flowbroker.asyncio.Broker(redis() if callable(redis) else redis, **options)

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def define(self, type: str, **options: Any) -> AsyncioFlows:
        return AsyncioFlows(self.broker.define(type, **options), self)

    def leave(self, drain_ms: int = 0) -> None:
        """Closes the broker alone."""
        self.do(self.broker.close(drain_ms)).result(30)

    def close(self) -> None:
        self.leave()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class AsyncioFlows:
    def __init__(self, flows: flowbroker.asyncio.Flows[Any, Any], client: Asyncio) -> None:
        self.flows = flows
        self._client = client

    def start(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Begins a call that may take long. A handler of `run` is moved to a thread."""
        if method.startswith("run"):
            id, handler = args

            async def moved(context: Any) -> Any:
                return await asyncio.to_thread(handler, context)

            args = (id, moved)
        return self._client.do(getattr(self.flows, method)(*args, **options))

    def open(self, id: str, **options: Any) -> tuple[Any, Future[Any]]:
        opened = self.start("open", id, **options).result(30)

        async def outcome() -> Any:
            return await opened.outcome

        return opened, self._client.do(outcome())

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *args, **options: self.start(method, *args, **options).result(30)


Client = Blocking | Asyncio
