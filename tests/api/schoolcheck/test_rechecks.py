"""A child to catch up is checked again when the deadline comes: once, as a new version, and the newest counts."""

import asyncio
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.schoolcheck.rechecks import Rechecker
from tests.api.callers import Caller, staff_token
from tests.api.schoolcheck.test_school_checks import a_list, child, figures
from tests.unit.immunizations.histories import BOOK
from tests.unit.schoolcheck.test_service import add_dose, on_record
from tests.unit.schoolcheck.test_verdict import AT_FOUR, AUTUMN, records

DEADLINE = date(AUTUMN.year, 12, 31)


async def nothing() -> None:
    """The book of a test is what the test says."""


def rechecker(database: Database) -> Rechecker:
    programmes: Any = SimpleNamespace(book=BOOK, read=nothing)
    return Rechecker(database, programmes)


async def lacking(connection: asyncpg.Connection, keys: Keys, clinic: Caller, school: str) -> tuple[UUID, UUID]:
    """Check a child that lacks its last dose; returns the check and the person."""
    number = await on_record(connection, keys, "李小丽", records(AT_FOUR)[:-1])
    answer = await clinic.post("/clinic/school-checks", a_list(school, child("李小丽", number)))
    assert answer.json()["children"][0]["result"] == "NEEDS_CATCH_UP", answer.text
    index = keys.vault().blind_index("document", number)
    person = await connection.fetchval("SELECT person_id FROM persons WHERE document_index = $1", index)
    return UUID(answer.json()["check_id"]), person


async def versions(connection: asyncpg.Connection, check_id: UUID) -> list[tuple[int, str, date | None]]:
    rows = await connection.fetch("SELECT * FROM school_rechecks WHERE check_id = $1 ORDER BY version", check_id)
    return [(row["version"], row["result"], row["recheck_by"]) for row in rows]


@pytest.fixture(autouse=True)
async def no_deadlines(connection: asyncpg.Connection) -> None:
    """Other tests leave deadlines behind."""
    await connection.execute("DELETE FROM school_deadlines")


async def test_who_caught_up_has_completed_it_at_the_deadline(
    client: httpx.AsyncClient, connection: asyncpg.Connection, database: Database, keys: Keys, clinic: Caller
) -> None:
    school = f"第{uuid4().hex[:8]}幼儿园"
    check_id, person = await lacking(connection, keys, clinic, school)
    await add_dose(connection, person, records(AT_FOUR)[-1])
    again = rechecker(database)
    await again.step(DEADLINE - timedelta(days=1))
    assert await versions(connection, check_id) == []
    for _ in range(2):
        await again.step(DEADLINE)
    assert await versions(connection, check_id) == [(2, "CATCH_UP_COMPLETED", None)]
    city = Caller(client, await staff_token(connection, keys, "city_admin"))
    counted = await figures(city, school)
    assert [counted[name] for name in ("children", "catch_up_completed", "needs_catch_up")] == [1, 1, 0]
    entries = await connection.fetch(
        "SELECT actor FROM audit_entries WHERE action = 'school_check.rechecked' AND subject = $1",
        f"school_check:{check_id}",
    )
    assert [row["actor"] for row in entries] == ["worker"]


async def test_who_still_lacks_a_dose_has_another_deadline(
    connection: asyncpg.Connection, database: Database, keys: Keys, clinic: Caller
) -> None:
    check_id, _ = await lacking(connection, keys, clinic, f"第{uuid4().hex[:8]}幼儿园")
    for _ in range(2):
        await rechecker(database).step(DEADLINE)
    assert await versions(connection, check_id) == [(2, "NEEDS_CATCH_UP", date(AUTUMN.year + 1, 12, 31))]


async def test_two_workers_check_a_child_once(
    connection: asyncpg.Connection, database: Database, keys: Keys, clinic: Caller
) -> None:
    check_id, _ = await lacking(connection, keys, clinic, f"第{uuid4().hex[:8]}幼儿园")
    await asyncio.gather(*(rechecker(database).step(DEADLINE) for _ in range(3)))
    assert len(await versions(connection, check_id)) == 1
