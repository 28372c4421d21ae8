"""Booking over HTTP: hold, confirm, move, cancel; each change once per key; places come back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token
from tests.factories import World, make_residents, make_session

HOLDS, RESERVATIONS = "/resident/holds", "/resident/reservations"


@dataclass
class Booker(Caller):
    """A resident who books for themself."""

    person: UUID

    def __init__(self, client: httpx.AsyncClient, token: str, person: UUID) -> None:
        super().__init__(client, token)
        self.person = person

    async def hold(self, world: World, window: int = 0, key: str | None = None) -> httpx.Response:
        return await self.hold_place(self.person, world.window_ids[window], world.stock_id, key=key)

    async def confirm(self, hold: dict[str, Any], key: str | None = None) -> httpx.Response:
        return await self.post(f"{HOLDS}/{hold['hold_id']}/confirm", {"hold_token": hold["hold_token"]}, key=key)

    async def reserve(self, world: World, window: int = 0) -> dict[str, Any]:
        reservation: dict[str, Any] = (await self.confirm((await self.hold(world, window)).json())).json()
        return reservation

    async def cancel(self, reservation_id: str, key: str | None = None) -> httpx.Response:
        return await self.post(f"{RESERVATIONS}/{reservation_id}/cancel", {"reason": "临时有事"}, key=key)

    async def move(self, reservation_id: str, world: World, window: int, key: str | None = None) -> httpx.Response:
        body = {"window_id": world.window_ids[window], "stock_id": world.stock_id}
        return await self.post(f"{RESERVATIONS}/{reservation_id}/reschedule", body, key=key)


@pytest_asyncio.fixture(loop_scope="session")
async def bookers(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> AsyncIterator[list[Booker]]:
    people = await make_residents(connection, keys.vault(), 4)
    yield [Booker(client, await resident_token(connection, keys, person), person) for person in people]


async def places(connection: asyncpg.Connection, world: World, window: int = 0) -> tuple[int, int, int]:
    row = await connection.fetchrow(
        "SELECT held, booked, free FROM windows WHERE window_id = $1", world.window_ids[window]
    )
    return row["held"], row["booked"], row["free"]


async def test_hold_confirm_move_cancel(bookers: list[Booker], connection: asyncpg.Connection) -> None:
    me = bookers[0]
    world = await make_session(connection, windows=2, capacity=3)

    held = await me.hold(world)
    assert held.status_code == 201
    hold = held.json()
    assert set(hold) == {"hold_id", "hold_token", "held_until", "person_id", "window_id", "stock_id"}
    assert hold["held_until"].endswith("+08:00")
    shown = (await me.get(f"{HOLDS}/{hold['hold_id']}")).json()
    assert (shown["state"], shown["hold_token"]) == ("held", hold["hold_token"])
    assert await places(connection, world) == (1, 0, 2)

    confirmed = await me.confirm(hold)
    assert confirmed.status_code == 200
    reservation = confirmed.json()
    assert reservation["state"] == "confirmed"
    assert reservation["person"] == {"person_id": str(me.person), "name_masked": "*小明"}
    assert reservation["hold_token"] is None and reservation["can_cancel"] and reservation["can_reschedule"]
    assert await places(connection, world) == (0, 1, 2)

    moved = await me.move(reservation["reservation_id"], world, 1)
    assert moved.status_code == 200 and moved.json()["window"]["window_id"] == world.window_ids[1]
    assert await places(connection, world) == (0, 0, 3)
    assert await places(connection, world, 1) == (0, 1, 2)

    cancelled = await me.cancel(reservation["reservation_id"])
    assert cancelled.status_code == 200 and cancelled.json()["state"] == "cancelled"
    assert await places(connection, world, 1) == (0, 0, 3)
    entries = await connection.fetch(
        "SELECT action, actor FROM audit_entries WHERE subject = $1 ORDER BY at, n", f"claim:{hold['hold_id']}"
    )
    assert [row["action"] for row in entries] == [
        "claim.held", "claim.confirmed", "claim.rescheduled", "claim.cancelled",
    ]  # fmt: skip
    assert {row["actor"] for row in entries} == {f"account:{me.person}"}
    told = await connection.fetch(
        "SELECT topic FROM outbox_messages WHERE subject = $1 ORDER BY message_id", f"claim:{hold['hold_id']}"
    )
    assert [row["topic"] for row in told] == [
        "reservation.confirmed", "reservation.rescheduled", "reservation.cancelled",
    ]  # fmt: skip


async def test_every_change_repeated_under_its_key_is_had_once_and_answered_alike(
    bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me = bookers[0]
    world = await make_session(connection, windows=2, capacity=3)
    keys = [uuid4().hex for _ in range(4)]

    async def twice(act: Any) -> dict[str, Any]:
        first, *others = await asyncio.gather(*(act() for _ in range(3)))
        # Only holds are shared inside the process: a repeat of the others waits for the row and is then answered.
        answers = [first, *others, await act()]
        assert {a.status_code for a in answers} == {first.status_code}, [a.text for a in answers]
        assert all(a.json() == first.json() for a in answers)
        return dict(first.json())

    hold = await twice(lambda: me.hold(world, key=keys[0]))
    reservation = await twice(lambda: me.confirm(hold, keys[1]))
    await twice(lambda: me.move(reservation["reservation_id"], world, 1, keys[2]))
    await twice(lambda: me.cancel(reservation["reservation_id"], keys[3]))
    assert await places(connection, world) == (0, 0, 3)
    assert await places(connection, world, 1) == (0, 0, 3)
    count = await connection.fetchval(
        "SELECT count(*) FROM audit_entries WHERE subject = $1", f"claim:{hold['hold_id']}"
    )
    assert count == 4


async def test_the_last_place_goes_to_one_and_comes_back(bookers: list[Booker], connection: asyncpg.Connection) -> None:
    world = await make_session(connection, capacity=1)
    answers = await asyncio.gather(*(booker.hold(world) for booker in bookers))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"window_full"}
    winner = next(i for i, a in enumerate(answers) if a.status_code == 201)
    hold = answers[winner].json()
    released = await bookers[winner].post(f"{HOLDS}/{hold['hold_id']}/release", {"hold_token": hold["hold_token"]})
    assert released.json() == {"claim_id": hold["hold_id"], "state": "released"}
    again = await bookers[winner - 1].hold(world)
    assert again.status_code == 201
    # A late repeat of the first winner's hold still gets the first answer, though the place is another's by now.
    assert await places(connection, world) == (1, 0, 0)


async def test_another_accounts_claims_do_not_exist(bookers: list[Booker], connection: asyncpg.Connection) -> None:
    me, other = bookers[:2]
    world = await make_session(connection, windows=2)
    hold = (await me.hold(world)).json()
    for answer in (
        await other.get(f"{HOLDS}/{hold['hold_id']}"),
        await other.confirm(hold),
        await other.post(f"{HOLDS}/{hold['hold_id']}/release", {"hold_token": hold["hold_token"]}),
        await other.cancel(hold["hold_id"]),
        await other.move(hold["hold_id"], world, 1),
    ):
        assert answer.status_code == 404, answer.text
    assert hold["hold_id"] not in (await other.get(RESERVATIONS)).text
    assert (await me.confirm(hold)).status_code == 200


async def test_what_is_mine_comes_newest_first_in_pages(bookers: list[Booker], connection: asyncpg.Connection) -> None:
    me = bookers[0]
    world = await make_session(connection)
    made = []
    for _ in range(53):  # a page holds fifty
        hold = (await me.hold(world)).json()
        await me.post(f"{HOLDS}/{hold['hold_id']}/release", {"hold_token": hold["hold_token"]})
        made.append(hold["hold_id"])
    live = await me.reserve(world)
    first = (await me.get(RESERVATIONS, state="ended")).json()
    second = (await me.get(RESERVATIONS, state="ended", cursor=first["next_cursor"])).json()
    assert [item["reservation_id"] for item in first["items"] + second["items"]] == made[::-1]
    assert (len(first["items"]), second["next_cursor"]) == (50, None)
    only = (await me.get(RESERVATIONS)).json()
    assert [item["reservation_id"] for item in only["items"]] == [live["reservation_id"]]


async def test_moving_changes_vaccine_never_and_window_all_or_nothing(
    bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me, other = bookers[:2]
    full, flu, hib = (
        await make_session(connection, capacity=1),
        await make_session(connection),
        await make_session(connection, vaccine="Hib"),
    )
    await other.reserve(full)
    mine = await me.reserve(flu)
    assert (await me.move(mine["reservation_id"], full, 0)).json()["code"] == "window_full"
    assert (await me.move(mine["reservation_id"], hib, 0)).json()["code"] == "no_such_stock"
    shown = (await me.get(f"{RESERVATIONS}/{mine['reservation_id']}")).json()
    assert shown["window"]["window_id"] == flu.window_ids[0]
    assert await places(connection, flu) == (0, 1, 9)
