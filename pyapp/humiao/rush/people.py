"""Residents who exist for a rehearsal only: an account, a person and a login each, all of one id."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Pass, Resident, Tokens
from humiao.booking.ledger import claim_ids
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement

AT_ONCE = 5000


async def make_people(connection: Any, vault: Vault, count: int) -> list[UUID]:
    """Make so many residents, logged in for two hours; the ids are theirs, their account's and their login's."""
    made: list[UUID] = []
    while len(made) < count:
        ids = claim_ids(min(AT_ONCE, count - len(made)))
        names = [vault.seal("演练", row=person_id, field="name") for person_id in ids]
        await connection.execute(statement("rush/make_residents"), ids, names)
        made += ids
    return made


def signed(tokens: Tokens, people: Iterable[UUID], vaccine_code: str) -> dict[UUID, dict[str, str]]:
    """What each shows with a hold, decided before the rush: an access token and a pass for the vaccine, as headers."""
    expires_at = datetime.now(UTC) + timedelta(seconds=tokens.ttl_s)
    return {
        person: {
            "Authorization": f"Bearer {tokens.for_resident(Resident(person, person))}",
            "Eligibility-Pass": tokens.for_pass(Pass(person, person, vaccine_code), expires_at=expires_at),
        }
        for person in people
    }
