"""What closing does to runs that are under way, for both clients."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest
from both import Client
from conftest import until
from proxy import Proxy
from redis import Redis
from server import Server

import flowbroker
import flowbroker.asyncio


def test_closing_lets_the_handlers_that_it_drained_commit(
    connect: Callable[..., Client], proxy: Proxy, shared: Server, id: str
) -> None:
    leaving = connect(proxy.url)
    flows = leaving.define("refresh", lease_ms=60_000)
    entered, go = threading.Event(), threading.Event()

    def handler(_context: Any) -> str:
        entered.set()
        assert go.wait(10)
        return "tokens"

    assert flows.run(f"{id}-before", lambda _context: 1) == 1  # the scripts are known
    run = flows.start("run", id, handler)
    assert entered.wait(10)
    commit = proxy.hold("settle")
    with ThreadPoolExecutor(1) as threads:
        left = threads.submit(leaving.leave, 20_000)
        until("it is closed to others", lambda: closed_to(flows, id))
        go.set()
        assert commit.reached.wait(10)
        assert not left.done()
        commit.open()
        assert run.result(10) == "tokens"
        left.result(10)
    assert connect(shared.url).define("refresh").get(id).status == "COMPLETED"


def closed_to(flows: Any, id: str) -> bool:
    try:
        flows.get(id)
        return False
    except flowbroker.FlowClosedError:
        return True


def test_no_handler_begins_after_closing_and_its_attempt_is_not_used_up(
    connect: Callable[..., Client], proxy: Proxy, shared: Server, id: str
) -> None:
    leaving = connect(proxy.url)
    flows = leaving.define("refresh", lease_ms=60_000, max_attempts=1)
    assert flows.run(f"{id}-before", lambda _context: 1) == 1
    begun: list[int] = []
    create = proxy.hold("create", replies=True)
    run = flows.start("run", id, lambda context: begun.append(context.attempt))
    assert create.reached.wait(10)
    with ThreadPoolExecutor(1) as threads:
        left = threads.submit(leaving.leave)
        until("it is closed", lambda: closed_to(flows, id))
        create.open()
        left.result(10)
    with pytest.raises(flowbroker.FlowClosedError):
        run.result(10)
    other = connect(shared.url).define("refresh", lease_ms=60_000, max_attempts=1)
    assert other.start("run", id, lambda context: context.attempt).result(10) == 2
    assert begun == []


def test_closing_leaves_no_connection_behind(connect: Callable[..., Client], server: Server, id: str) -> None:
    leaving = connect(server.url)
    flows = leaving.define("refresh", lease_ms=60_000)
    entered, go = threading.Event(), threading.Event()

    def handler(_context: Any) -> None:
        entered.set()
        go.wait(10)

    with Redis.from_url(server.url) as redis:
        flows.create(f"{id}-waited")
        waiting = flows.start("wait", f"{id}-waited")
        running = flows.start("run", id, handler)
        assert entered.wait(10)
        until("it listens", lambda: redis.pubsub_channels())
        leaving.leave()
        go.set()
        for call in (waiting, running):
            with pytest.raises(flowbroker.FlowClosedError):
                call.result(10)
        until("only this client is left", lambda: len(redis.client_list()) == 1)


def test_a_server_that_hangs_holds_closing_up_once_and_not_for_each_handler(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    leaving = connect(server.url, command_timeout_ms=500)
    flows = leaving.define("refresh", lease_ms=60_000)
    entered, go = threading.Semaphore(0), threading.Event()

    def handler(_context: Any) -> None:
        entered.release()
        go.wait(20)

    runs = [flows.start("run", f"{id}-{at}", handler) for at in range(5)]
    for _ in runs:
        assert entered.acquire(timeout=10)
    server.pause()
    try:
        with ThreadPoolExecutor(1) as threads:
            threads.submit(leaving.leave).result(2.2)  # five after one another: 2.5 s and more
    finally:
        server.resume()
        go.set()
    for run in runs:
        with pytest.raises(flowbroker.FlowClosedError):
            run.result(10)


async def test_closing_while_it_connects_leaves_no_task_behind(proxy: Proxy, id: str) -> None:
    broker = flowbroker.asyncio.Broker(proxy.url)
    flows = broker.define("login")
    await flows.create(id)
    before = asyncio.all_tasks()
    subscribe = proxy.hold("CLIENT")  # what a connection says first
    wait = asyncio.create_task(flows.wait(id))
    async with asyncio.timeout(10):
        while not subscribe.reached.is_set():
            await asyncio.sleep(0.01)
    await broker.close()
    with pytest.raises(flowbroker.FlowClosedError):
        await wait
    assert asyncio.all_tasks() == before


async def test_a_caller_who_leaves_while_its_result_is_stored_does_not_undo_it(proxy: Proxy, id: str) -> None:
    async with flowbroker.asyncio.Broker(proxy.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)

        async def handler(_context: flowbroker.asyncio.RunContext) -> str:
            return "tokens"

        await flows.run(f"{id}-before", handler)
        commit = proxy.hold("settle")
        run = asyncio.create_task(flows.run(id, handler))
        async with asyncio.timeout(10):
            while not commit.reached.is_set():
                await asyncio.sleep(0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        commit.open()
        assert await flows.wait(id, timeout_ms=5_000) == "tokens"


def test_a_process_that_closes_as_it_exits_frees_what_its_threads_run(shared: Server, id: str) -> None:
    program = f"""
import atexit, threading, time, flowbroker
broker = flowbroker.Broker({shared.url!r})
atexit.register(broker.close)
entered = threading.Event()
def handler(context):
    entered.set()
    time.sleep(60)
flows = broker.define("refresh", lease_ms=60_000)
threading.Thread(target=flows.run, args=({id!r}, handler), daemon=True).start()
entered.wait(10)
"""
    source = str(Path(flowbroker.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": source}, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"")
    with flowbroker.Broker(shared.url) as broker, ThreadPoolExecutor(1) as threads:
        assert threads.submit(broker.define("refresh").run, id, lambda context: context.attempt).result(10) == 2
