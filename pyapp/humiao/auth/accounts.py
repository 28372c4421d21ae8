"""Accounts of residents: one for each phone, made at the first login."""

from typing import Any, Literal
from uuid import UUID, uuid4

from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement

Origin = Literal["resident", "demo", "rehearsal"]


def phone_index(vault: Vault, phone: str) -> bytes:
    """Return the blind index by which a normalised phone is found."""
    return vault.blind_index("phone", phone)


async def ensure_account(
    connection: Any, vault: Vault, phone: str, *, origin: Origin = "resident"
) -> tuple[UUID, bool]:
    """Return the account of a normalised phone and whether it was made now, inside the caller's transaction."""
    account_id = uuid4()
    index = phone_index(vault, phone)
    sealed = vault.seal(phone, row=account_id, field="phone")
    made = await connection.fetchrow(statement("auth/add_account"), account_id, sealed, index, origin)
    if made is None:
        found = await connection.fetchrow(statement("auth/find_account"), index)
        return found["account_id"], False
    actor = f"account:{account_id}"
    await write_audit(connection, actor, "h5", "account.created", actor)
    return account_id, True
