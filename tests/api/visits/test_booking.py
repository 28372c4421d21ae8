"""Booking at the desk or by the hotline: the rules, the limits, the room and the counters are those of everybody."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import httpx

from humiao.kit.keys import Keys
from tests.api.callers import Caller, staff_token
from tests.api.rooms.conftest import OpenRoom, new_room
from tests.api.rooms.test_desk import body as named
from tests.api.rooms.test_desk import with_document
from tests.factories import World, make_clinic, make_residents, make_session

__all__ = ["new_room"]  # the fixture
BOOK = "/clinic/reservations"
CHANNELS = ("h5", "desk", "phone")


async def desk_of(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: int) -> Caller:
    return Caller(client, await staff_token(connection, keys, "clinic_staff", clinic))


def asked(number: str, world: World, **changes: str) -> dict[str, object]:
    where = {"window_id": world.window_ids[0], "stock_id": world.stock_id}
    return named(number) | {"channel": "desk", "quota": "desk"} | where | changes


async def somebody(connection: asyncpg.Connection, keys: Keys) -> tuple[UUID, str]:
    (person,) = await make_residents(connection, keys.vault(), 1)
    return person, await with_document(connection, keys, person)


async def test_a_reservation_of_the_desk_is_one_like_any_other(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection, channels=CHANNELS)
    desk = await desk_of(client, connection, keys, world.clinic_id)
    person, number = await somebody(connection, keys)
    key = uuid4().hex
    made = await desk.post(BOOK, asked(number, world), key=key)
    assert (made.status_code, made.json()["state"], made.json()["person"]["name_masked"]) == (201, "confirmed", "*小明")
    assert (await desk.post(BOOK, asked(number, world), key=key)).json() == made.json()
    second = await desk.post(BOOK, asked(number, world))
    assert (second.status_code, second.json()["code"]) == (409, "duplicate_claim")
    claim = UUID(made.json()["reservation_id"])
    row = await connection.fetchrow("SELECT * FROM claims WHERE claim_id = $1", claim)
    assert (row["person_id"], row["account_id"], row["channel"], row["changed_from"]) == (person, None, "desk", "desk")
    trail = await connection.fetch(
        "SELECT action, actor, detail::text FROM audit_entries WHERE subject = $1 ORDER BY at, seq, n", f"claim:{claim}"
    )
    assert [entry["action"] for entry in trail] == ["claim.held", "claim.confirmed"]
    assert {entry["actor"].split(":")[0] for entry in trail} == {"staff"}
    kept = await connection.fetch("SELECT answer::text FROM idempotency_keys WHERE key = $1", key)
    assert number not in str(trail) + str(kept)


async def test_who_may_and_for_whom(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> None:
    world = await make_session(connection, channels=CHANNELS)
    _, number = await somebody(connection, keys)
    elsewhere = await desk_of(client, connection, keys, await make_clinic(connection))
    refused = await elsewhere.post(BOOK, asked(number, world))
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_window")
    desk = await desk_of(client, connection, keys, world.clinic_id)
    another = await desk.post(BOOK, asked(number, world, name="李小红"))
    assert (another.status_code, another.json()["code"]) == (404, "unknown_person")


async def test_the_rules_are_asked_for_the_day(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection, channels=CHANNELS)
    person, number = await somebody(connection, keys)
    born = datetime.now(UTC).date()
    await connection.execute("UPDATE persons SET birth_date = $2 WHERE person_id = $1", person, born)
    desk = await desk_of(client, connection, keys, world.clinic_id)
    refused = await desk.post(BOOK, asked(number, world))
    assert (refused.status_code, refused.json()["code"]) == (409, "not_eligible")


async def test_who_waited_by_hotline_is_booked_by_hotline_when_let_in(
    client: httpx.AsyncClient, new_room: OpenRoom, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await new_room(per_s=1)
    await room.open_now()
    _, number = await somebody(connection, keys)
    desk = await desk_of(client, connection, keys, room.world.clinic_id)
    wish = asked(number, room.world, channel="phone", quota="h5")
    before = await desk.post(BOOK, wish)
    assert (before.status_code, before.json()["code"]) == (409, "room_needed")
    entries = f"/clinic/rooms/{room.room_id}/entries"
    await desk.post(entries, named(number))
    waits = await desk.post(BOOK, wish)
    assert (waits.status_code, waits.json()["code"]) == (409, "room_not_yet")
    await room.tick(0)
    assert await room.tick(2) == [1]
    made = await desk.post(BOOK, wish)
    assert (made.status_code, made.json()["state"]) == (201, "confirmed"), made.text
    state = await connection.fetchval("SELECT state FROM room_entries WHERE room_id = $1", room.room_id)
    assert state == "used"


async def test_many_desks_and_the_last_place(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection, channels=CHANNELS, capacity=3)
    desk = await desk_of(client, connection, keys, world.clinic_id)
    numbers = [(await somebody(connection, keys))[1] for _ in range(8)]
    answers = await asyncio.gather(*(desk.post(BOOK, asked(number, world)) for number in numbers))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
