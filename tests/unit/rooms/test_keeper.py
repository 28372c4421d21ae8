"""The keeper, by the record: who is numbered how, who is let in, who is passed over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao.auth.tokens import Resident
from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.lottery.models import Terms
from humiao.rooms.draw import ENTROPY_RULE, draw
from humiao.rooms.keeper import LOAD_OVER_S, QUIET_S, bits, column, is_on_after, load_after
from tests.factories import make_residents
from tests.rooms import open_room

SOON = timedelta(hours=1)


async def test_who_was_there_before_is_drawn_and_later_ones_come_as_they_came(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    opens_at = (datetime.now(UTC) + SOON).replace(microsecond=0)
    room = await open_room(database, connection, keys, opens_at=opens_at)
    people = await make_residents(connection, keys.vault(), 30)
    early, late = people[:20], people[20:]
    for person in early:
        token = await room.join(person)
        told = await room.place(person, token)
        assert (told["state"], told["place"], told["at"]) == ("early", None, opens_at)
    assert await room.tick() == [], "nobody is let in, nor numbered, before the room opens"
    assert await room.order() == []
    await room.open_now()
    for person in late:
        await room.join(person)
    await room.tick(0)
    order = await room.order()
    assert [place for place, _ in order] == list(range(1, 31))
    assert {person for _, person in order[:20]} == set(early)
    assert [person for _, person in order[20:]] == late
    # Anybody can recompute it from what is published: the secret, and the tickets.
    shown = await room.rooms.show(room.room_id)
    assert not isinstance(shown, Refusal)
    tickets = {
        str(row["ticket"]): UUID(str(row["person_id"]))
        for row in await connection.fetch(
            "SELECT ticket, person_id FROM room_entries WHERE room_id = $1 AND early", room.room_id
        )
    }
    drawn = draw(room.room_id, bytes.fromhex(shown["secret"]), sorted(tickets, reverse=True))
    assert [tickets[ticket] for ticket in drawn.tickets] == [person for _, person in order[:20]]
    assert (drawn.seed.hex(), drawn.tickets_digest.hex()) == (shown["seed"], shown["tickets_digest"])


async def test_the_commitment_is_published_with_the_room_and_fits_the_secret(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys, opens_at=datetime.now(UTC) + SOON)
    before = await room.rooms.show(room.room_id)
    assert not isinstance(before, Refusal) and before["secret"] is None and before["seed"] is None
    closes_at = before["opens_at"].astimezone(CITY_ZONE).isoformat()
    await connection.execute("UPDATE rooms SET opens_at = now() - interval '1 second' WHERE room_id = $1", room.room_id)
    await room.tick(0)
    after = await room.rooms.show(room.room_id)
    assert not isinstance(after, Refusal)
    terms = Terms(f"room:{room.room_id}", closes_at, ENTROPY_RULE)
    assert terms.commitment(bytes.fromhex(after["secret"])).hex() == before["commitment"] == after["commitment"]


async def test_people_are_let_in_at_the_rate_and_no_crowd_after_a_pause(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys, per_s=3)
    people = await make_residents(connection, keys.vault(), 20)
    for person in people:
        await room.join(person)
    await room.open_now()
    assert await room.tick(3) == [1, 2, 3]
    assert await room.tick(0) == []
    await connection.execute("UPDATE rooms SET ticked_at = now() - interval '1 hour' WHERE room_id = $1", room.room_id)
    assert await room.keeper.tick(room.room_id) == [4, 5, 6, 7, 8, 9], "what is saved up is two seconds' worth at most"
    await connection.execute("UPDATE rooms SET paused = true WHERE room_id = $1", room.room_id)
    assert await room.tick(6) == []
    await connection.execute("UPDATE rooms SET paused = false WHERE room_id = $1", room.room_id)
    await connection.execute(
        "INSERT INTO room_reports (room_id, gate_id, seen, asked, ledger_ms) VALUES ($1, $2, $3, 0, 500)",
        room.room_id, uuid4(), b"\xff" * 3,
    )  # fmt: skip
    await room.tick(0)
    shown = await room.rooms.list()
    (told,) = [item for item in shown["items"] if item["room_id"] == room.room_id]
    assert (told["rate_per_minute"], told["pace_per_minute"]) == (180, 90), "a ledger twice as slow halves the rate"


async def test_who_is_away_holds_up_nobody_and_comes_first_when_back(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys, per_s=2)
    people = await make_residents(connection, keys.vault(), 8)
    tokens = [await room.join(person) for person in people]
    await room.open_now()
    await room.tick(0)
    await room.see(3, 4, 5, 7)
    assert await room.tick(2) == [3, 4]
    assert (await room.place(people[0], tokens[0]))["state"] == "waiting", "who is away keeps the place"
    assert (await room.place(people[6], tokens[6]))["ahead"] == 1, "only those present are ahead"
    await room.see(1, 5, 7)
    assert await room.tick(2) == [1, 5]


async def test_without_reports_everybody_counts_as_present(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys, per_s=2)
    for person in await make_residents(connection, keys.vault(), 4):
        await room.join(person)
    await room.open_now()
    await room.tick(0)
    await room.see(4)
    assert await room.tick(1) == [4]
    await connection.execute(
        "UPDATE rooms SET reported_at = now() - interval '2 minutes' WHERE room_id = $1", room.room_id
    )
    assert await room.tick(2) == [1, 2]


async def test_a_person_has_one_place_whoever_asks_and_a_new_one_after_leaving(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys)
    child, mother, other, stranger = await make_residents(connection, keys.vault(), 4)
    for guardian in (mother, other):
        await connection.execute(
            "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", guardian, child
        )
    await room.open_now()
    tokens = [await room.join(child, guardian) for guardian in (mother, mother, other)]
    read = [room.tokens.read_room_ticket(token) for token in tokens]
    assert len({ticket.ticket for ticket in read if not isinstance(ticket, Refusal)}) == 1
    await room.join(stranger)
    await room.tick(0)
    assert await room.order() == [(1, child), (2, stranger)]
    unknown = await room.rooms.join(Resident(stranger, uuid4()), room.room_id, child)
    assert unknown == Refusal("unknown_person")
    left = await room.rooms.leave(Resident(other, uuid4()), room.room_id, tokens[2])
    assert not isinstance(left, Refusal)
    assert await room.place(mother, tokens[0]) == {"refused": "room_ticket_used"}
    again = await room.join(child, mother)
    await room.tick(0)
    assert (await room.place(mother, again))["place"] == 3, "who left comes back at the end"
    # A request to leave that comes late names a ticket that has ended, and ends no other.
    await room.rooms.leave(Resident(other, uuid4()), room.room_id, tokens[2])
    assert (await room.place(mother, again))["place"] == 3


async def test_an_admission_that_was_not_used_in_time_is_over(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys)
    (person,) = await make_residents(connection, keys.vault(), 1)
    token = await room.join(person)
    await room.open_now()
    assert await room.tick(1) == [1]
    assert (await room.place(person, token))["state"] == "admitted"
    await connection.execute(
        "UPDATE room_entries SET admitted_until = now() - interval '1 second' WHERE room_id = $1", room.room_id
    )
    assert await room.place(person, token) == {"refused": "room_ticket_used"}
    again = await room.join(person)
    await room.tick(0)
    assert (await room.place(person, again))["place"] == 2


async def test_a_room_of_its_own_accord_is_on_while_it_is_needed(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys, state="auto", on_above=5)
    (person,) = await make_residents(connection, keys.vault(), 1)

    async def is_on() -> bool:
        await room.tick()
        found: bool = await connection.fetchval(
            "SELECT enforced_from IS NOT NULL FROM rooms WHERE room_id = $1", room.room_id
        )
        return found

    assert not await is_on()
    refused = await room.rooms.join(Resident(person, uuid4()), room.room_id, person)
    assert refused == Refusal("room_off"), "nobody has to wait"
    await connection.execute(
        "INSERT INTO room_reports (room_id, gate_id, seen, asked) VALUES ($1, $2, '', 100)", room.room_id, uuid4()
    )
    assert await is_on()
    await room.join(person)
    await connection.execute("UPDATE rooms SET load = 0 WHERE room_id = $1", room.room_id)
    assert await is_on(), "somebody waits, or has waited a moment ago"
    assert await room.tick(1) == [1]
    await connection.execute(
        "UPDATE rooms SET load = 0, busy_at = now() - interval '1 hour' WHERE room_id = $1", room.room_id
    )
    assert not await is_on(), "nobody waits, and nobody asks"


@pytest.mark.parametrize(
    ("state", "was_on", "waiting", "load", "quiet_s", "on"),
    [
        ("on", False, 0, 0.0, 1e9, True),
        ("off", True, 9, 9e9, 0.0, False),
        ("auto", False, 0, 4.9, 0.0, False),
        ("auto", False, 0, 5.1, 0.0, True),
        ("auto", False, 1, 0.0, 0.0, True),
        ("auto", True, 0, 0.0, QUIET_S - 1, True),
        ("auto", True, 0, 0.0, QUIET_S + 1, False),
    ],
)
def test_when_a_room_is_on(state: str, was_on: bool, waiting: int, load: float, quiet_s: float, on: bool) -> None:
    assert is_on_after(state, was_on, waiting=waiting, load=load, on_above=5, quiet_s=quiet_s) is on


def test_a_steady_load_is_told_as_it_is_however_often_it_is_counted() -> None:
    for step_s in (0.1, 0.5, 2.0):
        load = 0.0
        for _ in range(int(60 / step_s)):
            load = load_after(load, round(100 * step_s), step_s)
        assert 100 * (1 - step_s / LOAD_OVER_S) <= load <= 100 * (1 + step_s / LOAD_OVER_S)


def test_places_are_bits_as_the_database_counts_them() -> None:
    assert column(bits([1, 3, 9])) == b"\x05\x01"
    assert column(bits([])) == b""


@pytest.mark.parametrize("join", ["hashjoin", "mergejoin", "nestloop"])
async def test_the_rate_holds_whatever_the_plan(
    database: Database, connection: asyncpg.Connection, keys: Keys, join: str
) -> None:
    """A join that looked anew for each row would pass over those it has let in, and let in the next as well."""
    room = await open_room(database, connection, keys)
    for person in await make_residents(connection, keys.vault(), 20):
        await room.join(person)
    await room.open_now()
    await room.tick(0)
    others = {"hashjoin", "mergejoin", "nestloop"} - {join}
    async with connection.transaction():
        for way in (*others, "material", "indexscan", "bitmapscan"):
            await connection.execute(f"SET LOCAL enable_{way} = off")
        rows = await connection.fetch(statement("rooms/admit"), room.room_id, b"\xff\xff\xff", 3, 600)
    assert sorted(row["place"] for row in rows) == [1, 2, 3]
