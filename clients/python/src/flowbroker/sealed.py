"""The encrypted codec. Needs ``cryptography`` (``pip install flowbroker[sealed]``)."""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .codec import Codec, JsonCodec, Place
from .errors import FlowInvalidArgumentError

_VERSION = 1
_NONCE = 12
_TAG = 16
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class SealedCodec:
    """Keeps results, metadata and errors secret in Redis: AES-256-GCM, bound to the flow's type, id and field.

    ``keys`` are key ids to keys of 32 bytes, as bytes or base64; all of them open what they sealed, ``current`` seals. The same
    layout as ``sealedCodec`` of the Node library: version 1, length of the key id, key id, 12 bytes nonce, 16 bytes tag,
    ciphertext. An error in plain JSON (from a script, or a client without the key) is read as it is.

    >>> codec = SealedCodec(keys={"2026-11": bytes(32)}, current="2026-11")
    """

    def __init__(self, keys: Mapping[str, bytes | str], current: str, codec: Codec | None = None) -> None:
        self._keys = {id: AESGCM(_key_of(id, key)) for id, key in keys.items()}
        if current not in self._keys:
            raise FlowInvalidArgumentError(f"current must be one of the keys, got {current!r}")
        self._current = current
        self._inner: Codec = codec or JsonCodec()

    def encode(self, value: Any, place: Place) -> bytes:
        key_id = self._current.encode()
        head = bytes((_VERSION, len(key_id))) + key_id
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._current].encrypt(nonce, self._inner.encode(value, place), _bound_to(head, place))
        return head + nonce + sealed[-_TAG:] + sealed[:-_TAG]

    def decode(self, data: bytes, place: Place) -> Any:
        if place.field == "error" and data[:1] == b"{":
            return self._inner.decode(data, place)
        head_length = 2 + (data[1] if len(data) > 1 else 0)
        if data[:1] != bytes((_VERSION,)) or len(data) < head_length + _NONCE + _TAG:
            raise TypeError("not a sealed value")
        head, body = data[:head_length], data[head_length:]
        id = head[2:].decode()
        key = self._keys.get(id)
        if key is None:
            raise TypeError(f"sealed with the key {id!r}, which is not among the keys given")
        nonce, tag, sealed = body[:_NONCE], body[_NONCE : _NONCE + _TAG], body[_NONCE + _TAG :]
        return self._inner.decode(key.decrypt(nonce, sealed + tag, _bound_to(head, place)), place)


def _bound_to(head: bytes, place: Place) -> bytes:
    return head + f"{place.type}\0{place.id}\0{place.field}".encode()


def _key_of(id: str, key: bytes | str) -> bytes:
    if not _KEY_ID.fullmatch(id):
        raise FlowInvalidArgumentError(f"a key id must be 1 to 64 of A-Z a-z 0-9 _ . -, got {id!r}")
    try:
        data = base64.b64decode(key, validate=True) if isinstance(key, str) else bytes(key)
    except binascii.Error:
        raise FlowInvalidArgumentError(f"key {id} must be bytes or base64") from None
    if len(data) != 32:
        raise FlowInvalidArgumentError(f"key {id} must have 32 bytes, got {len(data)}")
    return data
