"""A broker that was made before a fork: each child is a broker of its own."""

from __future__ import annotations

import os
from typing import Callable

import pytest
from redis import Redis
from server import Server

import flowbroker


def in_child(work: Callable[[], str]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_calls_of_a_child_are_not_taken_for_repetitions_of_its_parents(shared: Server, id: str) -> None:
    with flowbroker.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)
        first, second = in_child(lambda: broker.id), in_child(lambda: broker.id)
        assert len({broker.id, first, second}) == 3
        flows.create(id)
        # Each is the first call after the fork: with the ids of the parent both would have settled it.
        verdicts = [in_child(lambda: flows.complete(id, "tokens").verdict) for _ in range(2)]
        assert verdicts == ["applied", "already_settled"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_can_run_and_close_what_its_parent_was_running_with(shared: Server, redis: Redis, id: str) -> None:
    with flowbroker.Broker(shared.url) as broker:
        flows = broker.define("refresh", lease_ms=60_000)

        def handler(_context: flowbroker.RunContext) -> str:
            def work() -> str:
                made = flows.run(f"{id}-child", lambda context: context.attempt)
                broker.close(drain_ms=10_000)  # the parent's handler is not the child's
                return str(made)

            return in_child(work)

        assert flows.run(id, handler) == "1"
