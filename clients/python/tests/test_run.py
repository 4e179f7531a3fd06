"""Single-flight, for both clients: one handler, leases, takeover, fenced commits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable

import pytest
from both import Client
from conftest import LEASE_UNTIL, stored_words, until
from redis import Redis
from server import Server

import flowbroker
import flowbroker.asyncio


def test_one_of_many_callers_runs_the_handler_and_all_get_its_result(
    connect: Callable[..., Client], shared: Server, id: str
) -> None:
    started = threading.Event()
    go = threading.Event()
    runs: list[int] = []

    def handler(context: Any) -> str:
        runs.append(context.fence)
        started.set()
        assert go.wait(10)
        return "tokens"

    clients = [connect(shared.url).define("refresh") for _ in range(3)]
    calls = [flows.start("run", id, handler) for flows in clients for _ in range(4)]
    assert started.wait(10)
    go.set()
    assert [call.result(20) for call in calls] == ["tokens"] * 12
    assert len(runs) == 1
    assert clients[0].run_fenced(id, handler).fence == runs[0]


def test_what_the_handler_raises_fails_the_flow_for_all(client: Client, id: str) -> None:
    flows = client.define("refresh")
    joined = threading.Event()

    def handler(_context: Any) -> None:
        assert joined.wait(10)
        raise ValueError("bad grant")

    owner = flows.start("run", id, handler)
    until("the flow is owned", lambda: flows.get(id) is not None)
    waiter = flows.start("wait", id)
    joined.set()
    with pytest.raises(flowbroker.FlowFailedError, match="bad grant") as own:
        owner.result(10)
    assert isinstance(own.value.__cause__, ValueError)
    with pytest.raises(flowbroker.FlowFailedError) as other:
        waiter.result(10)
    assert isinstance(other.value.__cause__, flowbroker.RemoteError)
    assert other.value.__cause__.name == "ValueError"


def test_the_lease_is_renewed_while_the_handler_runs(client: Client, id: str) -> None:
    flows = client.define("refresh", lease_ms=150)
    other = client.define("refresh", lease_ms=150)
    runs: list[int] = []

    def handler(context: Any) -> int:
        runs.append(context.attempt)
        time.sleep(0.5)
        return context.attempt  # type: ignore[no-any-return]

    first = flows.start("run", id, handler)
    until("it runs", lambda: runs)
    assert other.run(id, handler) == 1
    assert (first.result(10), runs) == (1, [1])


def test_a_lost_owner_is_followed_by_one_that_waits(client: Client, redis: Redis, id: str) -> None:
    flows = client.define("refresh", lease_ms=15_000)
    # An owner of another process that was killed: it holds a lease and never renews.
    lost = flowbroker.Broker(redis)
    dead = lost.define("refresh")._definition
    record = lost._call(dead.create_call(flowbroker.FlowName("refresh", id), owner="dead", leaseMs=150)).record
    assert record is not None
    assert flows.run(id, lambda context: [context.attempt, context.fence > record.fence]) == [2, True]
    # It comes back and finds itself superseded.
    assert lost.define("refresh").complete(id, "zombie", fence=record.fence).verdict == "superseded"


def test_an_owner_that_was_stopped_cannot_overwrite_its_successor(client: Client, redis: Redis, id: str) -> None:
    flows = client.define("refresh", lease_ms=60_000)
    entered = [threading.Event(), threading.Event()]
    go = [threading.Event(), threading.Event()]

    def handler(context: Any) -> str:
        at = context.attempt - 1
        entered[at].set()
        assert go[at].wait(10)
        return f"attempt {context.attempt}"

    stopped = flows.start("run", id, handler)
    assert entered[0].wait(10)
    # As if it had been stopped for longer than its lease.
    key = f"flow:{{refresh:{id}}}"
    words = stored_words(redis, key)
    words[LEASE_UNTIL] = b"1"
    redis.set(key, b" ".join(words), keepttl=True)
    successor = flows.start("run", id, handler)
    assert entered[1].wait(10)
    go[0].set()
    time.sleep(0.1)
    assert flows.get(id).status == "PENDING"
    go[1].set()
    assert [successor.result(10), stopped.result(10)] == ["attempt 2", "attempt 2"]


def test_work_that_must_not_run_twice_fails_when_its_owner_is_lost(client: Client, redis: Redis, id: str) -> None:
    flows = client.define("refresh", max_attempts=1)
    lost = flowbroker.Broker(redis)
    dead = lost.define("refresh")._definition
    lost._call(dead.create_call(flowbroker.FlowName("refresh", id), owner="dead", leaseMs=100, maxAttempts=1))
    with pytest.raises(flowbroker.FlowOwnerLostError, match="attempt 1 of 1"):
        flows.run(id, lambda _context: "never")


def test_an_owner_whose_flow_was_settled_elsewhere_gets_the_outcome_that_won(client: Client, id: str) -> None:
    flows = client.define("refresh", lease_ms=150)
    entered, go = threading.Event(), threading.Event()

    def handler(_context: Any) -> str:
        entered.set()
        go.wait(5)
        return "mine"

    run = flows.start("run", id, handler)
    assert entered.wait(10)
    assert flows.complete(id, "theirs").verdict == "applied"
    go.set()
    assert run.result(10) == "theirs"


def test_a_result_that_cannot_be_encoded_fails_the_flow(client: Client, id: str) -> None:
    flows = client.define("refresh")
    with pytest.raises(flowbroker.FlowCodecError):
        flows.run(id, lambda _context: object())
    assert flows.get(id).status == "FAILED"


def test_a_rejected_result_is_made_anew(client: Client, id: str) -> None:
    flows = client.define("refresh")
    first = flows.run_fenced(id, lambda _context: 1)
    assert flows.run_fenced(id, lambda _context: 2) == first
    assert flows.run_fenced(id, lambda _context: 2, reject_fence=first.fence).result == 2


def test_closing_frees_the_flow_for_others_at_once(connect: Callable[..., Client], shared: Server, id: str) -> None:
    leaving = connect(shared.url)
    staying = connect(shared.url).define("refresh", lease_ms=60_000)
    entered, go = threading.Event(), threading.Event()

    def handler(_context: Any) -> str:
        entered.set()
        go.wait(10)
        return "never"

    run = leaving.define("refresh", lease_ms=60_000).start("run", id, handler)
    assert entered.wait(10)
    next_run = staying.start("run", id, lambda context: context.attempt)
    until("the second waits", lambda: staying.get(id).attempt == 1)
    leaving.leave()
    assert next_run.result(10) == 2
    go.set()
    with pytest.raises(flowbroker.FlowClosedError):
        run.result(10)


def test_blocking_handlers_are_told_by_their_context(shared: Server, id: str) -> None:
    with flowbroker.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=150)

        def handler(context: flowbroker.RunContext) -> str:
            flows.cancel(id, "no longer wanted")
            assert context.lost.wait(10)
            return "too late"

        with pytest.raises(flowbroker.FlowCanceledError, match="no longer wanted"):
            flows.run(id, handler)


def test_a_blocking_handler_that_is_interrupted_frees_its_flow(shared: Server, id: str) -> None:
    with flowbroker.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)

        def interrupted(_context: flowbroker.RunContext) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            flows.run(id, interrupted)
        assert flows.run(id, lambda context: context.attempt) == 2


def test_the_decorator_makes_the_id_of_the_arguments(shared: Server, id: str) -> None:
    with flowbroker.Broker(shared.url) as broker:
        flows: flowbroker.Flows[str, None] = broker.define("refresh")

        @flows.single_flight(key=lambda user: f"{user}-{id}")
        def refresh(context: flowbroker.RunContext, user: str) -> str:
            return f"tokens of {user}, attempt {context.attempt}"

        assert refresh("zoë") == "tokens of zoë, attempt 1"
        assert flows.wait(f"zoë-{id}") == "tokens of zoë, attempt 1"
        assert refresh.__name__ == "refresh"


async def test_the_asyncio_decorator_does_the_same(shared: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(shared.url) as broker:
        flows: flowbroker.asyncio.Flows[str, None] = broker.define("refresh")

        @flows.single_flight(key=lambda user: f"{user}-{id}")
        async def refresh(_context: flowbroker.asyncio.RunContext, user: str) -> str:
            return f"tokens of {user}"

        assert list(await asyncio.gather(refresh("zoë"), refresh("zoë"))) == ["tokens of zoë"] * 2


async def test_a_canceled_caller_stops_its_handler_and_frees_the_flow(shared: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)
        entered, stopped = asyncio.Event(), asyncio.Event()

        async def handler(_context: flowbroker.asyncio.RunContext) -> None:
            entered.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()

        run = asyncio.create_task(flows.run(id, handler))
        await entered.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert stopped.is_set()

        async def next_handler(context: flowbroker.asyncio.RunContext) -> int:
            return context.attempt

        assert await flows.run(id, next_handler) == 2


async def test_a_caller_who_leaves_before_the_handler_began_does_not_use_up_an_attempt(server: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(server.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000, max_attempts=1)

        async def handler(context: flowbroker.asyncio.RunContext) -> int:
            return context.attempt

        await flows.get(id)  # connected
        server.pause()
        run = asyncio.create_task(flows.run(id, handler))
        await asyncio.sleep(0.1)  # the create is on its way
        run.cancel()
        await asyncio.sleep(0.1)
        server.resume()
        with pytest.raises(asyncio.CancelledError):
            await run
        record = await flows.get(id)
        assert record is not None and record.attempt == 1
        assert await flows.run(id, handler) == 2


async def test_a_handler_that_is_no_coroutine_fails_the_flow_and_does_not_hold_it(shared: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)

        def raises(_context: flowbroker.asyncio.RunContext) -> Any:
            raise ValueError("bad grant")

        with pytest.raises(flowbroker.FlowFailedError, match="bad grant"):
            await flows.run(id, raises)
        plain: Any = lambda _context: "tokens"  # noqa: E731
        with pytest.raises(flowbroker.FlowFailedError, match="await"):
            await flows.run(f"{id}-plain", plain)
        for name in (id, f"{id}-plain"):
            record = await flows.get(name)
            assert record is not None and record.status == "FAILED"


async def test_a_handler_is_canceled_at_once_when_its_flow_is_canceled(shared: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)
        entered = asyncio.Event()

        async def handler(_context: flowbroker.asyncio.RunContext) -> None:
            entered.set()
            await asyncio.sleep(60)

        run = asyncio.create_task(flows.run(id, handler))
        await entered.wait()
        await flows.cancel(id, "stop")
        async with asyncio.timeout(10):
            with pytest.raises(flowbroker.FlowCanceledError, match="stop"):
                await run


async def test_a_canceled_wait_leaves_the_flow_and_the_other_waits_alone(shared: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(shared.url) as broker:
        flows = broker.define("login")
        opened = await flows.open(id)
        other = asyncio.create_task(flows.wait(id))
        await asyncio.sleep(0.05)
        opened.outcome.cancel()
        await flows.complete(id, "tokens")
        assert await other == "tokens"


def test_redis_out_of_reach_is_unavailable_or_runs_uncoordinated_if_the_caller_chose_so(
    connect: Callable[..., Client], id: str
) -> None:
    flows = connect("redis://127.0.0.1:1").define("refresh")
    with pytest.raises(flowbroker.FlowUnavailableError):
        flows.run(id, lambda _context: 1)
    assert flows.run(id, lambda context: [context.coordinated, context.fence], on_unavailable="run") == [False, 0]
    with pytest.raises(flowbroker.FlowUnavailableError):
        flows.wait(id)
