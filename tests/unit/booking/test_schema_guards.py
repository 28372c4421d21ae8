"""A direct SQL writer meets the same promises as the application: P1, P3, P5, P7, P8 live in the schema."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao.backoffice.audit import verify
from humiao.kit.keys import Keys
from tests.factories import World, make_residents, make_session


async def claim(connection: Any, world: World, person: UUID) -> UUID:
    claim_id = uuid4()
    await connection.execute(
        """INSERT INTO claims (claim_id, hold_token, person_id, window_id, channel, stock_id, held_at, held_until,
                               changed_by, changed_from) VALUES ($1, $1, $2, $3, 'h5', $4, $5, $6, 'sql', 'sql')""",
        claim_id, person, world.window_ids[0], world.stock_id, datetime.now(UTC),
        datetime.now(UTC) + timedelta(minutes=10),
    )  # fmt: skip
    return claim_id


async def move(connection: Any, claim_id: UUID, state: str) -> None:
    ended = "now()" if state in ("released", "expired", "cancelled", "fulfilled", "no_show") else "NULL"
    await connection.execute(
        f"UPDATE claims SET state = $2::text::claim_state, ended_at = {ended} WHERE claim_id = $1", claim_id, state
    )


async def test_the_last_place_is_sold_once(connection: asyncpg.Connection, keys: Keys) -> None:
    world = await make_session(connection, capacity=1)
    first, second = await make_residents(connection, keys.vault(), 2)
    await claim(connection, world, first)
    with pytest.raises(asyncpg.CheckViolationError):
        await claim(connection, world, second)


async def test_control_without_the_check_the_place_is_sold_twice(connection: asyncpg.Connection, keys: Keys) -> None:
    world = await make_session(connection, capacity=1)
    people = await make_residents(connection, keys.vault(), 2)
    transaction = connection.transaction()
    await transaction.start()
    try:  # the guards are dropped in a transaction that is rolled back: nobody else ever sees the table without them
        for table in ("windows", "window_quotas", "session_stocks"):
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_never_oversold")
        for person in people:
            await claim(connection, world, person)
        free = await connection.fetchval("SELECT free FROM windows WHERE window_id = $1", world.window_ids[0])
        assert free == -1
    finally:
        await transaction.rollback()


async def test_one_live_claim_per_person_and_series(connection: asyncpg.Connection, keys: Keys) -> None:
    one, two = await make_session(connection), await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    held = await claim(connection, one, person)
    with pytest.raises(asyncpg.UniqueViolationError):
        await claim(connection, two, person)
    await move(connection, held, "released")
    await claim(connection, two, person)


@pytest.mark.parametrize(
    "path",
    [
        ("released", "confirmed"),
        ("expired", "confirmed"),
        ("confirmed", "expired"),
        ("confirmed", "cancelled", "confirmed"),
        ("released", "released", "held"),
    ],
)
async def test_an_ended_claim_stays_ended(connection: asyncpg.Connection, keys: Keys, path: tuple[str, ...]) -> None:
    world = await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    held = await claim(connection, world, person)
    for state in path[:-1]:
        await move(connection, held, state)
    with pytest.raises(asyncpg.PostgresError, match="not allowed"):
        await move(connection, held, path[-1])


async def test_counters_cannot_be_written_by_hand(connection: asyncpg.Connection) -> None:
    world = await make_session(connection)
    for table, column, value in (
        ("windows", "window_id", world.window_ids[0]),
        ("session_stocks", "stock_id", world.stock_id),
    ):
        with pytest.raises(asyncpg.PostgresError, match="follow the claims"):
            await connection.execute(f"UPDATE {table} SET held = held + 1 WHERE {column} = $1", value)


async def test_a_changed_audit_entry_is_named(connection: asyncpg.Connection, keys: Keys) -> None:
    world = await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    held = await claim(connection, world, person)
    assert (await verify(connection)).sound
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await connection.execute("UPDATE audit_entries SET actor = 'x' WHERE subject = $1", f"claim:{held}")
    transaction = connection.transaction()
    await transaction.start()
    try:  # as somebody could who may switch triggers off
        await connection.execute("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
        for (partition,) in await connection.fetch(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass"
        ):
            await connection.execute(f"ALTER TABLE {partition} DISABLE TRIGGER ALL")
        await connection.execute("UPDATE audit_entries SET actor = 'x' WHERE subject = $1", f"claim:{held}")
        report = await verify(connection)
        assert not report.sound
        assert "its entries were changed" in report.finding
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("written", ["version", "version + 1", "version + 7", "0"])
async def test_a_counter_s_version_rises_by_one_with_every_change(
    connection: asyncpg.Connection, keys: Keys, written: str
) -> None:
    world = await make_session(connection, capacity=5)
    for table, key in (("windows", "window_id"), ("window_quotas", "window_id"), ("session_stocks", "stock_id")):
        row_id = world.stock_id if key == "stock_id" else world.window_ids[0]
        before = await connection.fetchval(f"SELECT version FROM {table} WHERE {key} = $1", row_id)
        await connection.execute(f"UPDATE {table} SET version = {written} WHERE {key} = $1", row_id)
        assert await connection.fetchval(f"SELECT version FROM {table} WHERE {key} = $1", row_id) == before + 1
    (person,) = await make_residents(connection, keys.vault(), 1)
    moved = "SELECT version FROM windows WHERE window_id = $1"
    before = await connection.fetchval(moved, world.window_ids[0])
    await claim(connection, world, person)
    assert await connection.fetchval(moved, world.window_ids[0]) == before + 1
