"""Runs the conformance vectors by redis-py: `python vectors.py <folder> <lua> <redis url>`. See vectors/README.md."""

from __future__ import annotations

import functools
import json
import re
import secrets
import sys
from pathlib import Path
from typing import Any, Callable

from redis import Redis, ResponseError
from redis.client import PubSub

NAME = re.compile(rb"<([a-z]\w*)(?:([+-])(\d+)|>([a-z]\w*))?>")
Send = Callable[..., Any]


class Mismatch(Exception):
    pass


class Bindings(dict[bytes, bytes]):
    def sum(self, name: bytes, sign: bytes | None, by: bytes | None) -> bytes:
        if sign is None:
            return self[name]
        return b"%d" % (int(self[name]) + int(sign + (by or b"")))

    def send(self, value: Any) -> bytes:
        if isinstance(value, dict):
            return bytes.fromhex(value["hex"])
        return NAME.sub(lambda found: self.sum(found[1], found[2], found[3]), value.encode())

    def match(self, expected: Any, came: bytes) -> None:
        text, rest, at = b"", came, 0

        def take(part: bytes) -> None:
            nonlocal rest
            if not rest.startswith(part):
                raise Mismatch(f"expected {expected}, got {came!r}")
            rest = rest[len(part) :]

        if isinstance(expected, dict):
            take(bytes.fromhex(expected["hex"]))
        else:
            text = expected.encode()
        for found in NAME.finditer(text):
            name, sign, by, above = found.groups()
            take(text[at : found.start()])
            at = found.end()
            if above is None and (sign or name in self):
                take(self.sum(name, sign, by))
                continue
            digits = re.match(rb"\d*", rest)[0]  # type: ignore[index]
            if not digits or (above and int(digits) <= int(self[above])):
                raise Mismatch(f"expected {found[0]!r} in {expected}, got {came!r}")
            self[name] = digits
            take(digits)
        take(text[at:])
        if rest:
            raise Mismatch(f"expected {expected}, got {came!r}")


class Runner:
    def __init__(self, client: Redis, lua: Path, how: str) -> None:
        self.client = client
        self.how = how
        self.execute: Send = functools.partial(client.execute_command)
        self.scripts: dict[str, str] = {}
        for verb, script in json.loads((lua / "manifest.json").read_text())["scripts"].items():
            if how == "EVALSHA":
                self.scripts[verb] = self.execute("SCRIPT", "LOAD", (lua / script["file"]).read_bytes())
            else:
                self.scripts[verb] = script["function"]
        if how == "FCALL":
            self.execute("FUNCTION", "LOAD", "REPLACE", (lua / "flowbroker.lua").read_bytes())
        self.pubsub: Any = PubSub(client.connection_pool)
        self.prefix = f"vector-{secrets.token_hex(6)}"
        self.flows = 0

    def run(self, steps: list[dict[str, Any]]) -> None:
        self.flows += 1
        record = f"{self.prefix}:{{login:{self.flows}}}".encode()
        self.listen(record)
        names = Bindings({b"record": record, b"timer": record + b":timer", b"publish": b"PUBLISH"})
        try:
            for at, step in enumerate(steps):
                try:
                    self.step(names, step)
                except (Mismatch, ResponseError) as error:
                    raise Mismatch(f"step {at + 1}: {error}") from error
        finally:
            self.pubsub.unsubscribe(record)
            self.client.delete(record, record + b":timer")

    def match(self, names: Bindings, expected: Any, came: Any) -> None:
        if isinstance(expected, list):
            if not isinstance(came, list) or len(came) != len(expected):
                raise Mismatch(f"expected {expected}, got {came}")
            for each, part in zip(expected, came, strict=True):
                self.match(names, each, part)
        elif isinstance(expected, dict) and "error" in expected:
            if not isinstance(came, ResponseError) or str(came).split(" ")[0] != expected["error"]:
                raise Mismatch(f"expected {expected['error']}, got {came}")
        else:
            names.match(expected, came)

    def step(self, names: Bindings, step: dict[str, Any]) -> None:
        if "redis" in step:
            reply = self.execute(*[names.send(value) for value in step["redis"]])
            if "gives" in step:
                names.match(step["gives"], reply if isinstance(reply, bytes) else str(reply).encode())
            return
        keys = [names.send(key) for key in step.get("keys", ["<record>", "<timer>"])]
        args = [names.send(value) for value in step["args"]]
        before = self.contents(names) if "error" in step else None
        try:
            reply = self.execute(self.how, self.scripts[step["call"]], len(keys), *keys, *args)
        except ResponseError as error:
            if str(error).split(" ")[0] != step.get("error"):
                raise
            if self.contents(names) != before:
                raise Mismatch("a refused call changed what stands in Redis") from error
            reply = []
        else:
            if "error" in step:
                raise Mismatch(f"expected {step['error']}, got {reply}")
        self.match(names, step.get("reply", []), reply)
        told = self.told(names[b"record"])
        if len(told) != len(step.get("told", [])):
            raise Mismatch(f"expected the messages {step.get('told')}, got {told}")
        for expected, came in zip(step.get("told", []), told, strict=True):
            names.match(expected, came)

    def contents(self, names: Bindings) -> list[Any]:
        return [self.client.dump(names[name]) for name in (b"record", b"timer")]

    def listen(self, record: bytes) -> None:
        self.pubsub.subscribe(record)
        message = None
        while message is None or (message["type"], message["channel"]) != ("subscribe", record):
            message = self.pubsub.get_message(timeout=10)

    def told(self, record: bytes) -> list[bytes]:
        """All messages so far: those before one that this runner sends itself."""
        end = secrets.token_hex(8).encode()
        self.client.publish(record, end)
        heard: list[bytes] = []
        while True:
            message = self.pubsub.get_message(timeout=10)
            if message is None:
                raise Mismatch("the connection that listens fell silent")
            if message["type"] == "message" and message["channel"] == record:
                if message["data"] == end:
                    return heard
                heard.append(message["data"])


def main(vectors: Path, lua: Path, url: str) -> int:
    bad = 0
    for how in ("EVALSHA", "FCALL"):
        passed = failed = 0
        with Redis.from_url(url) as client:
            runner = Runner(client, lua, how)
            for file in sorted(vectors.glob("*.json")):
                for vector in json.loads(file.read_text())["vectors"]:
                    try:
                        runner.run(vector["steps"])
                        passed += 1
                    except Mismatch as error:
                        failed += 1
                        print(f"{file.name}: {vector['name']}: {error}", file=sys.stderr)
        print(f"redis-py {how} {passed} passed {failed} failed")
        bad += failed
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
