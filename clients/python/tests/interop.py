"""A Python process for the tests of several languages together: a broker that is told by lines of JSON what to do."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from typing import Any

import flowbroker
from flowbroker.sealed import SealedCodec


class Raw:
    """Bytes as they are; base64 in the lines."""

    def encode(self, value: Any, _place: object) -> bytes:
        return base64.b64decode(value or "")

    def decode(self, data: bytes, _place: object) -> Any:
        return base64.b64encode(data).decode()


print_lock = threading.Lock()


def say(line: dict[str, Any]) -> None:
    with print_lock:
        print(json.dumps(line), flush=True)


def main(url: str) -> None:
    broker = flowbroker.Broker(url, poll_ms=100)
    definitions = {
        "interop": broker.define("interop", lease_ms=1_000),
        "raw": broker.define("raw", codec=Raw()),
        "sealed": broker.define("sealed", codec=SealedCodec({"k": bytes(32)}, "k")),
    }

    def perform(call: int, op: str, type: str, id: str, value: Any) -> Any:
        flows = definitions[type]
        if op == "open":
            return flows.create(id).verdict
        if op == "wait":
            with flows.open(id) as opened:
                say({"call": call, "event": "listening"})
                return opened.result()
        if op == "complete":
            return flows.complete(id, value).verdict
        if op == "fail":
            error = flowbroker.RemoteError(value["name"], value["message"], value.get("code"), value.get("data"))
            return flows.fail(id, error).verdict
        assert op == "run"

        def handler(context: flowbroker.RunContext) -> Any:
            say({"call": call, "event": "running"})
            time.sleep(value["ms"] / 1000)
            return {"by": "python", "attempt": context.attempt}

        return flows.run(id, handler)

    def answer(line: dict[str, Any]) -> None:
        try:
            say({"call": line["call"], "value": perform(**line)})
        except flowbroker.FlowError as error:
            cause = error.__cause__
            shown = {name: getattr(cause, name, None) for name in ("name", "message", "code", "data")}
            say({"call": line["call"], "error": {"code": error.code, "cause": shown}})

    say({"event": "ready"})
    for text in sys.stdin:
        threading.Thread(target=answer, args=(json.loads(text),), daemon=True).start()


main(sys.argv[1])
