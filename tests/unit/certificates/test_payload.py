"""What the QR code says: comes back as it was signed, and not one bit of it can be another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humiao.certificates.payload import (
    CERTIFICATE,
    DOSES_MAX,
    REVOKED,
    Certificate,
    check_certificate,
    check_revocations,
    find_number,
    find_text,
    sign_certificate,
    sign_revocations,
)
from humiao.kit.signed import check, sign
from tests.unit.certificates.samples import KEY, OTHER, PUBLISHED, SAMPLE, certificates

TEXT = sign_certificate(SAMPLE, KEY)


@given(certificates())
@settings(max_examples=60, deadline=None)
def test_what_was_signed_comes_back(one: Certificate) -> None:
    assert check_certificate(sign_certificate(one, KEY), PUBLISHED) == one


def test_every_flipped_bit_fails() -> None:
    data = TEXT.encode()
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            told = check_certificate(changed.decode("latin-1"), PUBLISHED)
            assert told in ("malformed", "unknown_key", "bad_signature"), (place, bit)


def test_a_part_or_more_than_the_text_fails() -> None:
    for changed in (
        TEXT[:-1],
        TEXT + "A",
        TEXT + "=",
        TEXT[1:],
        TEXT.replace(".", ".."),
        "",
        ".",
        "HMC1..",
        TEXT.lower(),
    ):
        assert isinstance(check_certificate(changed, PUBLISHED), str)


def test_another_key_or_another_kind_proves_nothing() -> None:
    assert check_certificate(sign_certificate(SAMPLE, OTHER), PUBLISHED) == "unknown_key"
    posing = sign_certificate(SAMPLE, OTHER).split(".")[0], *sign_certificate(SAMPLE, OTHER).split(".")[1:]
    assert check_certificate(".".join(posing), {OTHER.kid: PUBLISHED[KEY.kid]}) == "bad_signature"
    listed = sign_revocations("2026-11-28T08:00:00+08:00", [], KEY)
    assert check_certificate(listed.replace("HML1", "HMC1"), PUBLISHED) == "bad_signature"
    assert check(REVOKED, TEXT.replace("HMC1", "HML1"), PUBLISHED) == "bad_signature"


@pytest.mark.parametrize(
    "members",
    [{}, {"n": "HM2611"}, {"n": SAMPLE.number, "t": "x"}, {"n": 7}, {"n": SAMPLE.number, "t": "c", "i": "yesterday"}],
)
def test_what_no_city_signs_is_malformed(members: dict[str, object]) -> None:
    assert check_certificate(sign(CERTIFICATE, members, KEY), PUBLISHED) == "malformed"


@given(st.text(max_size=300))
def test_no_text_makes_it_raise(text: str) -> None:
    assert isinstance(check_certificate(text, PUBLISHED), str)
    find_text(text), find_number(text)


def test_the_code_stays_small() -> None:
    """A child with every programme dose: some 30, in a code of at most 97 modules a side."""
    days = ",".join(str(30 * i) for i in range(30))
    assert len(TEXT) < 420 and len(days) < 140 and DOSES_MAX >= 100


@pytest.mark.parametrize("shown", ["HM2611-7K3F-9QWX-2B5D", " hm2611 7k3f 9qwx 2b5d ", "HM26117K3F9QWX2B5D"])
def test_a_number_is_found_as_people_type_it(shown: str) -> None:
    assert find_number(shown) == SAMPLE.number


def test_a_text_is_found_at_the_end_of_an_address() -> None:
    assert find_text(f"https://miao.example/h5/#/verify/{TEXT}") == TEXT
    assert find_text("https://miao.example/h5/#/verify") is None and find_number("HM2611-7K3F-9QWX-2B5U") is None


def test_the_list_of_revocations_is_signed() -> None:
    text = sign_revocations("2026-11-28T08:00:00+08:00", [(SAMPLE.number, "2026-11-28")], KEY)
    found = check_revocations(text, PUBLISHED)
    assert not isinstance(found, str) and found.numbers == {SAMPLE.number: "2026-11-28"}
    assert check_revocations(text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1], PUBLISHED) == "bad_signature"
