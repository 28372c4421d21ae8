"""A receipt proves what the city has confirmed, without asking the city; a changed letter proves nothing."""

import base64

import pytest

from humiao.kit.keys import KeysUnusable, ReceiptKey
from humiao.lottery.receipts import Receipt, ReceiptRefusal, check_receipt, public_keys, sign_receipt

OLD, NEW = ReceiptKey("old", bytes(range(32))), ReceiptKey("new", bytes(range(1, 33)))
RECEIPT = Receipt("2026 秋季九价 HPV 疫苗", "A724A3D175C53F523185", 1, "2026-11-18T09:30:00+08:00")


def code(text: str, published: dict[str, str]) -> str:
    answer = check_receipt(text, published)
    return answer.code if isinstance(answer, ReceiptRefusal) else "valid"


def test_a_receipt_is_checked_with_the_published_keys_alone() -> None:
    signed = sign_receipt(RECEIPT, [NEW, OLD])
    assert check_receipt(signed, public_keys([NEW, OLD])) == RECEIPT
    assert check_receipt(sign_receipt(RECEIPT, [OLD]), public_keys([NEW, OLD])) == RECEIPT, "older ones stay valid"
    assert code(signed, public_keys([OLD])) == "unknown_key"
    assert code(signed, {"new": public_keys([OLD])["old"]}) == "bad_signature"


def test_every_changed_letter_is_refused() -> None:
    signed, published = sign_receipt(RECEIPT, [NEW]), public_keys([NEW])
    for at, letter in enumerate(signed):
        for other in {"A", "b", "-", ".", "=", " ", "é"} - {letter}:
            assert code(signed[:at] + other + signed[at + 1 :], published) != "valid", f"letter {at} as {other!r}"


@pytest.mark.parametrize("text", ["", "HMR1..", "HMR1.e30.AA", "HMR1.W10.AA", "HMR1.bnVsbA.AA", "a.b.c.d", "x" * 3000])
def test_what_is_no_receipt_is_malformed(text: str) -> None:
    assert code(text, public_keys([NEW])) == "malformed"


def test_another_kind_of_value_is_malformed_even_when_signed() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from humiao.lottery.receipts import SIGNED

    payload = b'{"kid":"new","campaign":"c","ticket":"T","tier":true,"registered_at":"t"}'
    signature = Ed25519PrivateKey.from_private_bytes(NEW.secret).sign(SIGNED + payload)
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, signature)]
    assert code(".".join(["HMR1", *parts]), public_keys([NEW])) == "malformed"


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(KeysUnusable, match="humiao keys"):
        sign_receipt(RECEIPT, [])
