from __future__ import annotations

import base64
from typing import Any

import pytest
from both import Client

import flowbroker
from flowbroker.codec import JsonCodec, Place
from flowbroker.sealed import SealedCodec

PLACE = Place("login", "user-1", "result")
KEYS: dict[str, bytes | str] = {"old": bytes(32), "new": base64.b64encode(bytes(range(32))).decode()}
# Sealed by the Node library with these keys, for this place: {"name":"Zoë","n":[1,null]}
FROM_NODE = bytes.fromhex(
    "01036e65772be723554133b47d66c42543b2e67fe703952aa34fe0b4d6a9fc272c252c382542f8d1eeda94d7b43e2d3c328ec0928428048a3b7a2ff1b2"
)


def test_json_is_written_as_node_writes_it() -> None:
    value = {"name": "Zoë 😀", "list": [1, -2.5, True, None], "empty": {}}
    text = '{"name":"Zoë 😀","list":[1,-2.5,true,null],"empty":{}}'
    assert JsonCodec().encode(value) == text.encode()
    assert JsonCodec().decode(b"") is None


def test_sealed_values_open_with_any_of_the_keys_and_only_in_their_place() -> None:
    sealed = SealedCodec(KEYS, "old").encode({"a": 1}, PLACE)
    assert b'"a"' not in sealed
    assert SealedCodec(KEYS, "new").decode(sealed, PLACE) == {"a": 1}
    with pytest.raises(Exception):
        SealedCodec(KEYS, "new").decode(sealed, PLACE._replace(id="user-2"))
    with pytest.raises(TypeError, match="'old', which is not among the keys"):
        SealedCodec({"new": KEYS["new"]}, "new").decode(sealed, PLACE)
    with pytest.raises(TypeError, match="not a sealed value"):
        SealedCodec(KEYS, "new").decode(b"{}", PLACE)


def test_what_node_sealed_opens() -> None:
    assert SealedCodec(KEYS, "old").decode(FROM_NODE, PLACE) == {"name": "Zoë", "n": [1, None]}


def test_an_error_in_plain_json_is_read_as_it_is() -> None:
    assert SealedCodec(KEYS, "old").decode(b'{"name":"E"}', PLACE._replace(field="error")) == {"name": "E"}


@pytest.mark.parametrize(
    ("keys", "current", "text"),
    [
        ({"a": b"short"}, "a", "32 bytes"),
        ({"a b": bytes(32)}, "a b", "key id"),
        ({"a": "*"}, "a", "base64"),
        (KEYS, "x", "current"),
    ],
)
def test_bad_keys_are_refused_by_name(keys: Any, current: str, text: str) -> None:
    with pytest.raises(flowbroker.FlowInvalidArgumentError, match=text):
        SealedCodec(keys, current)


def test_a_flow_can_be_sealed_whole(client: Client, redis: Any, id: str) -> None:
    flows = client.define("login", codec=SealedCodec(KEYS, "new"))
    record = flows.create(id, metadata="verifier").record
    assert record.metadata == "verifier"
    flows.complete(id, "tokens")
    assert flows.wait(id) == "tokens"
    stored = redis.get(f"flow:{{login:{id}}}")
    assert b"COMPLETED" in stored and b"tokens" not in stored and b"verifier" not in stored
    failed = client.define("other", codec=SealedCodec(KEYS, "new"))
    failed.create(id)
    failed.fail(id, ValueError("secret"))
    with pytest.raises(flowbroker.FlowFailedError, match="secret"):
        failed.wait(id)
