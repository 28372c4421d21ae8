"""Behind every process: a claim through a room's channel uses an admission up, in the statement that makes it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao.booking.ledger import Ledger
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.factories import World, hold_wish, make_residents, make_session
from tests.rooms import RoomStage, open_room


async def stage(database: Database, connection: asyncpg.Connection, keys: Keys, **more: Any) -> RoomStage:
    room = await open_room(database, connection, keys, **more)
    await room.open_now()
    return room


def ledger_of(database: Database) -> Ledger:
    return Ledger(database, hold_ttl_ms=600_000, grace_ms=0)


async def held(ledger: Ledger, *wishes: tuple[UUID, World]) -> list[str]:
    batch = await ledger.hold_many([hold_wish(person, world) for person, world in wishes])
    return [decision.code for decision in batch.decisions]


async def test_who_was_not_let_in_is_not_granted_and_spoils_nobody_elses_hold(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await stage(database, connection, keys, per_s=2)
    elsewhere = await make_session(connection)
    one, two, waiting, stranger, far = await make_residents(connection, keys.vault(), 5)
    for person in (one, two, waiting):
        await room.join(person)
    assert await room.tick(2) == [1, 2]
    ledger = ledger_of(database)
    wishes = [(one, room.world), (waiting, room.world), (stranger, room.world), (far, elsewhere), (two, room.world)]
    assert await held(ledger, *wishes) == ["granted", "busy", "busy", "granted", "granted"]
    states = await connection.fetch(
        "SELECT state, claim_id IS NOT NULL AS claimed FROM room_entries WHERE room_id = $1 ORDER BY place",
        room.room_id,
    )
    assert [tuple(row) for row in states] == [("used", True), ("used", True), ("waiting", False)]
    assert await room.tick(0) == []
    gone = await connection.fetchval("SELECT gone FROM room_ticks WHERE room_id = $1 ORDER BY tick DESC", room.room_id)
    assert gone == [1, 2], "gates are told"


async def test_one_admission_is_good_for_one_hold_however_many_ask_at_once(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    worlds = [await make_session(connection, vaccine=vaccine) for vaccine in ("IIV4", "Hib", "VAR", "EV71")]
    room = await stage(
        database, connection, keys, world=worlds[0], scope="campaign", session_ids=[w.session_id for w in worlds]
    )
    (person,) = await make_residents(connection, keys.vault(), 1)
    await room.join(person)
    assert await room.tick(1) == [1]
    ledger = ledger_of(database)
    told = await asyncio.gather(*(held(ledger, (person, world)) for world in worlds))
    assert sorted(code for (code,) in told) == ["busy", "busy", "busy", "granted"]


async def test_without_the_guard_one_admission_would_be_good_for_many(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    """The control: the same race, and nobody stops it."""
    worlds = [await make_session(connection, vaccine=vaccine) for vaccine in ("IIV4", "Hib")]
    room = await stage(
        database, connection, keys, world=worlds[0], scope="campaign", session_ids=[w.session_id for w in worlds]
    )
    (person,) = await make_residents(connection, keys.vault(), 1)
    await room.join(person)
    await room.tick(1)
    await connection.execute("ALTER TABLE claims DISABLE TRIGGER claims_z_enter")
    try:
        told = await asyncio.gather(*(held(ledger_of(database), (person, world)) for world in worlds))
    finally:
        await connection.execute("ALTER TABLE claims ENABLE TRIGGER claims_z_enter")
    assert [code for (code,) in told] == ["granted", "granted"]


async def test_other_channels_and_rooms_that_are_off_ask_nobody(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection, channels=("h5", "desk"))
    room = await stage(database, connection, keys, world=world)
    one, two = await make_residents(connection, keys.vault(), 2)
    ledger = ledger_of(database)
    (at_the_desk,) = (await ledger.hold_many([hold_wish(one, world, channel="desk")])).decisions
    assert at_the_desk.code == "granted"
    assert await held(ledger, (two, world)) == ["busy"]
    await connection.execute("UPDATE rooms SET state = 'off', enforced_from = NULL WHERE room_id = $1", room.room_id)
    assert await held(ledger, (two, world)) == ["granted"]


async def test_a_reservation_does_not_move_into_a_room_without_admission(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await stage(database, connection, keys)
    elsewhere = await make_session(connection, starts_in=timedelta(days=2))
    (person,) = await make_residents(connection, keys.vault(), 1)
    assert await held(ledger_of(database), (person, elsewhere)) == ["granted"]
    move = """UPDATE claims SET window_id = $2, stock_id = $3, changed_by = 'sql', changed_from = 'sql'
              WHERE person_id = $1"""
    with pytest.raises(asyncpg.CheckViolationError, match="admission"):
        await connection.execute(move, person, room.world.window_ids[0], room.world.stock_id)
    await room.join(person)
    assert await room.tick(1) == [1]
    await connection.execute(move, person, room.world.window_ids[0], room.world.stock_id)
    state = await connection.fetchval("SELECT state FROM room_entries WHERE room_id = $1", room.room_id)
    assert state == "used"


async def test_an_entry_moves_forward_alone(database: Database, connection: asyncpg.Connection, keys: Keys) -> None:
    room = await stage(database, connection, keys)
    (person,) = await make_residents(connection, keys.vault(), 1)
    await room.join(person)
    await room.tick(1)
    for change in (
        "state = 'waiting'", "place = 7", "person_id = gen_random_uuid()", "early = true", "ticket = gen_random_uuid()",
    ):  # fmt: skip
        with pytest.raises(asyncpg.PostgresError, match="not allowed"):
            await connection.execute(f"UPDATE room_entries SET {change} WHERE room_id = $1", room.room_id)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "INSERT INTO room_entries (ticket, room_id, person_id, channel, early) VALUES ($1, $2, $3, 'h5', false)",
            uuid4(), room.room_id, person,
        )  # fmt: skip
