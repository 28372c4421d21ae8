"""Rules that meet several counters or several wishes at once, through the engine, with the cache and without it."""

import asyncio
from collections import Counter as Tally
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from humiao.booking.models import EndWish
from humiao.kit.crypto import Vault
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.settings import Settings
from tests.factories import World, hold_wish, make_residents, make_session
from tests.unit.booking.engines import cancel_wish, code, confirm_wish, engine_over, move_wish, reserved

WITH_AND_WITHOUT_CACHE = pytest.mark.parametrize("cache", [True, False], ids=["cache", "no cache"])


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return keys.vault()


async def counters(connection: asyncpg.Connection, world: World) -> dict[str, tuple[int, int, int]]:
    """(held, booked, free) by field."""
    rows = await connection.fetch(
        """SELECT 'w' || row_number() OVER (ORDER BY window_id) AS field, held, booked, free FROM windows
           WHERE session_id = $1
           UNION ALL SELECT 'q' || row_number() OVER (ORDER BY window_id), q.held, q.booked, q.free
                     FROM window_quotas q JOIN windows w USING (window_id) WHERE session_id = $1
           UNION ALL SELECT 'v', held, booked, free FROM session_stocks WHERE session_id = $1""",
        world.session_id,
    )  # fmt: skip
    return {row["field"]: (row["held"], row["booked"], row["free"]) for row in rows}


# ---- whole vials ---------------------------------------------------------------------------------------------------


@WITH_AND_WITHOUT_CACHE
async def test_near_the_day_a_begun_vial_is_filled_and_no_other_opened(
    settings: Settings, connection: asyncpg.Connection, vault: Vault, cache: bool
) -> None:
    world = await make_session(connection, capacity=20, vials=3, vial_size=4)
    people = await make_residents(connection, vault, 12)
    async with engine_over(settings, cache=cache) as (engine, _):
        first = await engine.hold(hold_wish(people[0], world))  # begins a vial of four
        now = datetime.now(UTC)
        await connection.fetchrow(statement("scheduling/set_vials"), world.stock_id, 3, now, True)
        await engine.load([world.session_id])
        rush = await asyncio.gather(*(engine.hold(hold_wish(person, world)) for person in people[1:9]))
        assert Tally(map(code, rush)) == {"granted": 3, "vial_not_opened": 5}
        assert (await counters(connection, world))["v"] == (4, 0, 8)

        # a dose given back may be taken again; a vial given back whole stays closed
        caller = hold_wish(people[0], world).caller
        release = EndWish(
            caller,
            "release",
            UUID(first["hold_id"]),
            UUID(first["hold_token"]),
            None,
            "k" * 32,
            b"r" * 32,
        )
        assert code(await engine.end(release)) == "granted"
        assert code(await engine.hold(hold_wish(people[9], world))) == "granted"
        assert code(await engine.hold(hold_wish(people[10], world))) == "vial_not_opened"


@WITH_AND_WITHOUT_CACHE
async def test_a_sealed_stock_begins_no_vial(
    settings: Settings, connection: asyncpg.Connection, vault: Vault, cache: bool
) -> None:
    seal = datetime.now(UTC) - timedelta(minutes=1)
    sealed = await make_session(connection, capacity=9, vials=3, vial_size=3, no_new_vial_from=seal)
    later = await make_session(
        connection, capacity=9, vials=3, vial_size=3, no_new_vial_from=datetime.now(UTC) + timedelta(hours=1)
    )
    one, two = await make_residents(connection, vault, 2)
    async with engine_over(settings, cache=cache) as (engine, _):
        assert code(await engine.hold(hold_wish(one, sealed))) == "vial_not_opened"
        assert code(await engine.hold(hold_wish(two, later))) == "granted"
        reservation = await confirmed_by_sql(connection, two)
        assert code(await engine.reschedule(move_wish(two, reservation, sealed))) == "vial_not_opened"
    assert (await counters(connection, sealed))["v"] == (0, 0, 9)


async def confirmed_by_sql(connection: asyncpg.Connection, person: UUID) -> str:
    """Make a person's hold a reservation by SQL; returns its id."""
    claim_id = await connection.fetchval(
        """UPDATE claims SET state = 'confirmed', confirmed_at = now(), changed_by = 'sql', changed_from = 'sql'
           WHERE person_id = $1 AND state = 'held' RETURNING claim_id""",
        person,
    )
    return str(claim_id)


# ---- moving --------------------------------------------------------------------------------------------------------


@WITH_AND_WITHOUT_CACHE
async def test_a_move_takes_the_new_place_and_returns_the_old(
    settings: Settings, connection: asyncpg.Connection, vault: Vault, cache: bool
) -> None:
    here, there = await make_session(connection, capacity=2), await make_session(connection, capacity=2)
    (person,) = await make_residents(connection, vault, 1)
    async with engine_over(settings, cache=cache) as (engine, _):
        wish = move_wish(person, await reserved(engine, person, here), there)
        moved = await engine.reschedule(wish)
        assert await engine.reschedule(wish) == moved  # the key tells
    assert (moved["window_id"], moved["stock_id"]) == (there.window_ids[0], there.stock_id)
    assert set((await counters(connection, here)).values()) == {(0, 0, 2)}
    assert set((await counters(connection, there)).values()) == {(0, 1, 1)}


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ({"capacity": 0}, "window_full"),
        ({"quota": 0}, "channel_full"),
        ({"vials": 0}, "out_of_stock"),
        ({"vaccine": "LAIV3"}, "no_such_stock"),
        ({"opens_in": timedelta(hours=1)}, "not_yet_bookable"),
        ({"starts_in": -timedelta(hours=1)}, "booking_ended"),
        ({"channels": ("desk",)}, "wrong_channel"),
    ],
)
async def test_a_move_that_cannot_be_made_changes_nothing(
    settings: Settings, connection: asyncpg.Connection, vault: Vault, kind: dict[str, object], refusal: str
) -> None:
    here = await make_session(connection, capacity=2)
    there = await make_session(connection, **kind)  # type: ignore[arg-type]
    (person,) = await make_residents(connection, vault, 1)
    async with engine_over(settings) as (engine, _):
        claim_id = await reserved(engine, person, here)
        before = await counters(connection, here), await counters(connection, there)
        assert code(await engine.reschedule(move_wish(person, claim_id, there))) == refusal
    assert (await counters(connection, here), await counters(connection, there)) == before
    row = await connection.fetchrow("SELECT state::text, window_id FROM claims WHERE claim_id = $1", UUID(claim_id))
    assert tuple(row) == ("confirmed", here.window_ids[0])


async def test_of_many_who_move_to_the_last_place_one_arrives_and_the_others_keep_theirs(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    here, there = await make_session(connection, capacity=8), await make_session(connection, capacity=1)
    people = await make_residents(connection, vault, 8)
    async with engine_over(settings) as (engine, _):
        claims = [await reserved(engine, person, here) for person in people]
        moves = [engine.reschedule(move_wish(p, c, there)) for p, c in zip(people, claims, strict=True)]
        results = await asyncio.gather(*moves)
    assert Tally(map(code, results)) == {"granted": 1, "window_full": 7}
    assert set((await counters(connection, here)).values()) == {(0, 7, 1)}
    assert set((await counters(connection, there)).values()) == {(0, 1, 0)}


async def test_two_who_trade_windows_meet_no_deadlock(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    left, right = await make_session(connection, capacity=20), await make_session(connection, capacity=20)
    people = await make_residents(connection, vault, 16)
    async with engine_over(settings) as (engine, _):
        claims = [await reserved(engine, p, left if i % 2 else right) for i, p in enumerate(people)]
        for turn in range(3):
            moves = [
                engine.reschedule(move_wish(person, claim, right if (i + turn) % 2 else left))
                for i, (person, claim) in enumerate(zip(people, claims, strict=True))
            ]
            assert Tally(map(code, await asyncio.gather(*moves))) == {"granted": 16}
    assert set((await counters(connection, left)).values()) == {(0, 8, 12)}


async def test_a_move_cut_off_is_made_whole_or_not_at_all(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    here, there = await make_session(connection, capacity=1), await make_session(connection, capacity=1)
    (person,) = await make_residents(connection, vault, 1)
    async with engine_over(settings, patience_s=0.0) as (engine, database):
        wish = move_wish(person, await reserved(engine, person, here), there)
        database.deaf = 1
        assert code(await engine.reschedule(wish)) == "outcome_unknown"
        assert (await engine.reschedule(wish))["window_id"] == there.window_ids[0]
    assert set((await counters(connection, here)).values()) == {(0, 0, 1)}
    assert set((await counters(connection, there)).values()) == {(0, 1, 0)}


# ---- one key, one effect -------------------------------------------------------------------------------------------


async def test_one_key_for_two_holds_confirms_one(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    """Even when both arrive in one batch."""
    world = await make_session(connection, windows=2, capacity=2)
    mother, child = await make_residents(connection, vault, 2)
    await connection.execute(
        "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", mother, child
    )
    async with engine_over(settings) as (engine, _):
        holds = [await engine.hold(hold_wish(person, world)) for person in (mother, child)]
        wishes = [
            confirm_wish(mother, world, held, key="one-key-for-two", body=body)
            for held, body in zip(holds, (b"mother", b"child"), strict=True)
        ]
        results = await asyncio.gather(*(engine.confirm(wish) for wish in wishes))
        assert sorted(map(code, results)) == ["granted", "key_reused"]
        again = await asyncio.gather(*(engine.confirm(wish) for wish in wishes))
        assert again == results
    assert (await counters(connection, world))["w1"] == (1, 1, 0)


async def test_one_key_for_two_reservations_cancels_one(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    flu = await make_session(connection, capacity=2)
    other = await make_session(connection, capacity=2, vaccine="HepB")
    (person,) = await make_residents(connection, vault, 1)
    async with engine_over(settings) as (engine, _):
        claims = [await reserved(engine, person, world) for world in (flu, other)]
        wishes = [
            cancel_wish(person, flu, claim_id, key="one-key-for-two-ends", body=claim_id.encode()[-8:])
            for claim_id in claims
        ]
        results = await asyncio.gather(*(engine.end(wish) for wish in wishes))
        assert sorted(map(code, results)) == ["granted", "key_reused"]
        assert await asyncio.gather(*(engine.end(wish) for wish in wishes)) == results
    taken = [(await counters(connection, world))["w1"] for world in (flu, other)]
    assert sorted(taken) == [(0, 0, 2), (0, 1, 1)]


async def test_a_click_heard_twice_in_one_batch_gets_one_answer_twice(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=2)
    (person,) = await make_residents(connection, vault, 1)
    async with engine_over(settings) as (engine, _):
        held = await engine.hold(hold_wish(person, world))
        confirmation = confirm_wish(person, world, held)
        one, two, three = await asyncio.gather(*(engine.confirm(confirmation) for _ in range(3)))
        assert one == two == three
        assert code(one) == "granted"
        cancellation = cancel_wish(person, world, held["hold_id"])
        one, two = await asyncio.gather(engine.end(cancellation), engine.end(cancellation))
        assert one == two == {"claim_id": held["hold_id"], "state": "cancelled"}
    entries = await connection.fetch(
        "SELECT action FROM audit_entries WHERE subject = $1 ORDER BY at",
        f"claim:{held['hold_id']}",
    )
    assert [row["action"] for row in entries] == ["claim.held", "claim.confirmed", "claim.cancelled"]


async def test_one_key_in_two_processes_has_one_effect(
    settings: Settings, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, capacity=4)
    (person,) = await make_residents(connection, vault, 1)
    wish = hold_wish(person, world)
    async with engine_over(settings) as (here, _), engine_over(settings) as (there, _):
        results = await asyncio.gather(*(engine.hold(wish) for engine in (here, there, here, there)))
        answers = [result for result in results if code(result) == "granted"]
        assert answers
        assert {code(result) for result in results} <= {"granted", "in_flight"}
        assert all(answer == answers[0] for answer in answers)
        assert await there.hold(wish) == await here.hold(wish) == answers[0]
    assert (await counters(connection, world))["w1"] == (1, 0, 3)
