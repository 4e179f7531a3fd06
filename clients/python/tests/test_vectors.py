from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator

import pytest
from redis import Redis
from server import Server
from vectors import Runner

ROOT = Path(__file__).parents[3]
LUA = Path(__file__).parents[1] / "src" / "flowbroker" / "lua"
VECTORS = [
    pytest.param(vector["steps"], id=f"{file.stem}: {vector['name']}")
    for file in sorted((ROOT / "test" / "contract" / "vectors").glob("*.json"))
    for vector in json.loads(file.read_text())["vectors"]
]


@pytest.fixture(scope="module", params=["EVALSHA", "FCALL"])
def runner(request: pytest.FixtureRequest, shared: Server) -> Iterator[Runner]:
    with Redis.from_url(shared.url) as client:
        yield Runner(client, LUA, request.param)


@pytest.mark.parametrize("steps", VECTORS)
def test_holds_by_the_scripts_of_this_package(runner: Runner, steps: list[dict[str, Any]]) -> None:
    runner.run(steps)


def test_the_package_ships_the_published_files() -> None:
    for file in LUA.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (ROOT / "lua" / file.relative_to(LUA)).read_bytes()
    assert {file.name for file in LUA.rglob("*.lua")} >= {"flowbroker.lua", "create.lua", "settle.lua"}
