"""An entrant's receipt: the city's signature that a ticket takes part in a campaign, checked without asking the city.

`HMR1.<payload>.<signature>`, both base64url without padding. The payload is JSON with the key's id, campaign, ticket,
tier and time; the signature is Ed25519 (RFC 8032) over a domain word and the payload's bytes. It names nobody.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from humiao.kit.keys import KeysUnusable, ReceiptKey

PREFIX = "HMR1"
SIGNED = b"humiao receipt 1\n"
RECEIPT_MAX = 2000


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the city has confirmed."""

    campaign: str
    ticket: str
    tier: int
    registered_at: str  # RFC 3339 with offset


@dataclass(frozen=True, slots=True)
class ReceiptRefusal:
    """A receipt that proves nothing, and what to do about it."""

    code: Literal["malformed", "unknown_key", "bad_signature"]
    zh: str
    en: str


_MALFORMED = ReceiptRefusal(
    "malformed", "不是完整的回执：请从原消息重新复制", "not a whole receipt: copy it again from its message"
)
_UNKNOWN_KEY = ReceiptRefusal(
    "unknown_key",
    "签名所用的密钥不在公钥表中：请取最新公钥表",
    "signed by a key that is not listed: get the newest list",
)
_BAD_SIGNATURE = ReceiptRefusal(
    "bad_signature", "签名不符：回执被改动或不是本市签发", "the signature does not fit: changed, or not of this city"
)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Only the one spelling that `_encode` gives: a receipt has no second form."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data) != text:
        raise ValueError("not the one spelling")
    return data


def sign_receipt(receipt: Receipt, keys: Sequence[ReceiptKey]) -> str:
    """Sign with the newest (first) key. Raises KeysUnusable where the key file has none."""
    if not keys:
        raise KeysUnusable("the key file has no receipt key: run `humiao keys` to add one")
    newest = keys[0]
    payload = json.dumps(
        {
            "kid": newest.kid, "campaign": receipt.campaign, "ticket": receipt.ticket, "tier": receipt.tier,
            "registered_at": receipt.registered_at,
        },
        ensure_ascii=False, separators=(",", ":"),
    ).encode()  # fmt: skip
    signature = Ed25519PrivateKey.from_private_bytes(newest.secret).sign(SIGNED + payload)
    return f"{PREFIX}.{_encode(payload)}.{_encode(signature)}"


def public_keys(keys: Sequence[ReceiptKey]) -> dict[str, str]:
    """What the city publishes, by key id: raw Ed25519 public keys in base64."""
    return {
        key.kid: base64.b64encode(
            Ed25519PrivateKey.from_private_bytes(key.secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        ).decode()
        for key in keys
    }


def check_receipt(text: str, published: Mapping[str, str]) -> Receipt | ReceiptRefusal:
    """Check a receipt against the published keys (`public_keys`); needs nothing else."""
    try:
        if len(text) > RECEIPT_MAX:
            return _MALFORMED
        prefix, encoded, signature = text.split(".")
        payload = _decode(encoded)
        fields = json.loads(payload)
        kid = fields["kid"]
        receipt = Receipt(fields["campaign"], fields["ticket"], fields["tier"], fields["registered_at"])
        signed = _decode(signature)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return _MALFORMED
    texts = (kid, receipt.campaign, receipt.ticket, receipt.registered_at)
    if prefix != PREFIX or not all(isinstance(value, str) for value in texts) or type(receipt.tier) is not int:
        return _MALFORMED
    if kid not in published:
        return _UNKNOWN_KEY
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(published[kid])).verify(signed, SIGNED + payload)
    except InvalidSignature:
        return _BAD_SIGNATURE
    return receipt
