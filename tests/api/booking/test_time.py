"""Booking over HTTP and the clock: a hold that runs out, answers given late, a window that has begun."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import httpx
import pytest_asyncio
from fastapi import FastAPI

from humiao.booking.engine import BookingEngine
from humiao.kit.keys import Keys
from humiao.worker.tasks import expire_holds
from tests.api.booking.test_booking import HOLDS, RESERVATIONS, Booker, places
from tests.api.callers import resident_token
from tests.factories import World, age_hold, make_residents, make_session


@pytest_asyncio.fixture(loop_scope="session")
async def bookers(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> AsyncIterator[list[Booker]]:
    people = await make_residents(connection, keys.vault(), 2)
    yield [Booker(client, await resident_token(connection, keys, person), person) for person in people]


async def worker_comes_by(app: FastAPI) -> None:
    engine: BookingEngine = app.state.services.scheduling._engine
    await expire_holds(engine._ledger, engine._gatekeeper)


async def begin(connection: asyncpg.Connection, world: World) -> None:
    await connection.execute(
        "UPDATE windows SET starts_at = now() - interval '1 second' WHERE window_id = $1", world.window_ids[0]
    )


async def test_a_hold_that_ran_out_is_shown_so_and_its_place_is_anothers(
    app: FastAPI, bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me, other = bookers
    world = await make_session(connection, capacity=1)
    hold = (await me.hold(world)).json()
    assert (await other.hold(world)).json()["code"] == "window_full"

    await age_hold(connection, hold["hold_id"], past_deadline=timedelta(minutes=1))
    late = await me.confirm(hold)  # before any worker came by
    assert (late.status_code, late.json()["code"]) == (409, "hold_expired")
    await worker_comes_by(app)
    shown = (await me.get(f"{HOLDS}/{hold['hold_id']}")).json()
    assert (shown["state"], shown["state_label"]) == ("expired", "占号已过期")
    assert shown["hold_token"] is None and shown["held_until"] is None and not shown["can_cancel"]
    assert (await me.confirm(hold)).json()["code"] == "hold_expired"
    released = await me.post(f"{HOLDS}/{hold['hold_id']}/release", {"hold_token": hold["hold_token"]})
    assert released.json()["code"] == "hold_ended"

    assert (await other.hold(world)).status_code == 201
    assert await places(connection, world) == (1, 0, 0)
    ended = (await me.get(RESERVATIONS, state="ended")).json()["items"]
    assert [item["reservation_id"] for item in ended] == [hold["hold_id"]]


async def test_a_hold_asked_for_again_after_it_ran_out_gets_its_first_answer_and_a_new_key_a_new_hold(
    app: FastAPI, bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me = bookers[0]
    world, key = await make_session(connection, capacity=1), uuid4().hex
    hold = (await me.hold(world, key=key)).json()
    await age_hold(connection, hold["hold_id"], past_deadline=timedelta(minutes=1))
    await worker_comes_by(app)
    assert (await me.hold(world, key=key)).json() == hold
    assert await places(connection, world) == (0, 0, 1)
    fresh = (await me.hold(world)).json()
    assert fresh["hold_id"] != hold["hold_id"]
    assert await places(connection, world) == (1, 0, 0)


async def test_a_late_repeat_is_answered_although_the_place_is_long_gone(
    bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me, other = bookers
    world, key = await make_session(connection, capacity=1), uuid4().hex
    hold = (await me.hold(world, key=key)).json()
    await me.post(f"{HOLDS}/{hold['hold_id']}/release", {"hold_token": hold["hold_token"]})
    await other.reserve(world)
    repeated = await me.hold(world, key=key)
    assert (repeated.status_code, repeated.json()) == (201, hold)
    assert await places(connection, world) == (0, 1, 0)


async def test_a_late_repeat_of_a_confirmation_tells_what_became_of_it_and_confirms_nothing(
    bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me = bookers[0]
    world, key = await make_session(connection, capacity=1), uuid4().hex
    hold = (await me.hold(world)).json()
    assert (await me.confirm(hold, key)).json()["state"] == "confirmed"
    await me.cancel(hold["hold_id"])
    repeated = await me.confirm(hold, key)
    assert (repeated.status_code, repeated.json()["state"]) == (200, "cancelled")
    assert await places(connection, world) == (0, 0, 1)


async def test_a_confirmation_under_another_key_is_the_same_reservation(
    bookers: list[Booker], connection: asyncpg.Connection
) -> None:
    me = bookers[0]
    world = await make_session(connection)
    hold = (await me.hold(world)).json()
    first, second = await me.confirm(hold), await me.confirm(hold)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert await places(connection, world) == (0, 1, 9)


async def test_once_it_has_begun_a_reservation_stays(bookers: list[Booker], connection: asyncpg.Connection) -> None:
    me = bookers[0]
    world = await make_session(connection, windows=2)
    reservation = await me.reserve(world)
    assert reservation["can_cancel"] and reservation["can_reschedule"]
    await begin(connection, world)
    shown = (await me.get(f"{RESERVATIONS}/{reservation['reservation_id']}")).json()
    assert not shown["can_cancel"] and not shown["can_reschedule"]
    for answer in (
        await me.cancel(reservation["reservation_id"]),
        await me.move(reservation["reservation_id"], world, 1),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "window_begun")
    assert await places(connection, world) == (0, 1, 9)


async def test_both_parents_act_for_the_child_and_one_claim_counts(
    bookers: list[Booker], connection: asyncpg.Connection, keys: Keys
) -> None:
    mother, father = bookers
    (child,) = await make_residents(connection, keys.vault(), 1)
    for parent in (mother, father):
        await connection.execute(
            "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", parent.person, child
        )
    world = await make_session(connection, windows=2)
    hold = (await mother.hold_place(child, world.window_ids[0], world.stock_id)).json()
    refused = await father.hold_place(child, world.window_ids[1], world.stock_id)
    assert refused.json()["code"] == "duplicate_claim"
    seen = (await father.get(f"{HOLDS}/{hold['hold_id']}")).json()
    assert seen["hold_token"] == hold["hold_token"]
    assert (await father.confirm(hold)).json()["state"] == "confirmed"
    assert (await mother.cancel(hold["hold_id"])).json()["state"] == "cancelled"
    for parent in (mother, father):
        ended = (await parent.get(RESERVATIONS, state="ended")).json()["items"]
        assert [item["reservation_id"] for item in ended] == [hold["hold_id"]]
