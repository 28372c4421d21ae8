"""Revocation of all tokens of one audience at once, noticed by every process within two seconds.

A token carries its audience's generation at signing; raising the generation makes every older one worthless. What was
read last counts while the database is away, and a generation never falls.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from humiao.kit.audit import write_audit
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.kit.upkeep import keep_reading

Audience = Literal["resident", "staff", "pass", "room"]
EVERY_S = 2.0


class Generations:
    """The generations as this process knows them: `current` is a live view, `keep_up` reads them again and again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, int] = {}
        self.current: Mapping[str, int] = MappingProxyType(self._known)

    async def read(self) -> None:
        """Take over what the database says."""
        async with self._database.read() as connection:
            found = await read_generations(connection)
        for audience, generation in found.items():
            self._known[audience] = max(generation, self._known.get(audience, 0))

    async def keep_up(self, every_s: float = EVERY_S) -> None:
        """Read until cancelled, for a process that stops reading revokes no more."""
        await keep_reading("generations", self.read, every_s)


async def read_generations(connection: Any) -> dict[str, int]:
    """The generation of every audience, for processes that sign once and are gone."""
    rows = await connection.fetch(statement("auth/token_generations"))
    return {row["audience"]: row["generation"] for row in rows}


async def revoke(connection: Any, audience: Audience) -> int:
    """Make every token of an audience signed so far worthless; returns the new generation."""
    async with connection.transaction():
        generation = int(await connection.fetchval(statement("auth/raise_generation"), audience))
        await write_audit(connection, "sql", "cli", "tokens.revoked", f"tokens:{audience}", detail={"to": generation})
    return generation
