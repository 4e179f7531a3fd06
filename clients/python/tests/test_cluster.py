"""Over redis-py's cluster client: one node that serves all slots."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
import redis.asyncio
from both import Asyncio, Blocking
from conftest import until
from redis import Redis
from redis.cluster import RedisCluster
from server import Server

import flowbroker


def one_node() -> Server:
    server = Server("--cluster-enabled", "yes")
    with Redis.from_url(server.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        info: Callable[..., Any] = client.execute_command
        until("the cluster is up", lambda: b"cluster_state:ok" in str(info("CLUSTER", "INFO")).encode())
    return server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    server = one_node()
    yield server
    server.stop()


@pytest.fixture(params=["blocking", "asyncio"])
def client(request: pytest.FixtureRequest, cluster: Server) -> Iterator[Blocking | Asyncio]:
    client: Blocking | Asyncio
    if request.param == "blocking":
        client = Blocking(RedisCluster.from_url(cluster.url), poll_ms=50, reread_ms=60_000)
    else:
        client = Asyncio(lambda: redis.asyncio.RedisCluster.from_url(cluster.url), poll_ms=50, reread_ms=60_000)
    yield client
    client.close()


def test_flows_of_a_cluster_are_opened_waited_for_and_settled(client: Any, cluster: Server, id: str) -> None:
    flows = client.define("login")
    names = [f"{id}-{at}" for at in range(5)]
    outcomes = [flows.open(name)[1] for name in names]
    with Redis.from_url(cluster.url) as node:
        assert len(node.pubsub_shardchannels(f"flow:{{login:{id}*")) == 5
    for name in names:
        assert flows.complete(name, name).verdict == "applied"
    assert [outcome.result(10) for outcome in outcomes] == names
    assert flows.run(id, lambda context: context.attempt) == 1


def test_a_wait_outlives_killed_listeners(client: Any, cluster: Server, id: str) -> None:
    flows = client.define("login")
    _opened, outcome = flows.open(id)
    with Redis.from_url(cluster.url) as node:
        node.client_kill_filter(_type="pubsub")
        until("it listens again", lambda: node.pubsub_shardchannels(f"flow:{{login:{id}}}"))
    flows.complete(id, "tokens")
    assert outcome.result(10) == "tokens"


def test_a_slot_that_nobody_serves_is_unavailable(client: Any, cluster: Server, id: str) -> None:
    flows = client.define("login")
    flows.create(id)
    with Redis.from_url(cluster.url) as node:
        slot = node.execute_command("CLUSTER", "KEYSLOT", f"flow:{{login:{id}}}")
        node.config_set("cluster-require-full-coverage", "no")
        node.execute_command("CLUSTER", "DELSLOTS", slot)
        try:
            for _ in range(2):
                with pytest.raises(flowbroker.FlowUnavailableError):
                    flows.get(id)
            with pytest.raises(flowbroker.FlowUnavailableError):
                flows.wait(id)
        finally:
            node.execute_command("CLUSTER", "ADDSLOTS", slot)


def test_a_cluster_that_is_gone_is_unavailable(id: str) -> None:
    for kind in ("blocking", "asyncio"):
        server = one_node()
        client: Blocking | Asyncio
        if kind == "blocking":
            client = Blocking(RedisCluster.from_url(server.url))
        else:
            client = Asyncio(lambda url=server.url: redis.asyncio.RedisCluster.from_url(url))
        flows = client.define("login")
        flows.create(id)
        server.kill()
        with pytest.raises(flowbroker.FlowUnavailableError):
            flows.get(id)
        client.close()
        server.stop()
