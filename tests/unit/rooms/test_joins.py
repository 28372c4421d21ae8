"""Joining in batches: what one by one would come to, one place for each person however many batches name them."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.rooms.joins import Joined, Joins, JoinWish, join_many
from humiao.settings import Settings
from tests.factories import make_residents
from tests.rooms import RoomStage, open_room

ONE_BY_ONE = "SELECT code, ticket FROM room_join($1, $2, $3, $4, $5)"


async def rooms_of_all_kinds(database: Database, connection: asyncpg.Connection, keys: Keys) -> list[int]:
    """On, before its opening, off, on and not enforced any more, closed, not there."""
    later = datetime.now(UTC) + timedelta(hours=1)
    stages = [await open_room(database, connection, keys) for _ in range(4)]
    stages.append(await open_room(database, connection, keys, opens_at=later))
    on, off, idle, closed, early = (stage.room_id for stage in stages)
    await stages[0].open_now()
    await connection.execute("UPDATE rooms SET state = 'off', enforced_from = NULL WHERE room_id = $1", off)
    await connection.execute("UPDATE rooms SET enforced_from = NULL WHERE room_id = $1", idle)
    await connection.execute(
        "UPDATE rooms SET state = 'closed', closed_at = now(), enforced_from = NULL WHERE room_id = $1", closed
    )
    return [on, early, off, idle, closed, 2**40]


@pytest.mark.parametrize("seed", range(6))
async def test_a_batch_says_of_each_what_one_by_one_would(
    database: Database, connection: asyncpg.Connection, keys: Keys, seed: int
) -> None:
    dice = random.Random(seed)
    model, real = [await rooms_of_all_kinds(database, connection, keys) for _ in range(2)]
    people = await make_residents(connection, keys.vault(), 6)
    await connection.execute("UPDATE accounts SET status = 'locked' WHERE account_id = $1", people[0])
    for _ in range(4):
        lots = [(dice.randrange(6), dice.choice([*people, None]), dice.choice([*people, uuid4()])) for _ in range(12)]
        wanted = [
            await connection.fetchrow(ONE_BY_ONE, model[room], account, person, uuid4(), "h5")
            for room, account, person in lots
        ]
        wishes = [JoinWish(real[room], account, person, "h5") for room, account, person in lots]
        told = await join_many(connection, wishes)
        assert [one.code for one in told] == [row["code"] for row in wanted], lots
        assert [one.ticket is None for one in told] == [row["ticket"] is None for row in wanted]
        # In both worlds somebody's admission ends unused: they are at the end when they come back.
        await connection.execute(
            """UPDATE room_entries SET state = 'admitted', place = seq, admitted_at = now(), admitted_until = now()
               WHERE state = 'waiting' AND person_id = $1 AND room_id = ANY ($2)""",
            people[5], [model[0], real[0]],
        )  # fmt: skip
    order = "SELECT person_id, state FROM room_entries WHERE room_id = $1 ORDER BY seq"
    for one, other in zip(model[:5], real[:5], strict=True):
        assert await connection.fetch(order, one) == await connection.fetch(order, other), "earlier ones come first"


async def test_one_person_one_place_however_many_batches(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys)
    await room.open_now()
    people = await make_residents(connection, keys.vault(), 60)
    apis = [Joins(database, batch_max=7) for _ in range(3)]
    wishes = [(api, person) for api in apis for person in people] * 2
    random.Random(7).shuffle(wishes)
    told = await asyncio.gather(*(api.join(JoinWish(room.room_id, person, person, "h5")) for api, person in wishes))
    places: dict[UUID, set[UUID | Refusal]] = {}
    for (_, person), ticket in zip(wishes, told, strict=True):
        places.setdefault(person, set()).add(ticket)
    assert all(len(tickets) == 1 for tickets in places.values()), "every way tells the same entry"
    entries = await connection.fetchval("SELECT count(*) FROM room_entries WHERE room_id = $1", room.room_id)
    assert entries == len(people)


async def _two_at_once(room: RoomStage, person: UUID, settings: Settings) -> list[Joined]:
    """Two batches for one person, the second while the first is not committed."""
    wish = [JoinWish(room.room_id, person, person, "h5")]
    first, second = [await asyncpg.connect(settings.database_url) for _ in range(2)]
    waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"
    try:
        transaction = first.transaction()
        await transaction.start()
        told = await join_many(first, wish)
        pid = second.get_server_pid()
        other = asyncio.create_task(join_many(second, wish))
        async with asyncio.timeout(20):
            while not (other.done() or await room.connection.fetchval(waits, pid)):  # noqa: ASYNC110 - it tells who asks
                await asyncio.sleep(0.01)
        await transaction.commit()
        return told + await other
    finally:
        await first.close()
        await second.close()


async def test_the_second_of_two_at_once_waits_and_has_the_place_of_the_first(
    database: Database, connection: asyncpg.Connection, keys: Keys, settings: Settings
) -> None:
    room = await open_room(database, connection, keys)
    await room.open_now()
    (person,) = await make_residents(connection, keys.vault(), 1)
    one, other = await _two_at_once(room, person, settings)
    assert one.ticket == other.ticket and [one.is_new, other.is_new] == [True, False]


async def test_without_the_unique_index_two_at_once_would_have_two_places(
    database: Database, connection: asyncpg.Connection, keys: Keys, settings: Settings
) -> None:
    """The control."""
    room = await open_room(database, connection, keys)
    await room.open_now()
    (person,) = await make_residents(connection, keys.vault(), 1)
    index = await connection.fetchval("SELECT pg_get_indexdef('room_entries_one_place'::regclass)")
    await connection.execute("DROP INDEX room_entries_one_place")
    try:
        await _two_at_once(room, person, settings)
        many = await connection.fetchval("SELECT count(*) FROM room_entries WHERE room_id = $1", room.room_id)
    finally:
        await connection.execute("DELETE FROM room_entries WHERE room_id = $1", room.room_id)
        await connection.execute(index)
    assert many == 2


async def test_too_many_at_once_are_told_to_come_back(database: Database) -> None:
    told = await Joins(database, waiting_max=0).join(JoinWish(1, uuid4(), uuid4(), "h5"))
    assert isinstance(told, Refusal) and told.code == "busy" and told.retry_at is not None
