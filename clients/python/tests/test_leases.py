"""Leases: when they are renewed, when they are over, and who is told, for both clients."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable

import pytest
from both import Client
from conftest import LEASE_UNTIL, stored_words, until
from proxy import Proxy
from redis import Redis
from server import Server

import flowbroker
import flowbroker.asyncio
from flowbroker.contract import Reply
from flowbroker.errors import FlowName, FlowOwnerLostError, FlowUnavailableError

END = Callable[[Any, str], Any]
ENDS: list[tuple[str, END, str]] = [
    ("canceled", lambda flows, id: flows.cancel(id, "stop it"), "ERR_FLOW_CANCELED"),
    ("failed", lambda flows, id: flows.fail(id, "no"), "ERR_FLOW_FAILED"),
    ("deleted", lambda flows, id: flows.delete(id), "ERR_FLOW_DELETED"),
    ("superseded", lambda flows, id: flows.create(id, conflict="supersede"), "ERR_FLOW_SUPERSEDED"),
    ("completed", lambda flows, id: flows.complete(id, "won"), "won"),
]


@pytest.mark.parametrize(
    ("end", "outcome"), [(end, outcome) for _what, end, outcome in ENDS], ids=[what for what, *_ in ENDS]
)
class TestAHandlerWhoseFlowEndsBeforeItsOwnerListens:
    async def test_is_canceled_long_before_the_next_renewal(self, shared: Server, id: str, end: END, outcome: str) -> None:
        async with flowbroker.asyncio.Broker(shared.url) as here, flowbroker.asyncio.Broker(shared.url) as there:

            async def handler(_context: flowbroker.asyncio.RunContext) -> None:
                await end(there.define("refresh"), id)  # an owner begins to listen only after a while
                await asyncio.sleep(60)

            async with asyncio.timeout(10):
                assert await outcome_of(here.define("refresh", lease_ms=60_000).run(id, handler)) == outcome

    def test_is_told_by_its_context_at_the_next_renewal(self, shared: Server, id: str, end: END, outcome: str) -> None:
        with flowbroker.Broker(shared.url) as here, flowbroker.Broker(shared.url) as there:

            def handler(context: flowbroker.RunContext) -> None:
                end(there.define("refresh"), id)
                assert context.lost.wait(10)

            try:
                assert here.define("refresh", lease_ms=300).run(id, handler) == outcome
            except flowbroker.FlowError as error:
                assert error.code == outcome


async def outcome_of(run: Any) -> object:
    try:
        return await run
    except flowbroker.FlowError as error:
        return error.code


async def test_a_lease_is_not_renewed_after_it_was_released(proxy: Proxy, shared: Server, id: str) -> None:
    async with flowbroker.asyncio.Broker(proxy.url) as broker, flowbroker.asyncio.Broker(shared.url) as other:
        flows = broker.define("refresh", lease_ms=3_000)

        async def handler(context: flowbroker.asyncio.RunContext) -> int:
            if context.attempt == 1:
                await asyncio.sleep(60)
            return context.attempt

        renew, release = proxy.hold("renew"), proxy.hold("release")
        release.open()
        run = asyncio.create_task(flows.run(id, handler))
        await reached(renew)
        run.cancel()
        # What was sent last may arrive first: on another connection.
        await asyncio.sleep(0.3)
        assert not release.reached.is_set()
        renew.open()
        with pytest.raises(asyncio.CancelledError):
            await run
        async with asyncio.timeout(2):
            assert await other.define("refresh").run(id, handler) == 2


def test_closing_releases_after_the_renewal_that_is_under_way(
    connect: Callable[..., Client], proxy: Proxy, shared: Server, id: str
) -> None:
    leaving = connect(proxy.url)
    flows = leaving.define("refresh", lease_ms=3_000)
    go = threading.Event()
    renew, release = proxy.hold("renew"), proxy.hold("release")
    release.open()
    run = flows.start("run", id, lambda _context: go.wait(20))
    assert renew.reached.wait(10)
    closing = threading.Thread(target=leaving.leave)
    closing.start()
    assert not release.reached.wait(0.3)
    renew.open()
    closing.join(10)
    began = time.monotonic()
    assert connect(shared.url).define("refresh").run(id, lambda context: context.attempt) == 2
    assert time.monotonic() - began < 2
    go.set()
    with pytest.raises(flowbroker.FlowClosedError):
        run.result(10)


def test_a_renewal_that_hangs_does_not_hide_the_end_of_the_lease(shared: Server, proxy: Proxy, id: str) -> None:
    with flowbroker.Broker(proxy.url, command_timeout_ms=20_000) as broker:
        flows = broker.define("refresh", lease_ms=600)
        renew = proxy.hold("renew")

        def handler(context: flowbroker.RunContext) -> str:
            assert context.lost.wait(5)
            assert renew.reached.is_set()
            renew.open()
            return "its fence decides"

        assert flows.run(id, handler) == "its fence decides"


async def test_a_renewal_that_hangs_does_not_hide_the_end_of_the_lease_from_asyncio(proxy: Proxy, id: str) -> None:
    async with flowbroker.asyncio.Broker(proxy.url, command_timeout_ms=20_000) as broker:
        flows = broker.define("refresh", lease_ms=600)
        renew = proxy.hold("renew")

        async def handler(_context: flowbroker.asyncio.RunContext) -> str:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                renew.open()
            return "its fence decides"

        run = asyncio.create_task(flows.run(id, handler))
        await asyncio.wait({run}, timeout=5)
        assert run.done() and run.result() == "its fence decides"


async def test_who_was_told_to_stop_does_not_fail_the_flow_that_another_takes_over(
    proxy: Proxy, shared: Server, id: str
) -> None:
    async with flowbroker.asyncio.Broker(proxy.url) as broker, flowbroker.asyncio.Broker(shared.url) as other:
        flows = broker.define("refresh", lease_ms=600)
        renew = proxy.hold("renew")
        canceled = asyncio.Event()

        async def handler(context: flowbroker.asyncio.RunContext) -> str:
            try:
                if context.attempt == 1:
                    await asyncio.sleep(60)
            finally:
                canceled.set()
            return f"attempt {context.attempt}"

        run = asyncio.create_task(flows.run(id, handler))
        await canceled.wait()
        successor = asyncio.create_task(other.define("refresh").run(id, handler))
        renew.open()
        assert await run == await successor == "attempt 2"


def test_the_lease_counts_from_when_it_was_asked_for(
    connect: Callable[..., Client], proxy: Proxy, redis: Redis, id: str
) -> None:
    flows = connect(proxy.url).define("refresh", lease_ms=3_000)
    assert flows.run(f"{id}-before", lambda _context: 1) == 1
    create, renew = proxy.hold("create", replies=True), proxy.hold("renew")
    go = threading.Event()
    run = flows.start("run", id, lambda _context: go.wait(10))
    assert create.reached.wait(10)
    until("two thirds of its lease are over", lambda: lease_left(redis, id) < 1_000)
    create.open()
    # Counted from the answer, it would be renewed after another second, and held to be good for two more.
    assert renew.reached.wait(0.5)
    renew.open()
    go.set()
    assert run.result(10) is True


def test_no_handler_begins_under_a_lease_that_is_over_until_it_is_known_to_hold(
    connect: Callable[..., Client], proxy: Proxy, redis: Redis, id: str
) -> None:
    flows = connect(proxy.url).define("refresh", lease_ms=300, max_attempts=1)
    assert flows.run(f"{id}-before", lambda _context: 1) == 1
    create, renew = proxy.hold("create", replies=True), proxy.hold("renew")
    begun = threading.Event()

    def handler(context: Any) -> int:
        begun.set()
        return int(context.attempt)

    run = flows.start("run", id, handler)
    assert create.reached.wait(10)
    until("its lease is over", lambda: lease_left(redis, id) <= 0)
    create.open()
    assert renew.reached.wait(10)
    assert not begun.is_set()
    renew.open()
    assert run.result(10) == 1


def lease_left(redis: Redis, id: str) -> int:
    seconds, micros = redis.time()
    until = int(stored_words(redis, f"flow:{{refresh:{id}}}")[LEASE_UNTIL])
    return until - (seconds * 1_000 + micros // 1_000)


async def reached(gate: Any) -> None:
    async with asyncio.timeout(10):
        while not gate.reached.is_set():
            await asyncio.sleep(0.01)


class TestAnAttempt:
    """Without I/O."""

    FLOW = FlowName("refresh", "1")

    def attempt(self) -> Any:
        from flowbroker.attempt import Attempt

        return Attempt(self.FLOW, None, 3_000, 10.0)

    def test_is_renewed_at_a_third_from_when_it_was_asked_for(self) -> None:
        attempt = self.attempt()
        assert (attempt.patience(10.5, False), attempt.patience(10.5, True)) == pytest.approx((0.5, 2.5))
        attempt.renewed(Reply("renewed", 0, None), 11.0)
        assert (attempt.patience(12.5, False), attempt.patience(12.5, True)) == pytest.approx((0, 1.5))

    def test_is_asked_for_again_sooner_where_that_was_not_answered_but_not_past_its_end(self) -> None:
        attempt = self.attempt()
        attempt.unanswered(FlowUnavailableError("no answer", self.FLOW), 11.0)
        assert attempt.patience(11.0, False) == pytest.approx(0.5)
        attempt.unanswered(FlowUnavailableError("no answer", self.FLOW), 12.9)
        assert attempt.patience(12.9, False) == pytest.approx(0.1)
        assert attempt.lost is None
        attempt.look(13.0)
        assert isinstance(attempt.lost, FlowOwnerLostError)
