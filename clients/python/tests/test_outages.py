"""What an outage does to waits and runs, for both clients: prolongs nothing, loses nothing."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest
from both import Client
from conftest import until
from redis import Redis
from server import Server

import flowbroker


def persistent() -> Server:
    return Server("--appendonly", "yes", "--appendfsync", "always")


def subscribers(redis: Redis, id: str, prefix: str = "flow") -> int:
    return int(dict(redis.pubsub_numsub(f"{prefix}:{{login:{id}}}")).popitem()[1])


def test_a_wait_outlives_killed_listeners_and_hears_what_was_told_meanwhile(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    flows = connect(server.url).define("login")
    with Redis.from_url(server.url) as redis:
        _opened, outcome = flows.open(id)
        until("it listens", lambda: subscribers(redis, id))
        for _ in range(5):
            redis.client_kill_filter(_type="pubsub")
            until("it listens again", lambda: subscribers(redis, id))
        redis.client_kill_filter(_type="pubsub")
        flows.complete(id, "tokens")
    assert outcome.result(10) == "tokens"


def test_a_wait_outlives_a_killed_and_restarted_server(connect: Callable[..., Client], id: str) -> None:
    server = persistent()
    try:
        flows = connect(server.url, command_timeout_ms=1_000).define("login")
        _opened, outcome = flows.open(id)
        server.kill()
        assert not outcome.done()
        server.start()
        flows.complete(id, "tokens")
        assert outcome.result(10) == "tokens"
    finally:
        server.stop()


def test_a_server_that_forgot_the_flow_ends_its_waits_as_deleted(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    flows = connect(server.url, command_timeout_ms=1_000).define("login")
    _opened, outcome = flows.open(id)
    server.kill()
    server.start()
    with pytest.raises(flowbroker.FlowDeletedError):
        outcome.result(10)


def test_a_frozen_server_is_unavailable_and_thawed_goes_on(connect: Callable[..., Client], server: Server, id: str) -> None:
    flows = connect(server.url, command_timeout_ms=200).define("login")
    _opened, outcome = flows.open(id)
    server.pause()
    try:
        with pytest.raises(flowbroker.FlowUnavailableError):
            flows.complete(id, "tokens")
    finally:
        server.resume()
    # Whether it was settled cannot be known; the same result is the answer either way.
    flows.complete(id, "tokens")
    assert outcome.result(10) == "tokens"


def test_a_deadline_in_an_outage_ends_the_wait_as_unavailable(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    flows = connect(server.url, command_timeout_ms=200).define("login", timeout_ms=300)
    _opened, outcome = flows.open(id)
    server.kill()
    with pytest.raises(flowbroker.FlowUnavailableError, match="deadline"):
        outcome.result(15)


def test_polling_finds_the_end_where_the_server_refuses_to_subscribe(
    connect: Callable[..., Client], server: Server, id: str
) -> None:
    with Redis.from_url(server.url) as redis:
        redis.execute_command("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
        flows = connect(server.url.replace("//", "//deaf:secret@")).define("login")
        flows.create(id)
        outcome = flows.start("wait", id)
        until("it polls", lambda: redis.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0) > 3)
        assert flows.complete(id, "tokens").verdict == "applied"
    assert outcome.result(10) == "tokens"


def test_an_end_that_nobody_told_of_is_found_by_reading(connect: Callable[..., Client], server: Server, id: str) -> None:
    with Redis.from_url(server.url) as redis:
        # Settles, but may not publish: as if the message had been lost on the way.
        redis.execute_command("ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "resetchannels")
        flows = connect(server.url, reread_ms=100).define("login")
        _opened, outcome = flows.open(id)
        until("it listens", lambda: subscribers(redis, id))
    mute = connect(server.url.replace("//", "//mute:secret@")).define("login")
    assert mute.complete(id, "tokens").verdict == "applied"
    assert outcome.result(10) == "tokens"


def test_a_commit_in_an_outage_is_made_when_redis_is_back(connect: Callable[..., Client], id: str) -> None:
    server = persistent()
    try:
        flows = connect(server.url, command_timeout_ms=500).define("refresh", lease_ms=10_000)
        entered, go = threading.Event(), threading.Event()

        def handler(_context: Any) -> str:
            entered.set()
            assert go.wait(10)
            return "tokens"

        run = flows.start("run", id, handler)
        assert entered.wait(10)
        server.kill()
        go.set()
        server.start()
        assert run.result(10) == "tokens"
        assert flows.get(id).status == "COMPLETED"
    finally:
        server.stop()
