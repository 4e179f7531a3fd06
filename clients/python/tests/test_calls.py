"""What the calls answer, for both clients."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest
from both import Client
from conftest import until
from redis import Redis
from server import Server

import flowbroker
import flowbroker.asyncio
from flowbroker import RemoteError


class Refused(Exception):
    def __init__(self, message: str, code: str, data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


def test_create_says_whether_the_flow_was_there(client: Client, id: str) -> None:
    flows = client.define("login", timeout_ms=60_000)
    first = flows.create(id, metadata={"verifier": "Zoë"})
    second = flows.create(id)
    assert (first.verdict, second.verdict) == ("created", "joined")
    assert second.record == first.record
    assert first.record.metadata == {"verifier": "Zoë"}
    assert first.record.deadline_at - first.record.created_at == 60_000
    assert flows.create(id, conflict="supersede").record.fence > first.record.fence


@pytest.mark.parametrize(
    "result", [None, "", 0, False, [], {}, "Ærøskøbing 東京 😀", {"a": [1, 2.5, None]}, "x" * 1_000_000]
)
def test_a_result_comes_back_as_it_was(client: Client, id: str, result: Any) -> None:
    flows = client.define("login")
    _opened, outcome = flows.open(id)
    settled = flows.complete(id, result)
    assert (settled.verdict, settled.record.result) == ("applied", result)
    assert outcome.result(10) == result
    assert flows.get(id).result == result
    assert flows.wait(id) == result
    assert flows.create(id).record.result == result


def test_a_flow_is_settled_once(client: Client, id: str) -> None:
    flows = client.define("login")
    assert flows.complete(id, 1).verdict == "not_found"
    record = flows.create(id).record
    assert flows.complete(id, 1, fence=record.fence + 1).verdict == "superseded"
    assert flows.complete(id, 1, fence=record.fence).verdict == "applied"
    again = flows.fail(id, "no")
    assert (again.verdict, again.record.result) == ("already_settled", 1)
    replaced = flows.complete(id, 2, fence=record.fence, replace=True)
    assert (replaced.verdict, replaced.record.fence > record.fence) == ("applied", True)


def test_a_failure_carries_name_message_code_and_data(client: Client, id: str) -> None:
    flows = client.define("login")
    _opened, outcome = flows.open(id)
    settled = flows.fail(id, Refused("bad grant", "invalid_grant", {"hint": [1]}))
    with pytest.raises(flowbroker.FlowFailedError, match="bad grant") as raised:
        outcome.result(10)
    cause = raised.value.__cause__
    assert isinstance(cause, RemoteError)
    assert (cause.name, cause.message, cause.code, cause.data) == ("Refused", "bad grant", "invalid_grant", {"hint": [1]})
    assert raised.value.code == "ERR_FLOW_FAILED"
    assert raised.value.flow == ("login", id)
    assert settled.record.error.name == "Refused"


def test_a_cancel_ends_waits_with_its_reason(client: Client, id: str) -> None:
    flows = client.define("login")
    _opened, outcome = flows.open(id)
    assert flows.cancel(id).verdict == "applied"
    with pytest.raises(flowbroker.FlowCanceledError, match="canceled"):
        outcome.result(10)


def test_a_deadline_ends_waits_and_is_late_for_settlers(client: Client, id: str) -> None:
    flows = client.define("login", timeout_ms=60)
    _opened, outcome = flows.open(id)
    with pytest.raises(flowbroker.FlowTimedOutError):
        outcome.result(10)
    assert flows.complete(id, 1).verdict == "late"
    assert flows.get(id).status == "TIMED_OUT"


def test_delete_supersede_and_limit_end_waits_each_with_its_own_error(client: Client, id: str) -> None:
    flows = client.define("login")
    _opened, first = flows.open(id)
    flows.create(id, conflict="supersede")
    with pytest.raises(flowbroker.FlowSupersededError):
        first.result(10)
    second = flows.start("wait", id, timeout_ms=40)
    with pytest.raises(flowbroker.FlowWaitTimeoutError):
        second.result(10)
    _opened, third = flows.open(id)
    assert flows.delete(id, statuses=["COMPLETED"]).verdict == "mismatch"
    assert flows.delete(id).verdict == "deleted"
    with pytest.raises(flowbroker.FlowDeletedError):
        third.result(10)
    with pytest.raises(flowbroker.FlowNotFoundError):
        flows.wait(id)
    assert flows.get(id) is None


def test_many_waits_of_one_flow_end_together(client: Client, id: str) -> None:
    flows = client.define("login")
    flows.create(id)
    waits = [flows.start("wait", id) for _ in range(12)]
    flows.complete(id, "all")
    assert [wait.result(10) for wait in waits] == ["all"] * 12


def test_reuse_freshness_and_a_rejected_fence_choose_what_is_handed_back(client: Client, id: str) -> None:
    flows = client.define("token", fresh_until=lambda token: token["until"])
    flows.create(id)
    stale = flows.complete(id, {"until": 1}).record
    assert stale.fresh_until == 1
    assert flows.create(id).verdict == "created"
    fresh = flows.complete(id, {"until": 2**52}).record
    assert flows.create(id).verdict == "settled"
    assert flows.create(id, reject_fence=fresh.fence).verdict == "created"
    flows.fail(id, "no")
    assert flows.create(id, reuse=["FAILED"]).verdict == "settled"


BAD: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("id", "must be 1 to 512 bytes", lambda flows: flows.create("")),
    ("id", "control characters", lambda flows: flows.create("a\n")),
    ("id", "well-formed", lambda flows: flows.create("\ud800")),
    ("id", "must be a string", lambda flows: flows.wait(1)),
    ("timeout_ms", "whole number", lambda flows: flows.create("a", timeout_ms=0)),
    ("timeout_ms", "whole number", lambda flows: flows.wait("a", timeout_ms=1.5)),
    ("conflict", "one of join", lambda flows: flows.create("a", conflict="replace")),
    ("reuse", "hold only", lambda flows: flows.create("a", reuse=["PENDING"])),
    ("fence", "whole number", lambda flows: flows.complete("a", 1, fence=0)),
    ("replace", "needs fence", lambda flows: flows.complete("a", 1, replace=True)),
    ("lease_ms", "100", lambda flows: flows.run("a", lambda _context: 1, lease_ms=99)),
]


@pytest.mark.parametrize(("option", "text", "call"), BAD)
def test_bad_arguments_are_refused_by_name(client: Client, option: str, text: str, call: Callable[[Any], Any]) -> None:
    flows = client.define("login")
    with pytest.raises(flowbroker.FlowInvalidArgumentError, match=f"{option}.*{text}"):
        call(flows)


def test_bad_definitions_are_refused_by_name(client: Client) -> None:
    for options in ({"timeout_ms": "1"}, {"retention_ms": {"done": 1}}, {"reuse": "COMPLETED"}, {"codec": object()}):
        with pytest.raises(flowbroker.FlowInvalidArgumentError, match=next(iter(options))):
            client.define("login", **options)
    with pytest.raises(flowbroker.FlowInvalidArgumentError, match="type must be"):
        client.define("a b")


def test_values_that_would_change_on_the_way_are_refused_with_their_path(client: Client, id: str) -> None:
    flows = client.define("login", max_payload_bytes=100)
    flows.create(id)
    for value in (float("nan"), (1,), {1: 2}, b"x", 2**53, {"a": [object()]}):
        with pytest.raises(flowbroker.FlowCodecError):
            flows.complete(id, value)
    with pytest.raises(flowbroker.FlowCodecError, match=r"a set at a\[1\].b"):
        flows.complete(id, {"a": [1, {"b": set()}]})
    with pytest.raises(flowbroker.FlowPayloadTooLargeError, match="max_payload_bytes"):
        flows.complete(id, "x" * 100)
    assert flows.get(id).status == "PENDING"


def test_what_is_no_flow_is_a_record_error(client: Client, redis: Redis, id: str) -> None:
    flows = client.define("login")
    redis.set(f"flow:{{login:{id}}}", "x")
    for call in (flows.get, flows.create, flows.wait, flows.delete):
        with pytest.raises(flowbroker.FlowRecordError, match="FLOWTYPE"):
            call(id)


def test_the_scripts_are_loaded_again_when_the_server_forgot_them(client: Client, redis: Redis, id: str) -> None:
    flows = client.define("login")
    flows.create(id)
    redis.script_flush()
    assert flows.complete(id, 1).verdict == "applied"


def test_a_closed_broker_takes_no_calls_and_ends_its_waits(connect: Callable[..., Client], shared: Server, id: str) -> None:
    client = connect(shared.url)
    flows = client.define("login")
    _opened, outcome = flows.open(id)
    client.leave()
    with pytest.raises(flowbroker.FlowClosedError):
        outcome.result(10)
    with pytest.raises(flowbroker.FlowClosedError):
        flows.get(id)


def test_a_client_of_the_caller_is_borrowed_and_not_closed(shared: Server, id: str) -> None:
    with Redis.from_url(shared.url) as mine:
        with flowbroker.Broker(mine) as broker:
            assert broker.define("login").create(id).verdict == "created"
        assert mine.ping()
    with Redis.from_url(shared.url, decode_responses=True) as decoding:
        with pytest.raises(flowbroker.FlowInvalidArgumentError, match="decode_responses"):
            flowbroker.Broker(decoding)
    with pytest.raises(flowbroker.FlowInvalidArgumentError, match="redis must be"):
        flowbroker.Broker(1)  # type: ignore[arg-type]


def test_waits_leave_no_subscription_and_no_thread_behind(client: Client, redis: Redis, id: str) -> None:
    flows = client.define("login")
    threads = threading.active_count()
    for at in range(3):
        _opened, outcome = flows.open(f"{id}-{at}")
        flows.complete(f"{id}-{at}", at)
        outcome.result(10)
    until("no channel is subscribed", lambda: not [c for c in redis.pubsub_channels() if id.encode() in c])
    assert threading.active_count() <= threads + 3


@pytest.mark.parametrize("broker", [flowbroker.Broker, flowbroker.asyncio.Broker], ids=["blocking", "asyncio"])
@pytest.mark.parametrize(
    "url",
    ["", "localhost:6379", "http://localhost", "redis://u:secret@h:port", "redis://h?socket_timeout=x", "redis://h?typo=1"],
)
def test_a_url_that_cannot_be_used_is_refused_at_once_and_not_repeated(broker: Any, url: str) -> None:
    with pytest.raises(flowbroker.FlowInvalidArgumentError, match="redis must be a URL") as refused:
        broker(url)
    assert "secret" not in str(refused.value) and refused.value.__cause__ is None


def test_urls_of_other_kinds_are_understood(server: Server, id: str) -> None:
    flowbroker.Broker("rediss://localhost:6379?ssl_cert_reqs=none").close()
    with Redis.from_url(server.url) as redis:
        redis.config_set("requirepass", "secret")
    for url in (
        server.url.replace("//", "//:secret@") + "/3?max_connections=2&protocol=2",
        f"{server.url}?password=secret&protocol=3",
    ):
        with flowbroker.Broker(url) as broker:
            flows = broker.define("login")
            with flows.open(id) as opened:
                assert flows.complete(id, "tokens").verdict == "applied"
                assert opened.result(5_000) == "tokens"
