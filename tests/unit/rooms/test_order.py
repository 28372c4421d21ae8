"""Places while people come from everywhere and keepers meet: in the order of arrival, whoever commits late."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.rooms.keeper import RoomKeeper
from humiao.rooms.schemas import RoomChange
from humiao.settings import Settings
from tests.factories import make_residents
from tests.rooms import RoomStage, city_admin, open_room

JOIN = (
    "SELECT code FROM room_join_many(ARRAY[$1::bigint], ARRAY[$2::uuid], ARRAY[$2::uuid], ARRAY[$3::uuid], ARRAY['h5'])"
)


async def sequence(room: RoomStage) -> list[int]:
    """What the database counted of those who have a place, by place."""
    rows = await room.connection.fetch(
        "SELECT seq FROM room_entries WHERE room_id = $1 AND place IS NOT NULL ORDER BY place", room.room_id
    )
    return [row["seq"] for row in rows]


async def test_a_tick_waits_for_those_who_are_on_their_way(
    database: Database, connection: asyncpg.Connection, keys: Keys, settings: Settings
) -> None:
    room = await open_room(database, connection, keys)
    await room.open_now()
    slow, quick = await make_residents(connection, keys.vault(), 2)
    dawdling = await asyncpg.connect(settings.database_url)
    try:
        transaction = dawdling.transaction()
        await transaction.start()
        await dawdling.execute(JOIN, room.room_id, slow, uuid4())
        await room.join(quick)  # came later, and is committed before
        ticking = asyncio.create_task(room.keeper.tick(room.room_id))
        await _until_somebody_waits(connection)
        assert not ticking.done()
        await transaction.commit()
        await ticking
    finally:
        await dawdling.close()
    assert await room.order() == [(1, slow), (2, quick)]


async def test_without_the_lock_who_commits_late_would_be_passed_over(
    database: Database, connection: asyncpg.Connection, keys: Keys, settings: Settings
) -> None:
    """The control: the same, with the insert alone and not under the room's lock."""
    room = await open_room(database, connection, keys)
    await room.open_now()
    slow, quick = await make_residents(connection, keys.vault(), 2)
    insert = """INSERT INTO room_entries (ticket, room_id, person_id, channel, early)
                VALUES (gen_random_uuid(), $1, $2, 'h5', false)"""
    dawdling = await asyncpg.connect(settings.database_url)
    try:
        transaction = dawdling.transaction()
        await transaction.start()
        await dawdling.execute(insert, room.room_id, slow)
        await room.join(quick)
        await room.tick(0)
        await transaction.commit()
        await room.tick(0)
    finally:
        await dawdling.close()
    assert await room.order() == [(1, quick), (2, slow)], "first come, second served"


async def test_a_change_waits_for_the_tick_that_is_under_way(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    """A tick writes what it had read: a room that is switched off meanwhile would ask for admission again."""
    read, may_go_on = asyncio.Event(), asyncio.Event()

    class Dawdling(RoomKeeper):
        async def _number(self, *tick: Any) -> None:
            read.set()
            await may_go_on.wait()
            await super()._number(*tick)

    room = await open_room(database, connection, keys)
    await room.open_now()
    ticking = asyncio.create_task(Dawdling(database, keys.vault()).tick(room.room_id))
    await read.wait()
    off = RoomChange(state="off", reason="接种结束")
    changing = asyncio.create_task(room.rooms.change(await city_admin(connection), room.room_id, off, uuid4().hex))
    await _until_somebody_waits(connection)
    may_go_on.set()
    await asyncio.gather(ticking, changing)
    row = await connection.fetchrow("SELECT state, enforced_from FROM rooms WHERE room_id = $1", room.room_id)
    assert tuple(row) == ("off", None)


async def _until_somebody_waits(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4821 AND NOT granted"
        while not await connection.fetchval(waits):  # noqa: ASYNC110 - the server tells only who asks
            await asyncio.sleep(0.01)


async def test_many_come_while_keepers_meet(database: Database, connection: asyncpg.Connection, keys: Keys) -> None:
    room = await open_room(database, connection, keys, per_s=50, opens_at=datetime.now(UTC) + timedelta(hours=1))
    people = await make_residents(connection, keys.vault(), 120)
    early, late = people[:40], people[40:]
    await asyncio.gather(*(room.join(person) for person in early))
    await room.open_now()
    await connection.execute("UPDATE rooms SET ticked_at = clock_timestamp() WHERE room_id = $1", room.room_id)
    admitted: list[int] = []
    coming = [asyncio.create_task(room.join(person)) for person in late]

    async def keep() -> None:
        while not all(task.done() for task in coming):
            admitted.extend(await room.keeper.tick(room.room_id))

    await asyncio.gather(keep(), keep(), *coming)
    admitted += await room.tick(100)
    order = await room.order()
    assert [place for place, _ in order] == list(range(1, 121))
    assert {person for _, person in order[:40]} == set(early)
    later = (await sequence(room))[40:]
    assert later == sorted(later)
    rows = await connection.fetch("SELECT admitted FROM room_ticks WHERE room_id = $1 ORDER BY tick", room.room_id)
    record = [place for row in rows for place in row["admitted"]]
    assert record == sorted(record) and sorted(admitted) == record, "everybody was present: one order, nobody twice"


async def test_joining_twice_at_once_is_one_place(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys)
    await room.open_now()
    (person,) = await make_residents(connection, keys.vault(), 1)
    tokens = await asyncio.gather(*(room.join(person) for _ in range(12)))
    read = {room.tokens.read_room_ticket(token) for token in tokens}
    assert len(read) == 1
    found: list[tuple[int, UUID]] = await room.order()
    assert found == []
    await room.tick(0)
    assert await room.order() == [(1, person)]
