"""Residents who exist for a rehearsal only: an account, a person and a login each, all of one id."""

from typing import Any
from uuid import UUID

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
