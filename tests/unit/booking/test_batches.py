"""Wishes that share a batch are decided as if they came one after another: a refused one stands in nobody's way."""

import asyncio
from collections import Counter as Tally
from dataclasses import replace

import asyncpg

from humiao.booking.ledger import Ledger
from humiao.booking.models import Caller
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.settings import Settings
from tests.factories import hold_wish, make_residents, make_session
from tests.unit.booking.engines import code, engine_over


async def test_a_wish_for_a_full_window_is_not_a_claim(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection, windows=2)
    await connection.execute(statement("scheduling/set_capacity"), world.window_ids[0], 0)
    (person,) = await make_residents(connection, keys.vault(), 1)
    ledger = Ledger(database, hold_ttl_ms=60_000, grace_ms=0)
    wishes = [hold_wish(person, world, window=window) for window in (0, 1)]
    batch = await ledger.hold_many(wishes)
    assert [decision.code for decision in batch.decisions] == ["window_full", "contended"]
    batch = await ledger.hold_many(wishes[1:])
    assert [decision.code for decision in batch.decisions] == ["granted"]


async def test_a_stranger_cannot_stand_in_the_way(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    person, stranger = await make_residents(connection, keys.vault(), 2)
    own = hold_wish(person, world)
    foreign = replace(hold_wish(person, world), caller=Caller(f"account:{stranger}", stranger, "h5"))
    batch = await Ledger(database, hold_ttl_ms=60_000, grace_ms=0).hold_many([foreign, own])
    assert [decision.code for decision in batch.decisions] == ["unknown_person", "granted"]


async def test_of_many_wishes_of_one_person_one_is_granted_and_none_is_left_waiting(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection, windows=6)
    for window_id in world.window_ids[:2]:
        await connection.execute(statement("scheduling/set_capacity"), window_id, 0)
    (person,) = await make_residents(connection, keys.vault(), 1)
    wishes = [hold_wish(person, world, window=window) for window in range(6)]
    async with engine_over(settings, cache=False, hold_lanes=1) as (engine, _):
        answers = await asyncio.gather(*(engine.hold(wish) for wish in wishes))
    told = Tally(code(answer) for answer in answers)
    assert told["granted"] == 1
    assert told["window_full"] + told["duplicate_claim"] == 5
