"""Tokens: what is signed is read back, and nothing else is."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from humiao.auth.tokens import CLOCK_SKEW_S, Pass, Resident, Staff, Tokens
from humiao.errors import Refusal
from humiao.kit.keys import TokenKey

NEW, OLD = TokenKey("new", b"n" * 32), TokenKey("old", b"o" * 32)
TOKENS = Tokens((NEW, OLD), ttl_s=60)
RESIDENT = Resident(UUID(int=1), UUID(int=2))
STAFF = Staff(7, UUID(int=3), "clinic_staff", 12, None)
GRANTED = Pass(UUID(int=4), UUID(int=1), "HPV9", 2, (12, 13))
passes = st.builds(
    Pass,
    st.uuids(),
    st.uuids(),
    st.text(min_size=1, max_size=32),
    st.none() | st.integers(1, 9),
    st.none() | st.lists(st.integers(1, 2**31 - 1), max_size=5).map(tuple),
)


def later(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@given(passes)
def test_a_pass_is_read_as_it_was_granted(granted: Pass) -> None:
    assert TOKENS.read_pass(TOKENS.for_pass(granted, expires_at=later())) == granted


def test_a_pass_spells_its_claims_as_other_readers_expect() -> None:
    expires_at = later().replace(microsecond=0)
    token = Tokens((NEW,), ttl_s=60, generations={"pass": 3}).for_pass(GRANTED, expires_at=expires_at)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "new", "typ": "JWT"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert abs(claims.pop("iat") - datetime.now(UTC).timestamp()) < 5
    assert claims == {
        "iss": "humiao", "aud": "pass", "sub": str(UUID(int=4)), "acc": str(UUID(int=1)), "vac": "HPV9", "dose": 2,
        "clinics": [12, 13], "gen": 3, "exp": int(expires_at.timestamp()),
    }  # fmt: skip


def test_the_first_key_signs_and_each_verifies() -> None:
    before = Tokens((OLD,), ttl_s=60)
    assert TOKENS.read_resident(before.for_resident(RESIDENT)) == RESIDENT
    assert TOKENS.read_pass(before.for_pass(GRANTED, expires_at=later())) == GRANTED
    assert before.read_pass(TOKENS.for_pass(GRANTED, expires_at=later())) == Refusal("pass_invalid")


def test_no_token_passes_for_one_of_another_audience() -> None:
    resident, staff = TOKENS.for_resident(RESIDENT), TOKENS.for_staff(STAFF)
    granted = TOKENS.for_pass(GRANTED, expires_at=later())
    assert (TOKENS.read_resident(resident), TOKENS.read_staff(staff)) == (RESIDENT, STAFF)
    for read, others, code in (
        (TOKENS.read_resident, (staff, granted), "not_logged_in"),
        (TOKENS.read_staff, (resident, granted), "not_logged_in"),
        (TOKENS.read_pass, (resident, staff), "pass_invalid"),
    ):
        assert [read(other) for other in others] == [Refusal(code)] * 2


def test_expiry_is_told_apart_from_what_is_no_token() -> None:
    assert TOKENS.read_pass(TOKENS.for_pass(GRANTED, expires_at=later(-1))) == Refusal("pass_expired")
    assert Tokens((NEW,), ttl_s=-1).read_resident(Tokens((NEW,), ttl_s=-1).for_resident(RESIDENT)) == Refusal(
        "token_expired"
    )
    # a forged token is not told that it is late
    forged = Tokens((TokenKey("new", b"x" * 32),), ttl_s=60).for_pass(GRANTED, expires_at=later(-1))
    assert TOKENS.read_pass(forged) == Refusal("pass_invalid")


@given(granted=passes, at=st.floats(0, 1), by=st.integers(1, 127))
def test_a_token_with_any_character_changed_is_refused(granted: Pass, at: float, by: int) -> None:
    token = TOKENS.for_pass(granted, expires_at=later())
    # the last character holds unused bits, which Base64 decoders may pass over
    place = int(at * (len(token) - 2))
    changed = token[:place] + chr((ord(token[place]) + by) % 128) + token[place + 1 :]
    assert isinstance(TOKENS.read_pass(changed), Refusal)


@given(st.text(max_size=200))
@example("..")
@example("eyJhbGciOiJIUzI1NiIsImtpZCI6W119.e30.")
@example("eyJhbGciOiJub25lIn0.e30.")
def test_any_text_is_answered(text: str) -> None:
    assert TOKENS.read_pass(text) == Refusal("pass_invalid")
    assert TOKENS.read_resident(text) == Refusal("not_logged_in")
    assert TOKENS.read_staff(text) == Refusal("not_logged_in")


@pytest.mark.parametrize("audience", ["resident", "staff", "pass"])
def test_raising_a_generation_ends_what_was_signed_before_and_nothing_else(audience: str) -> None:
    generations = {"resident": 4, "staff": 4, "pass": 4}
    tokens = Tokens((NEW,), ttl_s=60, generations=generations)

    def sign() -> dict[str, str]:
        granted = tokens.for_pass(GRANTED, expires_at=later())
        return {"resident": tokens.for_resident(RESIDENT), "staff": tokens.for_staff(STAFF), "pass": granted}

    def good(signed: dict[str, str]) -> set[str]:
        readers = {"resident": tokens.read_resident, "staff": tokens.read_staff, "pass": tokens.read_pass}
        return {name for name, token in signed.items() if not isinstance(readers[name](token), Refusal)}

    before = sign()
    assert good(before) == set(generations)
    generations[audience] += 1
    assert good(before) == set(generations) - {audience}
    assert good(sign()) == set(generations)


def test_a_token_without_a_generation_is_of_the_first() -> None:
    claims = {
        "iss": "humiao", "aud": "resident", "sub": str(RESIDENT.account_id), "sid": str(RESIDENT.login_session_id),
        "iat": datetime.now(UTC), "exp": later(),
    }  # fmt: skip
    token = jwt.encode(claims, NEW.secret, algorithm="HS256", headers={"kid": "new"})
    assert TOKENS.read_resident(token) == RESIDENT
    assert Tokens((NEW,), ttl_s=60, generations={"resident": 1}).read_resident(token) == Refusal("not_logged_in")


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead_s", "read"), [(CLOCK_SKEW_S - 1, True), (CLOCK_SKEW_S + 5, False)])
def test_a_clock_that_is_somewhat_behind_the_signers_reads_its_tokens(claim: str, ahead_s: int, read: bool) -> None:
    """As far as at the gate, and no farther."""
    claims = {"iat": later(0), "exp": later(90), "aud": "resident", "iss": "humiao", "sub": str(UUID(int=1))}
    claims |= {"sid": str(UUID(int=2)), claim: later(ahead_s)}
    token = jwt.encode(claims, NEW.secret, algorithm="HS256", headers={"kid": "new"})
    assert TOKENS.read_resident(token) == (RESIDENT if read else Refusal("not_logged_in"))
