"""Short signed texts that anybody with the published keys can check: `<prefix>.<payload>.<signature>`.

Payload and signature are base64url without padding, in the one spelling that `sign` gives. The signature is Ed25519
(RFC 8032) over a line that names what is signed and the payload's bytes, so that a text of one kind is none of another.
The payload is a JSON object whose `k` names the key.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from humiao.kit.keys import CertificateKey
from humiao.kit.strict_json import fault_of

Fault = Literal["malformed", "unknown_key", "bad_signature"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is signed: its prefix in the text, its line before the payload, and how long a text may be."""

    prefix: str
    line: bytes
    length_max: int


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of the one spelling that `encode` gives; raises ValueError for any other."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("not the one spelling")
    return data


def sign(kind: Kind, members: Mapping[str, Any], key: CertificateKey) -> str:
    """Sign a JSON object; the key's id is added as `k`."""
    payload = json.dumps({"k": key.kid} | dict(members), ensure_ascii=False, separators=(",", ":")).encode()
    signature = Ed25519PrivateKey.from_private_bytes(key.secret).sign(kind.line + payload)
    return f"{kind.prefix}.{encode(payload)}.{encode(signature)}"


def check(kind: Kind, text: str, published: Mapping[str, str]) -> dict[str, Any] | Fault:
    """Return what was signed, or why the text proves nothing. `published` are the keys as `public_keys` gives them."""
    if len(text) > kind.length_max or not text.isascii():
        return "malformed"
    try:
        prefix, encoded, signature = text.split(".")
        payload, signed = decode(encoded), decode(signature)
    except (ValueError, binascii.Error):
        return "malformed"
    if prefix != kind.prefix or fault_of(payload):
        return "malformed"
    members = json.loads(payload)
    if not isinstance(members, dict) or not isinstance(members.get("k"), str):
        return "malformed"
    if members["k"] not in published:
        return "unknown_key"
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(published[members["k"]]))
        public.verify(signed, kind.line + payload)
    except InvalidSignature:
        return "bad_signature"
    return members


def public_keys(keys: Sequence[CertificateKey]) -> dict[str, str]:
    """What the city publishes, by key id: raw Ed25519 public keys in base64."""
    return {key.kid: base64.b64encode(_public(key)).decode() for key in keys}


def _public(key: CertificateKey) -> bytes:
    private = Ed25519PrivateKey.from_private_bytes(key.secret)
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
