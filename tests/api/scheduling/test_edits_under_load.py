"""Edits while residents book: the limit follows what is taken, never falls below it, and nothing is sold twice (P6)."""

import asyncio
from collections import Counter as Tally
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.factories import World, make_residents, make_session


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> Caller:
    return Caller(client, await staff_token(connection, keys, "city_admin"))


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> list[tuple[Caller, str]]:
    people = await make_residents(connection, keys.vault(), 30)
    return [(Caller(client, await resident_token(connection, keys, person)), str(person)) for person in people]


async def hold(booker: tuple[Caller, str], world: World) -> httpx.Response:
    caller, person = booker
    return await caller.hold_place(person, world.window_ids[0], world.stock_id)


def edits_of(world: World) -> dict[str, tuple[str, str]]:
    """(path, member) of the three limits of a world."""
    window = f"/clinic/windows/{world.window_ids[0]}"
    return {
        "capacity": (window, "capacity"),
        "quota": (f"{window}/quotas/h5", "quota"),
        "vials": (f"/clinic/stocks/{world.stock_id}", "vials"),
    }


@pytest.mark.parametrize("limit", ["capacity", "quota", "vials"])
async def test_a_limit_edited_in_the_rush_is_kept_and_told_truly(
    clerk: Caller, crowd: list[tuple[Caller, str]], connection: asyncpg.Connection, limit: str
) -> None:
    world = await make_session(connection, capacity=50)
    path, member = edits_of(world)[limit]

    async def edit(wanted: int) -> dict[str, Any]:
        answer = await clerk.patch(path, {member: wanted, "reason": "调整"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()) | {"wanted": wanted}

    first = await edit(12)
    assert (first["limit"], first["free"]) == (12, 12)
    rush = [asyncio.create_task(hold(booker, world)) for booker in crowd]
    edits = [await edit(wanted) for wanted in (20, 3, 18, 0, 15)]
    answers = await asyncio.gather(*rush)

    for told in edits:
        assert told["limit"] == max(told["wanted"], told["held"] + told["booked"])
        assert told["kept_back"] == told["limit"] - told["wanted"]
        assert told["free"] == told["limit"] - told["held"] - told["booked"]
    tally = Tally(answer.status_code for answer in answers)
    assert set(tally) <= {201, 409}
    last = await edit(0)
    assert (last["limit"], last["held"], last["free"]) == (tally[201], tally[201], 0)
    assert tally[201] <= 20


async def test_places_added_are_sold_to_the_last_and_no_further(
    clerk: Caller, crowd: list[tuple[Caller, str]], connection: asyncpg.Connection
) -> None:
    world = await make_session(connection, capacity=5)
    before = await asyncio.gather(*(hold(booker, world) for booker in crowd))
    assert Tally(answer.status_code for answer in before) == {201: 5, 409: 25}
    for path, member in edits_of(world).values():
        assert (await clerk.patch(path, {member: 9, "reason": "加号"})).json()["free"] == 4
    left = [booker for booker, answer in zip(crowd, before, strict=True) if answer.status_code == 409]
    after = await asyncio.gather(*(hold(booker, world) for booker in left))
    assert Tally(answer.status_code for answer in after) == {201: 4, 409: 21}
    row = await connection.fetchrow(
        "SELECT capacity, held, free FROM windows WHERE window_id = $1", world.window_ids[0]
    )
    assert tuple(row) == (9, 9, 0)


async def test_a_channel_is_opened_where_the_window_had_none(
    clerk: Caller, crowd: list[tuple[Caller, str]], connection: asyncpg.Connection
) -> None:
    world = await make_session(connection, capacity=3, channels=("desk",))
    assert (await hold(crowd[0], world)).json()["code"] == "wrong_channel"
    path, member = edits_of(world)["quota"]
    opened = (await clerk.patch(path, {member: 1, "reason": "开放网上预约"})).json()
    assert opened == {"limit": 1, "held": 0, "booked": 0, "free": 1, "kept_back": 0, "version": 1}
    assert (await hold(crowd[0], world)).status_code == 201
    assert (await hold(crowd[1], world)).json()["code"] == "channel_full"


async def test_what_was_kept_back_for_a_reservation_comes_free_with_its_cancellation(
    clerk: Caller, crowd: list[tuple[Caller, str]], connection: asyncpg.Connection
) -> None:
    world = await make_session(connection, capacity=2)
    me, _ = crowd[0]
    held = (await hold(crowd[0], world)).json()
    await me.post(f"/resident/holds/{held['hold_id']}/confirm", {"hold_token": held["hold_token"]})
    path, member = edits_of(world)["capacity"]
    kept = (await clerk.patch(path, {member: 0, "reason": "停诊"})).json()
    assert (kept["limit"], kept["booked"], kept["kept_back"]) == (1, 1, 1)
    assert (await me.post(f"/resident/reservations/{held['hold_id']}/cancel", {})).status_code == 200
    # the place comes back, and a clerk who wants it gone asks again
    assert (await clerk.patch(path, {member: 0, "reason": "停诊"})).json() == kept | {
        "limit": 0, "booked": 0, "free": 0, "kept_back": 0, "version": kept["version"] + 2,
    }  # fmt: skip
    assert (await hold(crowd[1], world)).json()["code"] == "window_full"
