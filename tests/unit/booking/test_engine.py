"""The engine when something is wrong: no cache, a lost connection, a wish that spoils its batch."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from humiao.booking.models import Caller, HoldWish
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.factories import World, hold_wish, make_residents, make_session
from tests.unit.booking.engines import (
    cancel_wish,
    code,
    confirm_wish,
    engine_over,
    locked_window,
    move_wish,
    waiting_behind,
)


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return keys.vault()


async def claims_of(connection: asyncpg.Connection, world: World) -> list[str]:
    rows = await connection.fetch(
        "SELECT state::text FROM claims WHERE window_id = ANY ($1) ORDER BY held_at", world.window_ids
    )
    return [row["state"] for row in rows]


async def places(connection: asyncpg.Connection, world: World) -> list[tuple[int, int, int]]:
    """(held, booked, free) of a world's windows."""
    rows = await connection.fetch(
        "SELECT held, booked, free FROM windows WHERE window_id = ANY ($1) ORDER BY window_id", world.window_ids
    )
    return [tuple(row) for row in rows]


# ---- the cache is away ---------------------------------------------------------------------------------------------


async def test_without_the_cache_the_whole_road_is_walked(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, windows=2, capacity=3)
    people = await make_residents(connection, vault, 5)
    async with engine_over(settings, cache=False) as (engine, _):
        holds = await asyncio.gather(*(engine.hold(hold_wish(person, world)) for person in people))
        assert sorted(map(code, holds)) == ["granted"] * 3 + ["window_full"] * 2
        winner, held = next((p, h) for p, h in zip(people, holds, strict=True) if code(h) == "granted")
        assert code(await engine.confirm(confirm_wish(winner, world, held))) == "granted"
        assert code(await engine.reschedule(move_wish(winner, held["hold_id"], world, window=1))) == "granted"
        assert code(await engine.end(cancel_wish(winner, world, held["hold_id"]))) == "granted"
    assert await places(connection, world) == [(2, 0, 1), (0, 0, 3)]


async def test_without_the_cache_few_at_a_time_and_the_others_are_told_when(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=10)
    *people, later = await make_residents(connection, vault, 7)
    async with engine_over(settings, cache=False, slow_path_limit=2) as (engine, _):
        async with locked_window(settings, world):
            tasks = [asyncio.create_task(engine.hold(hold_wish(person, world))) for person in people]
            refused: list[Any] = []
            while len(refused) < 4:  # two stand at the counter, the others get their answer
                done, _waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                refused += [task.result() for task in done]
                tasks = [task for task in tasks if task not in done]
            assert len(tasks) == 2
        assert [code(result) for result in await asyncio.gather(*tasks)] == ["granted"] * 2
        assert [code(result) for result in refused] == ["busy"] * 4
        assert all(result.retry_at > datetime.now(UTC) for result in refused)
        assert code(await engine.hold(hold_wish(later, world))) == "granted"


async def test_without_the_cache_a_repeated_key_gets_the_first_answer(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=1)
    (person,) = await make_residents(connection, vault, 1)
    wish = hold_wish(person, world)
    async with engine_over(settings, cache=False) as (engine, _):
        first = await engine.hold(wish)
        assert await engine.hold(wish) == first
    async with engine_over(settings) as (another_process, _):
        assert await another_process.hold(wish) == first
    assert await claims_of(connection, world) == ["held"]


# ---- the connection is lost ----------------------------------------------------------------------------------------


async def test_a_connection_killed_before_the_commit_is_unknown_and_the_key_tells(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=1)
    (person,) = await make_residents(connection, vault, 1)
    wish = hold_wish(person, world)
    async with engine_over(settings, patience_s=0.0) as (engine, _):
        async with locked_window(settings, world) as holder:
            asked = asyncio.create_task(engine.hold(wish))
            for pid in await waiting_behind(connection, holder):
                await connection.execute("SELECT pg_terminate_backend($1)", pid)
            unknown = await asked
        assert isinstance(unknown, Refusal) and unknown.code == "outcome_unknown"
        assert unknown.retry_at and unknown.retry_at > datetime.now(UTC)
        assert await claims_of(connection, world) == []
        answer = await engine.hold(wish)
        assert code(answer) == "granted"
        assert await engine.hold(wish) == answer
    assert await claims_of(connection, world) == ["held"]


async def test_a_commit_that_was_not_heard_of_is_unknown_and_the_key_tells(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=1)
    (person,) = await make_residents(connection, vault, 1)
    wish = hold_wish(person, world)
    async with engine_over(settings, patience_s=0.0) as (engine, database):
        database.deaf = 1
        assert code(await engine.hold(wish)) == "outcome_unknown"
        held = await engine.hold(wish)
        assert (code(held), await claims_of(connection, world)) == ("granted", ["held"])

        confirmation = confirm_wish(person, world, held)
        database.deaf = 1
        assert code(await engine.confirm(confirmation)) == "outcome_unknown"
        confirmed = await engine.confirm(confirmation)
        assert (confirmed["reservation_id"], confirmed["state"]) == (held["hold_id"], "confirmed")

        cancellation = cancel_wish(person, world, held["hold_id"])
        database.deaf = 1
        assert code(await engine.end(cancellation)) == "outcome_unknown"
        assert await engine.end(cancellation) == {"claim_id": held["hold_id"], "state": "cancelled"}
    assert (await claims_of(connection, world), await places(connection, world)) == (["cancelled"], [(0, 0, 1)])


async def test_a_short_break_is_not_noticed(settings: Settings, connection: asyncpg.Connection, vault: Vault) -> None:
    world = await make_session(connection, capacity=20)
    people = await make_residents(connection, vault, 20)
    async with engine_over(settings) as (engine, database):
        database.deaf = 2
        holds = await asyncio.gather(*(engine.hold(hold_wish(person, world)) for person in people))
        assert {code(held) for held in holds} == {"granted"}
        assert len({held["hold_id"] for held in holds if not isinstance(held, Refusal)}) == 20
    assert await places(connection, world) == [(20, 0, 0)]


async def test_a_backend_killed_in_the_middle_is_not_noticed_either(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=5)
    people = await make_residents(connection, vault, 5)
    async with engine_over(settings) as (engine, _):
        async with locked_window(settings, world) as holder:
            asked = [asyncio.create_task(engine.hold(hold_wish(person, world))) for person in people]
            for pid in await waiting_behind(connection, holder):
                await connection.execute("SELECT pg_terminate_backend($1)", pid)
        assert [code(held) for held in await asyncio.gather(*asked)] == ["granted"] * 5
    assert await places(connection, world) == [(5, 0, 0)]


# ---- a wish that spoils its batch ----------------------------------------------------------------------------------


def poisoned(wish: HoldWish, kind: str) -> HoldWish:
    """A wish that no schema would take, as a mistaken caller inside the house might make it."""
    caller, key, channel = wish.caller, wish.key, wish.channel
    if kind == "key too short":
        key = "short"
    elif kind == "NUL in its channel":
        channel = "h5\0"
    elif kind == "NUL in its actor":
        caller = Caller("account:\0", caller.account_id, caller.source)
    elif kind == "stock beyond 64 bits":
        return HoldWish(caller, wish.person_id, wish.window_id, channel, 2**70, key, wish.body_hash)
    return HoldWish(caller, wish.person_id, wish.window_id, channel, wish.stock_id, key, wish.body_hash)


@pytest.mark.parametrize("kind", ["key too short", "NUL in its channel", "NUL in its actor", "stock beyond 64 bits"])
async def test_one_bad_wish_does_not_spoil_its_batch(
    settings: Settings, connection: asyncpg.Connection, vault: Vault, kind: str
) -> None:
    world = await make_session(connection, capacity=20)
    people = await make_residents(connection, vault, 9)
    wishes = [hold_wish(person, world) for person in people]
    wishes[4] = poisoned(wishes[4], kind)
    async with engine_over(settings) as (engine, _):
        batch = await engine._ledger.hold_many(wishes)
    assert [decision.code for decision in batch.decisions] == ["granted"] * 4 + ["busy"] + ["granted"] * 4
    assert await places(connection, world) == [(8, 0, 12)]
