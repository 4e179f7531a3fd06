"""Who listens, on how many connections, and what is left of it, with many waits at once and after those that were given up."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, AsyncIterator, Callable

import pytest
from both import Client
from conftest import until
from proxy import Proxy
from redis import Redis
from server import Server

import flowbroker
import flowbroker.asyncio


@pytest.fixture
async def broker(server: Server) -> AsyncIterator[flowbroker.asyncio.Broker]:
    async with flowbroker.asyncio.Broker(server.url, poll_ms=60_000, reread_ms=60_000) as broker:
        yield broker


@pytest.fixture
def watched(server: Server) -> Any:
    with Redis.from_url(server.url) as redis:
        yield redis


async def soon(what: str, holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_two_first_waits_share_one_connection(broker: flowbroker.asyncio.Broker, watched: Redis) -> None:
    flows = broker.define("login")
    for name in ("a", "b"):
        await flows.create(name)
    waits = [asyncio.create_task(flows.wait(name)) for name in ("a", "b")]
    await soon("both listen", lambda: len(watched.pubsub_channels()) == 2)
    assert len(watched.client_list(_type="pubsub")) == 1
    for name in ("a", "b"):
        await flows.complete(name, name)
    async with asyncio.timeout(10):
        assert await asyncio.gather(*waits) == ["a", "b"]


async def test_a_first_wait_that_is_canceled_while_it_connects_leaves_the_others_listening(proxy: Proxy, id: str) -> None:
    async with flowbroker.asyncio.Broker(proxy.url, poll_ms=60_000, reread_ms=60_000) as broker:
        flows = broker.define("login")
        await flows.create(id)
        subscribe = proxy.hold("SUBSCRIBE")
        connect = proxy.hold("CLIENT")
        first = asyncio.create_task(flows.wait(id))
        await soon("it connects", connect.reached.is_set)
        second = asyncio.create_task(flows.wait(id))
        await asyncio.sleep(0.05)
        first.cancel()
        connect.open()
        subscribe.open()
        await soon("the second listens", lambda: subscribe.reached.is_set())
        await asyncio.sleep(0.05)
        await flows.complete(id, "tokens")
        done, _ = await asyncio.wait({second}, timeout=5)
        assert done and second.result() == "tokens"


async def test_an_outcome_that_is_canceled_at_once_leaves_no_subscription(
    broker: flowbroker.asyncio.Broker, watched: Redis
) -> None:
    opened = await broker.define("login").open("1")
    assert watched.pubsub_channels()
    opened.outcome.cancel()
    await soon("nothing is subscribed", lambda: not watched.pubsub_channels())


async def test_a_wait_can_be_canceled_at_every_step_and_leaves_nothing(
    broker: flowbroker.asyncio.Broker, watched: Redis
) -> None:
    flows = broker.define("login")
    await flows.create("1")
    for steps in range(120):
        wait = asyncio.create_task(flows.wait("1"))
        for _ in range(steps):
            await asyncio.sleep(0)
        wait.cancel()
        done, _ = await asyncio.wait({wait}, timeout=5)
        assert done, f"canceled after {steps} steps it went on"
        assert wait.cancelled()
    await soon("nothing is subscribed", lambda: not watched.pubsub_channels())
    assert len(watched.client_list(_type="pubsub")) <= 1


async def test_a_run_can_be_canceled_at_every_step_and_leaves_its_flow_free(
    broker: flowbroker.asyncio.Broker, watched: Redis
) -> None:
    flows = broker.define("refresh", lease_ms=60_000)

    async def slow(_context: flowbroker.asyncio.RunContext) -> None:
        await asyncio.sleep(60)

    async def quick(context: flowbroker.asyncio.RunContext) -> int:
        return context.attempt

    await flows.run("before", quick)
    for steps in range(0, 120, 2):
        run = asyncio.create_task(flows.run(f"{steps}", slow))
        for _ in range(steps):
            await asyncio.sleep(0)
        run.cancel()
        done, _ = await asyncio.wait({run}, timeout=5)
        assert done and run.cancelled(), f"canceled after {steps} steps it went on"
        async with asyncio.timeout(5):
            assert await flows.run(f"{steps}", quick) in (1, 2)


async def test_waits_try_a_lost_connection_together(server: Server) -> None:
    async with flowbroker.asyncio.Broker(server.url, poll_ms=200) as broker:
        flows = broker.define("login")
        with Redis.from_url(server.url) as redis:
            # Whoever subscribes is refused.
            redis.execute_command("ACL", "SETUSER", "default", "resetchannels")
            waits = []
            for at in range(40):
                await flows.create(f"{at}")
                waits.append(asyncio.create_task(flows.wait(f"{at}")))
                await asyncio.sleep(0.02)
            tried = redis.info("commandstats")["cmdstat_subscribe"]["rejected_calls"]
        for wait in waits:
            wait.cancel()
        # About five times a second, however many wait.
        assert 2 <= tried < 15


def test_more_callers_at_once_than_a_pool_has_connections_are_all_answered(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    client = connect(server.url, command_timeout_ms=20_000)
    flows = client.define("login")
    flows.create(id)
    server.pause()
    try:
        calls = [flows.start("get", id) for _ in range(150)]
        with pytest.raises(TimeoutError):
            calls[-1].result(0.5)
    finally:
        server.resume()
    assert {call.result(20).status for call in calls} == {"PENDING"}


def test_more_waits_at_once_than_a_pool_has_connections_all_listen(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    client = connect(server.url)
    flows = client.define("login")
    names = [f"{id}-{at}" for at in range(120)]
    for name in names:
        flows.create(name)
    waits = [flows.start("wait", name) for name in names]
    with Redis.from_url(server.url) as redis:
        until("all listen", lambda: len(redis.pubsub_channels()) == len(names))
    for name in names:
        flows.complete(name, name)
    assert [wait.result(20) for wait in waits] == names


async def test_a_listener_that_is_killed_while_it_subscribes_is_lost_and_nothing_else(server: Server) -> None:
    unexpected: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unexpected.append(context))
    async with flowbroker.asyncio.Broker(server.url, poll_ms=10) as broker:
        flows = broker.define("login")

        async def come_and_go(who: int) -> None:
            for at in range(40):
                opened = await flows.open(f"{who}-{at}")
                await asyncio.sleep(0)
                opened.outcome.cancel()

        with Redis.from_url(server.url) as redis:
            waits = [asyncio.create_task(come_and_go(who)) for who in range(20)]
            while not all(wait.done() for wait in waits):
                redis.client_kill_filter(_type="pubsub")
                await asyncio.sleep(0.01)
            await asyncio.gather(*waits)
            await flows.create("last")
            last = asyncio.create_task(flows.wait("last"))
            await flows.complete("last", "heard")
            assert await last == "heard"
    gc.collect()
    assert unexpected == []
