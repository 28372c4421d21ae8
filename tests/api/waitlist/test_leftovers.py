"""Doses left at the day's end: for those who are willing, the nearest first; an offer that lapses costs no place."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.waitlist.audit import audit
from tests.api.callers import Caller, staff_token
from tests.api.waitlist.conftest import answered, refused
from tests.api.waitlist.test_waiting import Newcomers, register
from tests.factories import World, age_hold, make_residents, make_session
from tests.waitlists import VACCINE, make_campaign, one_round, states

HERE, NEAR, FAR = "310104", "310105", "310151"  # 徐汇, where the clinics of tests are; 长宁; 崇明


async def over(connection: asyncpg.Connection, doses: int) -> World:
    """A session of today that takes no more bookings."""
    world = await make_session(connection, capacity=doses, vaccine=VACCINE)
    await connection.execute(
        """UPDATE windows SET starts_at = now() - interval '2 hours', bookable_until = now() - interval '2 hours',
                              ends_at = now() - interval '1 hour' WHERE session_id = $1""",
        world.session_id,
    )
    await connection.execute(
        "UPDATE clinic_sessions SET session_date = (now() AT TIME ZONE 'Asia/Shanghai')::date WHERE session_id = $1",
        world.session_id,
    )
    return world


async def claimed(connection: asyncpg.Connection, keys: Keys, world: World, *states_: str) -> UUID:
    """A claim that went through these states."""
    (person,) = await make_residents(connection, keys.vault(), 1)
    claim: UUID = await connection.fetchval(
        """INSERT INTO claims (claim_id, hold_token, person_id, window_id, channel, stock_id, held_at, held_until,
                               changed_by, changed_from)
           VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, 'h5', $3, now(), now() + interval '1 hour',
                   'sql', 'sql') RETURNING claim_id""",
        person, world.window_ids[0], world.stock_id,
    )  # fmt: skip
    for state in states_:
        await connection.execute(
            """UPDATE claims SET state = $2::text::claim_state,
                   ended_at = CASE WHEN $2 IN ('fulfilled', 'no_show') THEN now() END WHERE claim_id = $1""",
            claim, state,
        )  # fmt: skip
    return claim


async def desk_of(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, world: World) -> Caller:
    return Caller(client, await staff_token(connection, keys, "clinic_staff", world.clinic_id))


async def ends_in(connection: asyncpg.Connection, world: World, span: timedelta) -> None:
    """Drive the clock: the windows of a session end so much from now."""
    await connection.execute(
        "UPDATE windows SET ends_at = now() + $2::interval WHERE session_id = $1", world.session_id, span
    )


def left(world: World, doses: int, until: datetime, **more: Any) -> dict[str, Any]:
    return {"stock_id": world.stock_id, "doses": doses, "until": until.isoformat()} | more


async def willing(who: tuple[UUID, Caller], entry: Any, district: str | None) -> Any:
    _, caller = who
    return await answered(caller.send("PUT", f"/resident/entries/{entry['entry_id']}/standby", {"district": district}))


@pytest.fixture
def until() -> datetime:
    """Until when people may come."""
    return datetime.now(UTC) + timedelta(hours=3)


async def test_the_nearest_who_are_willing_are_asked_in_turn_and_lose_no_place(
    client: httpx.AsyncClient,
    connection: asyncpg.Connection,
    database: Database,
    keys: Keys,
    newcomers: Newcomers,
    until: datetime,
) -> None:
    campaign = await make_campaign(connection)
    people = await newcomers(5)
    entries = [await register(one, campaign) for one in people]
    first, far, near, here, here_later = people
    for one, entry, district in zip(people[1:], entries[1:], (FAR, NEAR, HERE, HERE), strict=True):
        assert (await willing(one, entry, district))["standby_district"] == district
    world = await over(connection, 3)
    for went in (("confirmed", "checked_in", "fulfilled"), ("confirmed", "no_show")):
        await claimed(connection, keys, world, *went)
    desk = await desk_of(client, connection, keys, world)
    path = f"/clinic/campaigns/{campaign}/leftovers"
    told = await refused(desk.post(path, left(world, 3, until)), "invalid_input")
    assert "最多余 2 剂" in told["errors"][0]["message"], "one was given, one was missed, one was never booked"
    key = f"left-{campaign}-of-today"
    made = [await answered(desk.post(path, left(world, 2, until), key=key), 201) for _ in range(2)]
    assert made[0] == made[1] and (made[0]["leftover"], made[0]["doses"], made[0]["free"]) == (True, 2, 2)
    await refused(desk.post(path, left(world, 1, until)), "invalid_input")

    async def asked() -> list[UUID]:
        await one_round(database, made[0]["release_id"], campaign)
        rows = await connection.fetch(
            """SELECT o.offer_id, e.person_id FROM offers o JOIN waitlist_entries e USING (entry_id)
               WHERE o.release_id = $1 AND o.state = 'open' ORDER BY o.made_at, e.place""",
            made[0]["release_id"],
        )
        return [row["person_id"] for row in rows]

    assert await asked() == [here[0], here_later[0]], "the nearest, in the order of the campaign"
    offers = [(await answered(one[1].get(f"/resident/entries/{entries[at]['entry_id']}")))["offer"]
              for one, at in ((here, 3), (here_later, 4))]  # fmt: skip
    await answered(here[1].post(f"/resident/offers/{offers[0]['offer_id']}/decline", None))
    again = await answered(here[1].get(f"/resident/entries/{entries[3]['entry_id']}"))
    assert (again["state"], again["rank"]["ahead"], again["offer"]) == ("waiting", 3, None), "no place is lost"
    assert await asked() == [here_later[0], near[0]]
    await age_hold(connection, offers[1]["offer_id"], past_deadline=timedelta(minutes=5))
    await connection.execute(
        """UPDATE claims SET state = 'expired', ended_at = now(), changed_by = 'worker', changed_from = 'worker'
           WHERE claim_id = $1""",
        UUID(offers[1]["offer_id"]),
    )
    assert await asked() == [near[0], far[0]], "whoever did not answer is not asked again"
    told = await answered(here_later[1].get(f"/resident/entries/{entries[4]['entry_id']}"))
    assert told["state"] == "waiting" and "余苗" in told["skips"][0]["why"]
    assert await states(connection, campaign) == ["waiting", "offered", "offered", "waiting", "waiting"]
    assert (await answered(first[1].get(f"/resident/entries/{entries[0]['entry_id']}")))["rank"]["ahead"] == 0

    mine = (await answered(near[1].get(f"/resident/entries/{entries[2]['entry_id']}")))["offer"]
    shown = await answered(near[1].get(f"/resident/offers/{mine['offer_id']}"))
    taken = {"window_id": shown["windows"][0]["window_id"]}
    assert (await answered(near[1].post(f"/resident/offers/{mine['offer_id']}/accept", taken)))["state"] == "accepted"
    assert (await answered(desk.post(f"/clinic/reservations/{mine['offer_id']}/check-in", {})))["state"] == "checked_in"
    assert (await audit(connection)).findings == ()


async def test_the_audit_sees_who_was_passed_over(
    client: httpx.AsyncClient,
    connection: asyncpg.Connection,
    database: Database,
    keys: Keys,
    newcomers: Newcomers,
    until: datetime,
) -> None:
    """The control: a round that asks the farther one first is refused by the schema, and past its guard it is found."""
    campaign = await make_campaign(connection)
    near, far = await newcomers(2)
    for one, district in ((near, HERE), (far, FAR)):
        await willing(one, await register(one, campaign), district)
    world = await over(connection, 1)
    desk = await desk_of(client, connection, keys, world)
    made = await answered(desk.post(f"/clinic/campaigns/{campaign}/leftovers", left(world, 1, until)), 201)

    async def backwards(guard: str) -> None:
        async with database.transaction() as wrong:
            await wrong.execute(f"ALTER TABLE offers {guard} TRIGGER offers_made")
            window = await wrong.fetchval(
                """SELECT w.window_id FROM windows w JOIN campaign_releases r USING (session_id)
                   WHERE r.release_id = $1""",
                made["release_id"],
            )
            round_id = await wrong.fetchval(statement("waitlist/begin_round"), made["release_id"])
            entry = await wrong.fetchval("SELECT entry_id FROM waitlist_entries WHERE person_id = $1", far[0])
            await wrong.fetch(statement("waitlist/mark_offered"), [entry])
            offer = await wrong.fetchval("SELECT gen_random_uuid()")
            await wrong.execute(
                statement("waitlist/hold_for_offers"), [offer], [offer], [far[0]], [far[0]], [window],
                made["stock_id"], 15,
            )  # fmt: skip
            await wrong.execute(statement("waitlist/add_offers"), round_id, made["release_id"], [offer], [entry])
            await wrong.execute("ALTER TABLE offers ENABLE TRIGGER offers_made")
            if guard == "DISABLE":
                found = await audit_inside(wrong)
                assert [row["passed_over"] for row in found] == [
                    await wrong.fetchval("SELECT entry_id FROM waitlist_entries WHERE person_id = $1", near[0])
                ]
                raise _Undone

    with pytest.raises(asyncpg.PostgresError, match="nearer or earlier"):
        await backwards("ENABLE")
    with pytest.raises(_Undone):
        await backwards("DISABLE")


class _Undone(Exception):
    """What was tried is rolled back."""


async def audit_inside(connection: Any) -> list[Any]:
    return list(await connection.fetch(statement("waitlist/audit_standby")))


async def test_what_is_told_at_once_is_never_more_than_what_is_left(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, until: datetime
) -> None:
    """Two campaigns for one stock: the stock's lock, not a campaign's, keeps them apart."""
    campaigns = [await make_campaign(connection) for _ in range(2)]
    world = await over(connection, 5)
    desk = await desk_of(client, connection, keys, world)
    answers = await asyncio.gather(
        *(desk.post(f"/clinic/campaigns/{campaigns[n % 2]}/leftovers", left(world, 1, until)) for n in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 5


async def test_without_the_stocks_lock_more_are_told_than_are_left(
    database: Database, connection: asyncpg.Connection
) -> None:
    """The control: both look before either has told."""
    world, looked = await over(connection, 1), asyncio.Barrier(2)
    said = []

    async def tell() -> None:
        async with database.transaction() as unguarded:
            stock = await unguarded.fetchrow(statement("waitlist/leftover_stock"), world.stock_id)
            await looked.wait()
            said.append(stock["doses"] - stock["needed"] - stock["told"])

    await asyncio.gather(tell(), tell())
    assert said == [1, 1]


async def test_what_is_due_held_or_bookable_is_not_left(
    app: FastAPI, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, until: datetime
) -> None:
    campaign, world = await make_campaign(connection), await over(connection, 4)
    desk = await desk_of(client, connection, keys, world)
    path = f"/clinic/campaigns/{campaign}/leftovers"
    await claimed(connection, keys, world)
    came = await claimed(connection, keys, world, "confirmed", "checked_in")
    await claimed(connection, keys, world, "confirmed")
    body = left(world, 3, until)
    told = await refused(desk.post(path, body), "invalid_input")
    assert "最多余 2 剂" in told["errors"][0]["message"], "one is held, one is in the clinic, one did not come"
    await ends_in(connection, world, timedelta(minutes=1))
    told = await refused(desk.post(path, body), "invalid_input")
    assert "最多余 1 剂" in told["errors"][0]["message"], "the window is not over"
    await ends_in(connection, world, timedelta(minutes=-1))
    await connection.execute("INSERT INTO visits (claim_id, checked_in_by) VALUES ($1, 'sql')", came)
    await answered(desk.post(f"/clinic/reservations/{came}/outcome", {"outcome": "not_given", "reason": "发热"}))
    told = await refused(desk.post(path, left(world, 4, until)), "invalid_input")
    assert "最多余 3 剂" in told["errors"][0]["message"], "one came and got no dose"

    soon = datetime.now(UTC) + timedelta(minutes=10)
    assert (await refused(desk.post(path, left(world, 1, soon)), "invalid_input"))["errors"][0]["field"] == "until"
    tomorrow = datetime.now(UTC) + timedelta(hours=13)
    assert (await refused(desk.post(path, left(world, 1, tomorrow)), "invalid_input"))["errors"][0]["field"] == "until"
    later = await make_session(connection, vaccine=VACCINE, clinic_id=world.clinic_id)
    await refused(desk.post(path, left(later, 1, until)), "leftover_not_today")
    await connection.execute(
        "UPDATE clinic_sessions SET session_date = (now() AT TIME ZONE 'Asia/Shanghai')::date WHERE session_id = $1",
        later.session_id,
    )
    await refused(desk.post(path, left(later, 1, until)), "still_bookable")
