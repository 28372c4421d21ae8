"""A child with a dose on record, and certificates issued for her."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest_asyncio

from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version
from humiao.kit.keys import Keys
from tests.api.callers import Caller
from tests.unit.immunizations.test_intake import DAY, somebody

Issue = Callable[..., Awaitable[dict[str, Any]]]


async def give(connection: Any, person: UUID, vaccine: str) -> None:
    async with connection.transaction():
        one = StoredRecord(person, Record(vaccine, DAY), source="local", verified=True, lot="A1")
        await add_version(connection, one, by="staff:1", source="desk")


@pytest_asyncio.fixture(loop_scope="session")
async def child(connection: asyncpg.Connection, keys: Keys, me: Caller, person: UUID) -> UUID:
    """A girl for whom `me` acts, with one dose on record."""
    found, _ = await somebody(connection, keys)
    await connection.execute(
        "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", person, found
    )
    await give(connection, found, "HepB")
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def issue(me: Caller, child: UUID) -> Issue:
    async def make(**more: Any) -> dict[str, Any]:
        answer = await me.post(f"/resident/people/{child}/certificates", {"kind": "certificate"} | more)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make
