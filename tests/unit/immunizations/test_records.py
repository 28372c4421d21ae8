"""Records and editions in PostgreSQL: nothing is overwritten, one dose a day and series, every version is on record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from humiao.backoffice.audit import verify
from humiao.immunizations.loader import load_edition
from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version, records_of
from humiao.immunizations.service import EditionChanged, Programmes, publish, publish_shipped, shipped_text
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.factories import make_residents

DAY = date(2026, 5, 6)


@pytest_asyncio.fixture(loop_scope="session")
async def person(connection: asyncpg.Connection, keys: Keys) -> UUID:
    (person,) = await make_residents(connection, keys.vault(), 1)
    return person


def stored(person: UUID, vaccine: str = "HepB", day: date = DAY, **more: Any) -> StoredRecord:
    return StoredRecord(person, Record(vaccine, day), source="paper", verified=False, **more)


async def add(connection: Any, one: StoredRecord) -> None:
    async with connection.transaction():
        await add_version(connection, one, by="staff:1", source="desk")


async def test_a_record_is_read_as_it_was_written(connection: asyncpg.Connection, person: UUID) -> None:
    first, second = stored(person, day=DAY + timedelta(days=40)), stored(person, dose_recorded=1)
    for one in (first, second):
        await add(connection, one)
    assert await records_of(connection, person) == [second, first]


async def test_a_correction_is_the_next_version(connection: asyncpg.Connection, person: UUID) -> None:
    one = stored(person)
    await add(connection, one)
    moved = replace(one, version=2, record=Record("HepB", DAY + timedelta(days=1)), reason="wrong_entry")
    await add(connection, moved)
    assert [(r.version, r.record.given_on) for r in await records_of(connection, person)] == [
        (2, DAY + timedelta(days=1))
    ]
    assert (
        await connection.fetchval("SELECT count(*) FROM immunization_records WHERE record_id = $1", one.record_id) == 2
    )
    # the day it stood on is free again
    await add(connection, stored(person))


async def test_a_void_takes_it_away_and_stays_on_record(connection: asyncpg.Connection, person: UUID) -> None:
    one = stored(person)
    await add(connection, one)
    await add(connection, replace(one, version=2, void=True, reason="wrong_person"))
    assert await records_of(connection, person) == []
    actions = await connection.fetch(
        "SELECT action, actor, detail FROM audit_entries WHERE subject = $1 ORDER BY at, lane, seq, n",
        f"immunization:{one.record_id}",
    )
    assert [row["action"] for row in actions] == ["immunization.recorded", "immunization.voided"]
    assert {row["actor"] for row in actions} == {"staff:1"}
    assert all(str(person) not in str(row["detail"]) for row in actions)
    assert (await verify(connection)).sound


@pytest.mark.parametrize("statement", ["UPDATE immunization_records SET lot = 'X'", "DELETE FROM immunization_records"])
async def test_nothing_is_overwritten(connection: asyncpg.Connection, person: UUID, statement: str) -> None:
    one = stored(person)
    await add(connection, one)
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await connection.execute(f"{statement} WHERE record_id = $1", one.record_id)


async def test_versions_follow_one_another_of_one_person(
    connection: asyncpg.Connection, keys: Keys, person: UUID
) -> None:
    (other,) = await make_residents(connection, keys.vault(), 1)
    one = stored(person)
    await add(connection, one)
    for wrong, error in (
        (replace(one, version=3, reason="wrong_entry"), asyncpg.ForeignKeyViolationError),
        (replace(one, version=2, person_id=other, reason="wrong_entry"), asyncpg.ForeignKeyViolationError),
        (replace(one, version=1), asyncpg.UniqueViolationError),
        (replace(one, version=2), asyncpg.CheckViolationError),  # a correction has a reason
        (stored(person, day=DAY + timedelta(days=1), void=True), asyncpg.CheckViolationError),
        (replace(one, version=2, reason="wrong_entry", record=Record("HepB", DAY, override="valid")),
         asyncpg.CheckViolationError),  # only a clinical decision overrides
    ):  # fmt: skip
        with pytest.raises(error):
            await add(connection, wrong)
    await add(connection, replace(one, version=2, reason="verified_later", verified=True))


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ("HepB", "HepB", True),
        ("IPV", "bOPV", True),  # one series
        ("DTaP-IPV-Hib", "IPV", True),  # a combination holds the day of each of its series
        ("DTaP", "IPV", False),
        ("RabV", "RabV", False),  # 2-1-1
    ],
)
async def test_one_dose_a_day_and_series(
    connection: asyncpg.Connection, person: UUID, first: str, second: str, refused: bool
) -> None:
    await add(connection, stored(person, first))
    if refused:
        with pytest.raises(asyncpg.UniqueViolationError):
            await add(connection, stored(person, second))
        await add(connection, stored(person, second, DAY + timedelta(days=1)))
    else:
        await add(connection, stored(person, second))
    assert len(await records_of(connection, person)) == 2


async def test_no_third_rabies_dose_a_day(connection: asyncpg.Connection, person: UUID) -> None:
    for _ in range(2):
        await add(connection, stored(person, "RabV"))
    with pytest.raises(asyncpg.CheckViolationError):
        await add(connection, stored(person, "RabV"))


# ------------------------------------------------------------------------------------------------------------ editions


@pytest_asyncio.fixture(loop_scope="session")
async def published(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The shipped edition in the table, inside a transaction that is taken back."""
    transaction = connection.transaction()
    await transaction.start()
    await publish(connection)
    yield connection
    await transaction.rollback()


def coming(begins: date, name: str = "") -> str:
    text = shipped_text().replace("edition: CN-SH-2026.1", f"edition: {name or f'T-{uuid4().hex[:8]}'}")
    return text.replace("effective_from: 2026-11-23  ", f"effective_from: {begins}  ")


async def today(connection: Any) -> date:
    found: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    return found


async def test_an_edition_is_published_once(published: asyncpg.Connection) -> None:
    again = await publish(published)
    assert await published.fetchval("SELECT count(*) FROM programme_editions WHERE edition_id = $1", again.id) == 1


async def test_an_edition_that_was_published_does_not_change(published: asyncpg.Connection) -> None:
    text = shipped_text().replace("grace_days: 0 ", "grace_days: 4 ")
    with pytest.raises(EditionChanged, match="new id"):
        await publish(published, text)


@pytest.mark.parametrize(
    ("days", "told"), [(0, "tomorrow or later"), (-1, "tomorrow or later"), (-4000, "after those before")]
)
async def test_an_edition_begins_tomorrow_or_later(published: asyncpg.Connection, days: int, told: str) -> None:
    begins = await today(published) + timedelta(days=days)
    with pytest.raises(asyncpg.PostgresError, match=told):
        await publish(published, coming(begins))


async def test_a_release_that_comes_late_does_not_stop_the_start(published: asyncpg.Connection) -> None:
    assert await publish_shipped(published), "it is there already"
    # another installation, whose only edition begins tomorrow: that of the release comes too late
    await published.execute("ALTER TABLE programme_editions DISABLE TRIGGER USER")
    await published.execute("DELETE FROM programme_editions")
    await published.execute("ALTER TABLE programme_editions ENABLE TRIGGER USER")
    await publish(published, coming(await today(published) + timedelta(days=1)))
    async with published.transaction():  # what is refused leaves the transaction around it good
        savepoint = published.transaction()
        await savepoint.start()
        assert not await publish_shipped(published)
        await savepoint.rollback()
    assert await published.fetchval("SELECT count(*) FROM programme_editions") == 1


async def test_an_edition_begins_after_those_before(published: asyncpg.Connection) -> None:
    begins = await today(published) + timedelta(days=30)
    await publish(published, coming(begins))
    with pytest.raises(asyncpg.PostgresError, match="after those before"):
        await publish(published, coming(begins - timedelta(days=1)))


@pytest.mark.parametrize("statement", ["UPDATE programme_editions SET document = ''", "DELETE FROM programme_editions"])
async def test_editions_stay(published: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await published.execute(statement)


async def test_a_running_process_takes_a_new_edition_and_goes_over_on_its_day(published: asyncpg.Connection) -> None:
    class Lending(Database):
        """Lends the connection of the transaction that is taken back."""

        def __init__(self) -> None:
            pass

        @asynccontextmanager
        async def read(self) -> AsyncIterator[Any]:
            yield published

    programmes = Programmes(Lending())
    await programmes.read()
    day = await today(published)
    before = programmes.book.on(day).id
    text = coming(day + timedelta(days=1))
    await publish(published, text)
    await programmes.read()
    assert programmes.book.on(day).id == before
    assert programmes.book.on(day + timedelta(days=1)).id == load_edition(text, "coming").id
