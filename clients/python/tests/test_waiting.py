"""The wait without I/O: what it takes from messages and readings, and when it looks again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowbroker.contract import Reply, Stored, parse_message, parse_reply
from flowbroker.errors import (
    FlowDeletedError,
    FlowError,
    FlowName,
    FlowNotFoundError,
    FlowRecordError,
    FlowSupersededError,
    FlowUnavailableError,
    FlowWaitTimeoutError,
)
from flowbroker.options import BrokerOptions
from flowbroker.waiting import Heard, Wait

FLOW = FlowName("login", "1")
NOW = 1_000_000
PENDING = Stored("PENDING", 500, 500, 0, NOW, NOW + 60_000, None, None, None, None, None, b"", None)
DONE = replace(PENDING, status="COMPLETED", settled_at=NOW, settled_by="r", payload=b"1")


def bound(follows_lease: bool = False, record: Stored = PENDING) -> Wait:
    wait = Wait(FLOW, BrokerOptions(), 0, follows_lease)
    wait.heard(Heard.SUBSCRIBED, 0)
    assert wait.must_read
    wait.read(Reply("found", NOW, record), 0)
    return wait


def told(wait: Wait, event: str, origin: int = 500, payload: bytes = b"2", form: str = "inline") -> Wait:
    wait.heard(f"1 {event} {origin} 500 {NOW} {form}\n".encode() + payload, 1)
    return wait


def error_of(wait: Wait) -> FlowError | None:
    assert wait.ending is not None
    return wait.ending.error


def test_a_message_of_its_origin_ends_it() -> None:
    ending = told(bound(), "COMPLETED").ending
    assert ending is not None and ending.settlement is not None and ending.settlement.payload == b"2"
    assert isinstance(error_of(told(bound(), "SUPERSEDED")), FlowSupersededError)
    assert isinstance(error_of(told(bound(), "DELETED")), FlowDeletedError)


@pytest.mark.parametrize(
    "message", [b"", b"1 COMPLETED 500\n", b"2 COMPLETED 500 500 1 inline\n", b"1 DONE 500 500 1 inline\n", b"x\ny"]
)
def test_what_is_no_message_makes_it_read(message: bytes) -> None:
    assert parse_message(message) is None
    wait = bound()
    wait.heard(message, 1)
    assert (wait.must_read, wait.ending) == (True, None)


def test_a_message_of_another_origin_or_without_payload_makes_it_read() -> None:
    for wait in (told(bound(), "COMPLETED", origin=499), told(bound(), "COMPLETED", form="stored")):
        assert (wait.must_read, wait.ending) == (True, None)


def test_a_release_ends_only_who_could_take_over() -> None:
    assert told(bound(), "RELEASED").ending is None
    ending = told(bound(follows_lease=True), "RELEASED").ending
    assert ending is not None and ending.lapsed


def test_older_readings_are_no_news_and_a_larger_origin_supersedes() -> None:
    wait = bound()
    wait.read(Reply("found", NOW - 1, replace(DONE, origin=499)), 1)
    assert wait.ending is None
    wait.read(Reply("found", NOW + 1, replace(PENDING, origin=501)), 1)
    assert isinstance(error_of(wait), FlowSupersededError)


def test_an_older_flow_that_is_back_counts_as_gone_if_it_is_read_later() -> None:
    wait = bound()
    wait.read(Reply("found", NOW, replace(PENDING, origin=499)), 1)
    assert (wait.must_read, wait.ending) == (True, None)
    wait.read(Reply("found", NOW + 1, replace(PENDING, origin=499)), 1)
    assert isinstance(error_of(wait), FlowDeletedError)


def test_not_found_counts_only_if_it_is_later_than_the_first_reading() -> None:
    wait = bound()
    wait.read(Reply("not_found", NOW, None), 1)
    assert (wait.must_read, wait.ending) == (True, None)
    wait.read(Reply("not_found", NOW + 1, None), 1)
    assert isinstance(error_of(wait), FlowDeletedError)
    first = Wait(FLOW, BrokerOptions(), 0)
    first.read(Reply("not_found", NOW, None), 0)
    assert isinstance(error_of(first), FlowNotFoundError)


def test_a_flow_that_is_known_is_not_mistaken_for_what_stands_under_its_name_at_the_first_reading() -> None:
    def known() -> Wait:
        return Wait(FLOW, BrokerOptions(), 0, origin=500)

    gone, replaced, forgotten, unread = known(), known(), known(), known()
    gone.read(Reply("not_found", NOW, None), 0)
    assert isinstance(error_of(gone), FlowDeletedError)
    replaced.read(Reply("found", NOW, replace(PENDING, origin=501)), 0)
    assert isinstance(error_of(replaced), FlowSupersededError)
    forgotten.read(Reply("found", NOW, replace(PENDING, origin=499)), 0)
    assert isinstance(error_of(forgotten), FlowDeletedError)
    unread.failed(FlowUnavailableError("no answer", FLOW), 0)
    unread.read(Reply("found", NOW, DONE), 1)
    assert unread.ending is not None and unread.ending.settlement is not None


def test_a_payload_that_was_left_out_is_read() -> None:
    wait = bound(record=replace(DONE, payload=None))
    assert (wait.must_read, wait.ending) == (True, None)


def test_it_looks_at_the_deadline_by_what_the_server_says_remains() -> None:
    wait = bound(record=replace(PENDING, deadline_at=NOW + 2_000))
    assert wait.patience(0) == pytest.approx(2.005)
    wait.heard(None, 2.0)
    assert not wait.must_read
    wait.heard(None, 2.01)
    assert wait.must_read


def test_a_lease_is_looked_at_only_by_who_could_take_over() -> None:
    owned = replace(PENDING, owner="a", lease_until=NOW + 1_000)
    assert bound(True, owned).patience(0) == pytest.approx(1.005)
    assert bound(False, owned).patience(0) > 5


def test_it_polls_while_it_hears_nothing() -> None:
    wait = bound()
    wait.heard(Heard.DEAF, 1)
    wait.read(Reply("found", NOW, PENDING), 1)
    assert wait.patience(1) < 0.7
    wait.heard(Heard.SUBSCRIBED, 2)
    wait.read(Reply("found", NOW, PENDING), 2)
    assert wait.patience(2) > 7


def test_only_the_first_reading_must_be_answered() -> None:
    error = FlowUnavailableError("no answer", FLOW)
    first = Wait(FLOW, BrokerOptions(), 0)
    first.failed(error, 0)
    assert error_of(first) is error
    wait = bound(record=replace(PENDING, deadline_at=NOW + 2_000))
    wait.failed(error, 1)
    wait.failed(error, 2.1)
    assert wait.ending is None and wait.patience(2.1) > 0.3
    wait.failed(error, 3)
    assert "deadline" in str(error_of(wait))
    refused = bound()
    refused.failed(FlowRecordError("FLOWTYPE", FLOW), 1)
    assert isinstance(error_of(refused), FlowRecordError)


def test_its_own_limit_ends_it_whatever_it_hears() -> None:
    wait = bound()
    wait.limit(0, 50)
    told(wait, "RELEASED")
    assert isinstance(error_of(wait), FlowWaitTimeoutError)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        [b"found"],
        [b"found", b"2 1"],
        ["found", "1 1"],
        [b"f", b"1 1 DONE", b""],
        [b"f", b"1"],
        [b"f", b"1 x"],
        [b"f", b"1 1 PENDING 1", b""],
    ],
)
def test_a_reply_of_another_shape_or_version_is_a_record_error(reply: object) -> None:
    with pytest.raises(FlowRecordError):
        parse_reply(reply)
