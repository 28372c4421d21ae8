"""Eligibility passes for tests, signed with the key file: what a resident would have got before the rush."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Pass, Tokens
from humiao.kit.keys import Keys

HEADER = "Eligibility-Pass"
VACCINE = "IIV4"  # of the sessions that tests publish where they name no other
# A generation that no test raises: revoking what was issued leaves these tokens good.
LASTING: Mapping[str, int] = dict.fromkeys(("resident", "staff", "pass"), 2**31 - 1)


def lasting_tokens(keys: Keys, *, ttl_s: int = 3600) -> Tokens:
    """What signs tokens for tests."""
    return Tokens(keys.token_keys, ttl_s=ttl_s, generations=LASTING)


def pass_for(
    keys: Keys,
    person_id: UUID | str,
    *,
    account_id: UUID | None = None,
    vaccine: str = VACCINE,
    clinics: tuple[int, ...] | None = None,
    ttl_s: int = 3600,
    generation: int | None = None,
    since: date | None = None,
    before: date | None = None,
) -> str:
    """A pass; the account is the person's own id unless another is given, as `make_residents` makes them."""
    person = UUID(str(person_id))
    granted = Pass(person, account_id or person, vaccine, None, clinics, since=since, before=before)
    expires_at = datetime.now(UTC) + timedelta(seconds=ttl_s)
    return lasting_tokens(keys).for_pass(granted, expires_at=expires_at, generation=generation)


def pass_header(keys: Keys, person_id: UUID | str, **what: Any) -> dict[str, str]:
    """The header of a hold."""
    return {HEADER: pass_for(keys, person_id, **what)}
