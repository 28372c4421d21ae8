"""Visits over HTTP with a driven clock: checking in, the outcome, and what missing three reservations leads to."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from humiao.backoffice.audit import verify
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.visits.service import mark_no_shows
from tests.api.callers import Caller, resident_token, staff_token
from tests.factories import World, make_residents, make_session

CHECK_IN, OUTCOME = "/check-in", "/outcome"


async def book(me: Caller, person: UUID, world: World, vaccine: str = "IIV4") -> str:
    """A reservation, over HTTP."""
    held = await me.hold_place(person, world.window_ids[0], world.stock_id, vaccine=vaccine)
    assert held.status_code == 201, held.text
    hold = held.json()
    done = await me.post(f"/resident/holds/{hold['hold_id']}/confirm", {"hold_token": hold["hold_token"]})
    assert done.status_code == 200, done.text
    return str(done.json()["reservation_id"])


async def shift(connection: asyncpg.Connection, world: World, span: timedelta) -> None:
    """Drive the clock: as if a session had been published for so much earlier."""
    await connection.execute(
        """UPDATE windows SET starts_at = starts_at - $2::interval, ends_at = ends_at - $2::interval,
                              bookable_until = bookable_until - $2::interval WHERE session_id = $1""",
        world.session_id, span,
    )  # fmt: skip
    await connection.execute(
        """UPDATE clinic_sessions s
           SET session_date = ((SELECT min(starts_at) FROM windows w WHERE w.session_id = s.session_id)
                               AT TIME ZONE 'Asia/Shanghai')::date WHERE session_id = $1""",
        world.session_id,
    )


async def begins_in(connection: asyncpg.Connection, world: World, span: timedelta) -> None:
    """Drive the clock: the session's first window begins so much from now, today in the city."""
    left = await connection.fetchval(
        "SELECT min(starts_at) - now() FROM windows WHERE session_id = $1", world.session_id
    )
    await shift(connection, world, left - span)
    await connection.execute(
        "UPDATE clinic_sessions SET session_date = (now() AT TIME ZONE 'Asia/Shanghai')::date WHERE session_id = $1",
        world.session_id,
    )


async def state_of(connection: asyncpg.Connection, claim: str) -> str:
    found: str = await connection.fetchval("SELECT state::text FROM claims WHERE claim_id = $1", UUID(claim))
    return found


async def deeds(connection: asyncpg.Connection, claim: str) -> list[Any]:
    rows = await connection.fetch(
        "SELECT action, actor, reason FROM audit_entries WHERE subject = $1 ORDER BY at, seq, n", f"claim:{claim}"
    )
    return [tuple(row) for row in rows]


async def desk_of(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, world: World) -> Caller:
    return Caller(client, await staff_token(connection, keys, "clinic_staff", world.clinic_id))


async def test_from_an_hour_before_until_the_end_of_the_day(
    me: Caller, person: UUID, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    desk = await desk_of(client, connection, keys, world)
    claim = await book(me, person, world)
    path = f"/clinic/reservations/{claim}"

    await begins_in(connection, world, timedelta(minutes=61))
    early = await desk.post(path + CHECK_IN, {})
    assert (early.status_code, early.json()["code"]) == (409, "visit_too_early") and early.json()["retry_at"]
    await begins_in(connection, world, timedelta(minutes=59))
    key = "check-in-of-this-test" + claim[:8]
    first = await desk.post(path + CHECK_IN, {}, key=key)
    assert (first.status_code, first.json()["state"], first.json()["person"]["name_masked"]) == (
        200, "checked_in", "*小明",
    )  # fmt: skip
    again = [await desk.post(path + CHECK_IN, {}, key=key), await desk.post(path + CHECK_IN, {})]
    assert [answer.json() for answer in again] == [first.json()] * 2
    assert [deed for deed, _, _ in await deeds(connection, claim)].count("claim.checked_in") == 1

    cancelled = await me.post(f"/resident/reservations/{claim}/cancel", {})
    assert cancelled.json()["code"] in ("not_cancellable", "window_begun")
    given = await desk.post(path + OUTCOME, {"outcome": "given"})
    assert (given.json()["state"], given.json()["outcome"]) == ("fulfilled", "given")
    assert (await desk.post(path + OUTCOME, {"outcome": "given"})).json() == given.json()
    other = await desk.post(path + OUTCOME, {"outcome": "not_given", "reason": "发热"})
    assert (other.status_code, other.json()["code"]) == (409, "visit_ended")
    assert (await me.get(f"/resident/reservations/{claim}")).json()["state_label"] == "已接种"
    assert (await deeds(connection, claim))[-1][0] == "claim.fulfilled"
    assert (await deeds(connection, claim))[-1][1].startswith("staff:")
    assert await verify(connection)


async def test_a_dose_not_given_ends_the_visit_and_leaves_the_series_free(
    me: Caller, person: UUID, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world, later = await make_session(connection), await make_session(connection, starts_in=timedelta(days=3))
    desk = await desk_of(client, connection, keys, world)
    claim = await book(me, person, world)
    await begins_in(connection, world, timedelta(minutes=-30))
    assert (await desk.post(f"/clinic/reservations/{claim}/check-in", {})).status_code == 200
    ended = await desk.post(f"/clinic/reservations/{claim}/outcome", {"outcome": "not_given", "reason": "发热"})
    assert (ended.json()["outcome"], ended.json()["reason"]) == ("not_given", "发热")
    assert (await me.get(f"/resident/reservations/{claim}")).json()["state_label"] == "已到诊，未接种"
    await book(me, person, later)


async def test_staff_of_other_clinics_do_not_see_it(
    me: Caller, person: UUID, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world, elsewhere = await make_session(connection), await make_session(connection)
    claim = await book(me, person, world)
    await begins_in(connection, world, timedelta(0))
    for role, clinic, district in (
        ("clinic_staff", elsewhere.clinic_id, None), ("district_admin", None, "310101"),
    ):  # fmt: skip
        stranger = Caller(client, await staff_token(connection, keys, role, clinic, district=district))
        answer = await stranger.post(f"/clinic/reservations/{claim}/check-in", {})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_reservation")
    district = Caller(client, await staff_token(connection, keys, "district_admin", district="310104"))
    assert (await district.post(f"/clinic/reservations/{claim}/check-in", {})).status_code == 200


async def test_many_desks_at_once_check_in_once_and_end_one_way(
    me: Caller, person: UUID, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    desk = await desk_of(client, connection, keys, world)
    claim = await book(me, person, world)
    await begins_in(connection, world, timedelta(0))
    path = f"/clinic/reservations/{claim}"
    answers = await asyncio.gather(*(desk.post(path + CHECK_IN, {}) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    bodies = [{"outcome": "given"}, {"outcome": "not_given", "reason": "发热"}] * 6
    answers = await asyncio.gather(*(desk.post(path + OUTCOME, body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [409] * 6
    done = [deed for deed, _, _ in await deeds(connection, claim)]
    assert done.count("claim.checked_in") == done.count("claim.fulfilled") == 1


async def test_a_change_that_asks_for_no_state_meets_the_schema(connection: asyncpg.Connection, keys: Keys) -> None:
    """The control for the worker's condition: without it a cancelled reservation would be tried, and is refused."""
    world = await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    claim = await connection.fetchval(
        """INSERT INTO claims (claim_id, hold_token, person_id, window_id, channel, stock_id, held_at, held_until,
                               changed_by, changed_from)
           VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, 'h5', $3, now(), now() + interval '1 hour',
                   'sql', 'sql')
           RETURNING claim_id""",
        person, world.window_ids[0], world.stock_id,
    )  # fmt: skip
    await connection.execute("UPDATE claims SET state = 'confirmed' WHERE claim_id = $1", claim)
    await connection.execute("UPDATE claims SET state = 'cancelled', ended_at = now() WHERE claim_id = $1", claim)
    with pytest.raises(asyncpg.PostgresError, match="not allowed"):
        await connection.execute("UPDATE claims SET state = 'no_show' WHERE claim_id = $1", claim)


async def test_three_days_missed_pause_booking_and_rabies_is_exempt(
    app: FastAPI,
    me: Caller,
    person: UUID,
    client: httpx.AsyncClient,
    connection: asyncpg.Connection,
    database: Database,
    keys: Keys,
) -> None:
    gatekeeper = app.state.gatekeeper
    claims: list[str] = []
    for missed in range(3):
        world = await make_session(connection)
        claims.append(await book(me, person, world))
        assert await mark_no_shows(database, gatekeeper, at_most=500) == 0 or missed
        await shift(connection, world, timedelta(days=10 - missed))
        while await mark_no_shows(database, gatekeeper, at_most=1):
            pass
        assert [await state_of(connection, claim) for claim in claims] == ["no_show"] * len(claims)

    last = await connection.fetchval(
        """SELECT max(s.session_date) FROM claims c JOIN windows w USING (window_id)
           JOIN clinic_sessions s USING (session_id) WHERE c.person_id = $1""",
        person,
    )
    until = last + timedelta(days=30)
    refused = await me.post("/resident/passes", {"person_id": str(person), "vaccine_code": "IIV4"})
    told = refused.json()
    assert (refused.status_code, told["code"], told["rule"], told["until"]) == (409, "limited", "no_show", str(until))
    assert f"{until.month}月{until.day}日起可以再预约" in told["detail"]
    assert (await me.post("/resident/passes", {"person_id": str(person), "vaccine_code": "RabV"})).status_code == 201
    assert (await deeds(connection, claims[0]))[-1] == ("claim.no_show", "worker", "the day ended")


async def test_who_cancelled_or_came_is_no_no_show(
    app: FastAPI, client: httpx.AsyncClient, connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    world = await make_session(connection)
    people = await make_residents(connection, keys.vault(), 4)
    callers = [Caller(client, await resident_token(connection, keys, person)) for person in people]
    cancelled, came, missed, tomorrow = [
        await book(caller, person, world) for caller, person in zip(callers, people, strict=True)
    ]
    assert (await callers[0].post(f"/resident/reservations/{cancelled}/cancel", {})).status_code == 200
    other = await make_session(connection, starts_in=timedelta(days=2))
    moved = await callers[3].post(
        f"/resident/reservations/{tomorrow}/reschedule", {"window_id": other.window_ids[0], "stock_id": other.stock_id}
    )
    assert moved.status_code == 200, moved.text
    await begins_in(connection, world, timedelta(0))
    desk = await desk_of(client, connection, keys, world)
    assert (await desk.post(f"/clinic/reservations/{came}/check-in", {})).status_code == 200
    await shift(connection, world, timedelta(days=2))
    # Whoever is changing a claim just now is not waited for.
    async with database.transaction() as busy:
        await busy.fetch("SELECT FROM claims WHERE claim_id = $1 FOR NO KEY UPDATE", UUID(missed))
        await mark_no_shows(database, app.state.gatekeeper, at_most=500)
        assert await state_of(connection, missed) == "confirmed"
    late = await desk.post(f"/clinic/reservations/{missed}/check-in", {})
    assert (late.status_code, late.json()["code"]) == (409, "visit_day_over")
    await mark_no_shows(database, app.state.gatekeeper, at_most=500)
    found = [await state_of(connection, claim) for claim in (cancelled, came, missed, tomorrow)]
    assert found == ["cancelled", "checked_in", "no_show", "confirmed"]
    listed = (await desk.get(f"/clinic/windows/{world.window_ids[0]}/reservations")).json()["items"]
    assert [(one["reservation_id"], one["state"]) for one in listed] == [(came, "checked_in"), (missed, "no_show")]
    assert {one["person"]["name_masked"] for one in listed} == {"*小明"}
    assert (await desk.get(f"/clinic/windows/{other.window_ids[0]}/reservations")).json()["code"] == "unknown_window"
    taken = await connection.fetchrow("SELECT held, booked FROM windows WHERE window_id = $1", world.window_ids[0])
    assert tuple(taken) == (0, 2), "a missed place was used: the day is over"
