"""What is due is kept up to date, and each reminder is planned once, outside the quiet hours, for who wants it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry

from humiao.errors import CITY_ZONE
from humiao.immunizations.book import RuleBook
from humiao.immunizations.models import Record
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.messaging.outbox import OutboxSender
from humiao.messaging.quiet import QuietHours
from humiao.reminders.appointments import AppointmentReminder
from humiao.reminders.due import DueKeeper
from humiao.worker.meters import WorkerMeters
from tests.api.callers import Caller, resident_token
from tests.api.messaging.test_outbox import CANCEL, CONFIRM, ListGateway, make_claim, move
from tests.factories import make_residents, make_session
from tests.unit.immunizations.histories import BOOK, EDITION
from tests.unit.schoolcheck.test_service import add_dose

QUIET = QuietHours(21, 8)


async def nothing() -> None:
    """The book of a test is what the test says."""


def keeper(database: Database, book: RuleBook = BOOK) -> DueKeeper:
    programmes: Any = SimpleNamespace(book=book, read=nothing)
    return DueKeeper(database, programmes, QUIET)


# The driven clock of these tests: one day of the city for the whole run, also when midnight comes in the middle of it.
TODAY = datetime.now(CITY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def at(hour: int, *, days: int = 0) -> datetime:
    return TODAY.replace(hour=hour) + timedelta(days=days)


@pytest.fixture(autouse=True)
async def quiet_city(database: Database) -> None:
    """Other tests leave people stale and messages owed: call them done."""
    async with database.transaction() as connection:
        await connection.execute("UPDATE due_people SET stale_from = 'infinity', edition_id = NULL, worked_on = NULL")
        await connection.execute(
            "UPDATE outbox_messages SET sent_at = now() WHERE sent_at IS NULL AND failed_at IS NULL"
        )


async def a_child(connection: asyncpg.Connection, keys: Keys, days_old: int = 35) -> UUID:
    """A child with an account; both have one id."""
    (child,) = await make_residents(connection, keys.vault(), 1)
    born = TODAY.date() - timedelta(days=days_old)
    await connection.execute("UPDATE persons SET birth_date = $2 WHERE person_id = $1", child, born)
    return child


async def kinds(connection: asyncpg.Connection, child: UUID) -> set[tuple[str, str, int]]:
    rows = await connection.fetch("SELECT kind, series, dose FROM reminders WHERE person_id = $1", child)
    found = [(row["kind"], row["series"], row["dose"]) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


async def status(connection: asyncpg.Connection, child: UUID, series: str) -> tuple[str, int | None]:
    row = await connection.fetchrow(
        "SELECT status, next_dose FROM due_doses WHERE person_id = $1 AND series = $2", child, series
    )
    assert row is not None
    return row["status"], row["next_dose"]


async def owed(connection: asyncpg.Connection, child: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(
        """SELECT DISTINCT m.* FROM outbox_messages m JOIN reminders r ON m.subject = 'reminder:' || r.notice_id
           WHERE r.person_id = $1 ORDER BY message_id""",
        child,
    )


async def send(
    database: Database, keys: Keys, now: datetime, on_reminder: Callable[[str, str], None] = lambda *_: None
) -> list[str]:
    gateway = ListGateway()
    sender = OutboxSender(database, keys.vault(), gateway, quiet=QUIET, now=lambda: now, on_reminder=on_reminder)
    async with database.transaction() as connection:  # the sender's clock is driven; the database's is not
        await connection.execute("UPDATE outbox_messages SET next_try_at = now() WHERE next_try_at > now()")
    await sender.send_due()
    return [text for _, text in gateway.sent]


def given(vaccine: str, days_ago: int) -> Record:
    return Record(vaccine, TODAY.date() - timedelta(days=days_ago))


async def test_what_is_due_follows_the_records_and_is_reminded_of_once(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    child = await a_child(connection, keys)
    due = keeper(database)
    assert await due.step(at(10)) == 0
    first = await kinds(connection, child)
    assert {series for _, series, dose in first if dose == 1} >= {"HepB", "BCG"}
    messages = await owed(connection, child)
    await connection.execute("SELECT due_people_changed(ARRAY[$1::uuid])", child)
    await due.step(at(11))
    assert await kinds(connection, child) == first and len(await owed(connection, child)) == len(messages)
    await add_dose(connection, child, given("HepB", 31))
    await due.step(at(12))
    assert (await status(connection, child, "HepB"))[1] == 2
    assert ("second_dose", "HepB", 2) in await kinds(connection, child)


@pytest.mark.parametrize("days", [-1, 0, 1])
async def test_the_day_is_that_of_the_clock_and_not_of_the_server(
    database: Database, connection: asyncpg.Connection, keys: Keys, days: int
) -> None:
    """As on a run that begins at 23:59 and ends on another day: what is stale goes by the clock that is driven."""
    child = await a_child(connection, keys)
    await keeper(database).step(at(10, days=days))
    await connection.execute(
        "UPDATE due_people SET stale_from = $2 WHERE person_id = $1", child, at(0, days=days + 1).date()
    )
    assert await send(database, keys, at(11, days=days + 1)) == []  # to be worked out first, on its day
    assert len(await send(database, keys, at(11, days=days))) == len(await owed(connection, child))


async def test_reminders_are_counted_by_kind_and_by_what_became_of_them(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    meters = WorkerMeters(CollectorRegistry())
    programmes: Any = SimpleNamespace(book=BOOK, read=nothing)
    due = DueKeeper(database, programmes, QUIET, lambda kind, n: meters.planned.labels(kind).inc(n))
    child = await a_child(connection, keys)

    def value(counter: Any, *labels: str) -> float:
        return float(counter.labels(*labels)._value.get())

    def note(topic: str, ending: str) -> None:
        meters.reminders.labels(topic, ending).inc()

    await due.step(at(10, days=1))
    messages = len(await owed(connection, child))
    planned = sum(value(meters.planned, kind) for kind in ("due", "second_dose", "overdue"))
    assert planned == messages >= 1
    await due.step(at(11, days=1))
    assert sum(value(meters.planned, kind) for kind in ("due", "second_dose", "overdue")) == messages
    await send(database, keys, at(23, days=1), note)
    assert value(meters.reminders, "dose", "quiet_hours") == messages
    await connection.execute("SELECT due_people_changed(ARRAY[$1::uuid])", child)
    await send(database, keys, at(12, days=1), note)
    assert value(meters.reminders, "dose", "stale") == messages
    await due.step(at(12, days=1))
    await send(database, keys, at(12, days=1), note)
    assert value(meters.reminders, "dose", "sent") == messages

    other = await a_child(connection, keys)
    await due.step(at(13, days=1))
    await connection.execute("UPDATE guardianships SET ended_at = now() WHERE person_id = $1", other)
    await due.step(at(13, days=1))
    await send(database, keys, at(14, days=1), note)
    suppressed = value(meters.reminders, "dose", "nobody_to_tell") + value(meters.reminders, "dose", "withdrawn")
    assert suppressed == len(await owed(connection, other)) >= 1


async def test_only_the_stale_are_worked_out(database: Database, connection: asyncpg.Connection, keys: Keys) -> None:
    one, other = [await a_child(connection, keys) for _ in range(2)]
    due = keeper(database)
    await due.step(at(10))
    assert (await due.read(at(11)))[0] == []
    await add_dose(connection, one, given("BCG", 1))
    assert [row["person_id"] for row in (await due.read(at(11)))[0]] == [one]
    await due.step(at(11))
    looked = await connection.fetchval("SELECT stale_from FROM due_people WHERE person_id = $1", other)
    days = (looked - at(10).date()).days
    assert 1 <= days <= 31
    assert other in {row["person_id"] for row in (await due.read(at(10, days=days)))[0]}
    assert other not in {row["person_id"] for row in (await due.read(at(10, days=days - 1)))[0]}


async def test_a_new_edition_makes_everybody_of_the_old_one_stale(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    child = await a_child(connection, keys)
    await keeper(database).step(at(10))
    tomorrow = at(10, days=1)
    coming = replace(EDITION, id=f"next-{uuid4().hex[:8]}", effective_from=tomorrow.date())
    due = keeper(database, BOOK.with_edition(coming))
    assert (await due.read(at(11)))[0] == []
    await due.step(tomorrow)
    assert await connection.fetchval("SELECT edition_id FROM due_people WHERE person_id = $1", child) == coming.id
    assert (await due.read(tomorrow))[0] == []


@pytest.mark.parametrize("guarded", [True, False], ids=["by version", "control: by person alone"])
async def test_a_record_written_during_the_evaluation_is_not_lost(
    database: Database, connection: asyncpg.Connection, keys: Keys, guarded: bool
) -> None:
    child = await a_child(connection, keys)
    due, now = keeper(database), at(10)
    rows, _ = await due.read(now)
    worked = await due.work_out(rows, now)
    await add_dose(connection, child, given("HepB", 31))
    if not guarded:
        version = await connection.fetchval("SELECT version FROM due_people WHERE person_id = $1", child)
        worked = [replace(one, version=version) for one in worked]
    await due.keep(worked, now)
    await due.step(now)
    assert ((await status(connection, child, "HepB"))[1] == 2) is guarded


async def test_a_row_that_is_being_changed_is_left_alone(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    child = await a_child(connection, keys)
    due, now = keeper(database), at(10)
    rows, _ = await due.read(now)
    worked = await due.work_out(rows, now)
    async with connection.transaction():
        await connection.execute("SELECT due_people_changed(ARRAY[$1::uuid])", child)
        assert await due.keep(worked, now) == 0  # neither waits nor writes
    assert [row["person_id"] for row in (await due.read(now))[0]] == [child]


async def test_who_has_no_guardian_or_is_grown_up_is_not_followed(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    left, grown = await a_child(connection, keys), await a_child(connection, keys, days_old=19 * 366)
    await connection.execute("UPDATE guardianships SET ended_at = now() WHERE person_id = $1", left)
    await keeper(database).step(at(10))
    rows = await connection.fetch("SELECT FROM due_doses WHERE person_id = ANY($1)", [left, grown])
    assert rows == [] and await kinds(connection, left) | await kinds(connection, grown) == set()


async def test_nothing_is_sent_in_quiet_hours(database: Database, connection: asyncpg.Connection, keys: Keys) -> None:
    child = await a_child(connection, keys)
    await keeper(database).step(at(23))
    assert {row["next_try_at"] for row in await owed(connection, child)} == {at(8, days=1)}
    assert await send(database, keys, at(23)) == []
    waiting = await owed(connection, child)
    assert {(row["tries"], row["next_try_at"], row["failed_at"]) for row in waiting} == {(0, at(8, days=1), None)}
    texts = await send(database, keys, at(8, days=1))
    assert len(texts) == len(waiting) and all("接种提醒：*小明，" in text for text in texts)
    assert await send(database, keys, at(9, days=1)) == []


async def test_a_dose_given_meanwhile_withdraws_its_reminder(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    child = await a_child(connection, keys, days_old=2)
    due = keeper(database)
    await due.step(at(10))
    await add_dose(connection, child, given("HepB", 1))
    await add_dose(connection, child, given("BCG", 1))
    assert await send(database, keys, at(10)) == []  # not before it is worked out again
    await due.step(at(10))
    assert not [text for text in await send(database, keys, at(11)) if "乙" in text or "卡介" in text]
    assert {row["last_error"] for row in await owed(connection, child)} == {"withdrawn"}


async def test_who_does_not_want_a_kind_is_not_told(
    client: httpx.AsyncClient, database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    planned, before = await a_child(connection, keys), await a_child(connection, keys)
    path, due = "/resident/reminders", keeper(database)
    none = dict.fromkeys(("due", "second_dose", "overdue", "appointment"), False)
    callers = [Caller(client, await resident_token(connection, keys, one)) for one in (planned, before)]
    assert (await callers[0].get(path)).json() == dict.fromkeys(none, True)
    key = uuid4().hex
    for _ in range(2):
        answer = await callers[1].send("PUT", path, none, key=key)
        assert (answer.status_code, answer.json()) == (200, none)
    other = await callers[1].send("PUT", path, none | {"due": True}, key=key)
    assert other.json()["code"] == "key_reused"
    await due.step(at(10))
    assert await kinds(connection, before) == set() and await kinds(connection, planned) != set()
    await callers[0].send("PUT", path, none)
    assert await send(database, keys, at(11)) == []
    assert {row["last_error"] for row in await owed(connection, planned)} == {"nobody to tell"}
    assert (await callers[0].get(path)).json() == none


@pytest.mark.parametrize("cancelled", [False, True])
async def test_the_day_before_a_reservation(
    database: Database, connection: asyncpg.Connection, keys: Keys, cancelled: bool
) -> None:
    (person,) = await make_residents(connection, keys.vault(), 1)
    world = await make_session(connection, starts_in=at(14, days=1) - datetime.now(UTC))
    claim = await make_claim(database, person, person, world)
    await move(database, claim, CONFIRM)
    for hour in (9, 10):
        await AppointmentReminder(database, QUIET, after=world.window_ids[0] - 1).step(at(hour))
    (message,) = await owed(connection, person)
    assert message["topic"] == "reminder.appointment" and message["payload"] == "{}"
    if cancelled:
        await move(database, claim, CANCEL)
    texts = [text for text in await send(database, keys, at(11)) if f"{world.clinic_id}" in text and "预约提醒" in text]
    assert len(texts) == (0 if cancelled else 1)
    left = (await owed(connection, person))[0]
    assert (left["last_error"], left["sent_at"] is None) == (("withdrawn", True) if cancelled else (None, False))


async def test_messages_that_can_wait_come_after_all_others(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    child = await a_child(connection, keys)
    await keeper(database).step(at(10))
    await connection.execute("UPDATE outbox_messages SET next_try_at = now() - interval '1 hour' WHERE sent_at IS NULL")
    async with database.transaction() as open_one:
        await open_one.execute("INSERT INTO outbox_messages (topic, subject) VALUES ('sms.login_code', 'code:test')")
    async with database.transaction() as open_one:
        leased = await open_one.fetch(statement("messaging/lease_due"), 2, 120)
        assert sorted(row["topic"] for row in leased) == ["reminder.dose", "sms.login_code"]
    assert len(await owed(connection, child)) > 1


async def test_what_waits_for_the_morning_is_not_owed_yet(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    await a_child(connection, keys)
    await keeper(database).step(at(23, days=1))
    assert (await connection.fetchrow(statement("messaging/backlog")))["waiting"] == 0
    await connection.execute(
        """UPDATE outbox_messages SET not_before = now() - interval '5 s', next_try_at = now(),
                                      created_at = now() - interval '1 day' WHERE sent_at IS NULL"""
    )
    owing = await connection.fetchrow(statement("messaging/backlog"))
    assert owing["waiting"] >= 1 and owing["lag_s"] == 0


async def test_keepers_beside_each_other_plan_once(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    child = await a_child(connection, keys)
    keepers, now = [keeper(database) for _ in range(3)], at(10)
    rows, _ = await keepers[0].read(now)
    worked = await keepers[0].work_out(rows, now)
    await asyncio.gather(*(one.keep(worked, now) for one in keepers))
    planned = await connection.fetch("SELECT notice_id, kind FROM reminders WHERE person_id = $1", child)
    notices = {row["notice_id"] for row in planned}
    assert len(notices) == len({row["kind"] for row in planned}) == len(await owed(connection, child)) >= 1
    every = await connection.fetchval(
        "SELECT count(*) FROM outbox_messages WHERE topic = 'reminder.dose' AND sent_at IS NULL AND failed_at IS NULL"
    )
    assert every == len(notices)
