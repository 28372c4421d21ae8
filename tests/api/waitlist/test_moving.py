"""A reservation won in a campaign moves within the campaign's own windows; its dose stays, nobody jumps."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg

from humiao.kit.database import Database
from humiao.waitlist.audit import audit
from tests.api.callers import Caller
from tests.api.waitlist.conftest import answered, refused
from tests.api.waitlist.test_waiting import Newcomers, register
from tests.factories import World
from tests.waitlists import bring_doses, make_campaign, offers, one_round

RESERVATIONS = "/resident/reservations"


async def win(
    connection: asyncpg.Connection, database: Database, people: list[tuple[UUID, Caller]], doses: int, **session: Any
) -> tuple[int, int, World, list[str]]:
    """A campaign in which the first `doses` of these people have accepted, each where they were put."""
    campaign = await make_campaign(connection)
    for one in people:
        await register(one, campaign)
    release, world = await bring_doses(connection, campaign, doses, **session)
    await one_round(database, release, campaign)
    callers = dict(people)
    won = []
    for offer in await offers(connection, campaign):
        caller = callers[offer["person_id"]]
        shown = await answered(caller.get(f"/resident/offers/{offer['offer_id']}"))
        kept = next(window["window_id"] for window in shown["windows"] if window["kept"])
        await answered(caller.post(f"/resident/offers/{offer['offer_id']}/accept", {"window_id": kept}))
        won.append(str(offer["offer_id"]))
    return campaign, release, world, won


async def move(caller: Caller, claim: str, world: World, window: int) -> Any:
    body = {"window_id": world.window_ids[window], "stock_id": world.stock_id}
    return await caller.post(f"{RESERVATIONS}/{claim}/reschedule", body)


async def test_it_moves_where_there_is_room_and_keeps_its_dose(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    people = await newcomers(3)
    campaign, release, world, won = await win(connection, database, people, 2, windows=3, capacity=1)
    (_, first), (_, second), (_, third) = people
    shown = await answered(first.get(f"{RESERVATIONS}/{won[0]}"))
    assert (shown["campaign_id"], shown["can_reschedule"]) == (campaign, True)
    windows = (await answered(first.get(f"{RESERVATIONS}/{won[0]}/campaign-windows")))["items"]
    assert [(one["window_id"], one["kept"]) for one in windows] == [
        (world.window_ids[0], True), (world.window_ids[2], False),
    ]  # fmt: skip
    assert (await answered(second.get(f"{RESERVATIONS}/{won[0]}/campaign-windows")))["items"] == [], "not theirs"
    body = {"window_id": world.window_ids[2], "stock_id": world.stock_id}
    await refused(second.post(f"{RESERVATIONS}/{won[0]}/reschedule", body), "unknown_reservation")
    full = (await move(first, won[0], world, 1)).json()
    assert full["code"] in ("window_full", "channel_full")

    moved = await move(first, won[0], world, 2)
    assert (moved.status_code, moved.json()["window"]["window_id"]) == (200, world.window_ids[2]), moved.text
    assert (await move(second, won[1], world, 0)).status_code == 200, "the place that was given up"
    taking = await connection.fetchval("SELECT count(*) FROM offers WHERE release_id = $1 AND takes_dose", release)
    stock = await connection.fetchrow(
        "SELECT held, booked, free FROM session_stocks WHERE stock_id = $1", world.stock_id
    )
    assert (taking, tuple(stock)) == (2, (0, 2, 0))
    assert (await one_round(database, release, campaign)).offers == 0, "no dose came free"
    assert (await answered(third.get("/resident/entries")))["items"][0]["state"] == "waiting"
    assert (await audit(connection)).findings == ()


async def test_it_does_not_move_to_another_day_of_the_campaign(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    """A dose of another release is somebody's who waits for it: taking it would be jumping."""
    people = await newcomers(1)
    campaign, _, _, won = await win(connection, database, people, 1)
    _, elsewhere = await bring_doses(connection, campaign, 3)
    assert (await move(people[0][1], won[0], elsewhere, 0)).json()["code"] == "wrong_channel"


async def test_many_move_at_once_into_the_last_places(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    people = await newcomers(6)
    _, release, world, won = await win(connection, database, people, 6, windows=2, capacity=6)
    await connection.execute(
        "UPDATE window_quotas SET quota = 2 WHERE window_id = $1 AND channel = 'campaign'", world.window_ids[1]
    )
    answers = await asyncio.gather(
        *(move(caller, claim, world, 1) for (_, caller), claim in zip(people, won, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [409] * 4
    booked = [
        await connection.fetchval("SELECT booked FROM windows WHERE window_id = $1", window)
        for window in world.window_ids
    ]
    assert booked == [4, 2]
    assert await connection.fetchval("SELECT count(*) FROM offers WHERE release_id = $1 AND takes_dose", release) == 6
    assert (await audit(connection)).findings == ()
