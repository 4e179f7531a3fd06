from __future__ import annotations

import secrets
import time
from typing import Any, Callable, Iterator

import pytest
from both import Asyncio, Blocking, Client
from proxy import Proxy
from redis import Redis
from server import Server


@pytest.fixture(scope="session")
def shared() -> Iterator[Server]:
    """One server for all tests that do it no harm."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for one test, to kill and freeze."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def proxy(shared: Server) -> Iterator[Proxy]:
    proxy = Proxy(shared.port)
    yield proxy
    proxy.close()


@pytest.fixture
def redis(shared: Server) -> Iterator[Redis]:
    with Redis.from_url(shared.url) as client:
        yield client


@pytest.fixture(params=[Blocking, Asyncio], ids=lambda kind: str(kind.name))
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Makes brokers of one kind; they are closed after the test."""
    brokers: list[Client] = []

    def make(redis: Any, **options: Any) -> Client:
        brokers.append(request.param(redis, **{"poll_ms": 50, **options}))
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.close()


@pytest.fixture
def client(connect: Callable[..., Client], shared: Server) -> Client:
    return connect(shared.url)


@pytest.fixture
def id() -> str:
    return secrets.token_hex(8)


# Which word of a record's first line it is; see the contract.
LEASE_UNTIL = 8


def stored_words(redis: Redis, key: str) -> list[bytes]:
    """What stands under a record's key, parted at its spaces."""
    stored = redis.get(key)
    assert isinstance(stored, bytes)
    return stored.split(b" ")


def until(what: str, holds: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.005)
