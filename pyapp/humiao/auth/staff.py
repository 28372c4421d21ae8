"""Staff accounts and their passwords (argon2id)."""

import asyncio
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from humiao.kit.audit import write_audit
from humiao.kit.sql import statement

Role = Literal["city_admin", "clinic_staff"]
PASSWORD_LENGTH_MIN = 8
# Argon2 takes some 64 MiB and a core for each password: two at a time leave the rest to residents.
AT_ONCE = 2


class Passwords:
    """Compares passwords off the event loop, few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._places = asyncio.Semaphore(AT_ONCE)
        # What an unknown username is compared with, so that it takes as long as a known one.
        self._nobody = self._hasher.hash("nobody's password")

    def _matches(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False

    async def match(self, digest: str | None, password: str) -> bool:
        """Tell whether the password is right; None (nobody) takes the same time and is never right."""
        async with self._places:
            right = await asyncio.to_thread(self._matches, digest or self._nobody, password)
        return right and digest is not None


async def create_admin(
    connection: Any,
    username: str,
    password: str,
    display_name: str = "系统管理员",
    role: Role = "city_admin",
    *,
    clinic_id: int | None = None,
) -> int | None:
    """Make a staff account in its own transaction; returns its staff_id, or None where the username is taken.

    Raises ValueError for a password shorter than eight characters.
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise ValueError("密码至少 8 位")
    digest = await asyncio.to_thread(PasswordHasher().hash, password)
    async with connection.transaction():
        made = await connection.fetchrow(statement("auth/add_staff"), username, display_name, digest, role, clinic_id)
        if made is None:
            return None
        staff_id = int(made["staff_id"])
        await write_audit(connection, "sql", "cli", "staff.created", f"staff:{staff_id}", detail={"role": role})
    return staff_id
