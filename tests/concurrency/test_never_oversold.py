"""P1, P3, P7 under a race, through the real engine, Valkey and PostgreSQL, and with the cache lying."""

import asyncio
from collections import Counter as Tally
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from humiao.booking.engine import BookingEngine
from humiao.booking.models import ConfirmWish, EndWish
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from tests.concurrency.conftest import LyingGatekeeper, Road
from tests.factories import hold_wish, make_residents, make_session

AUDIT = """
SELECT (SELECT count(*) FROM windows WHERE held + booked > capacity) AS oversold,
       (SELECT count(*) FROM windows w WHERE (held::bigint, booked::bigint) IS DISTINCT FROM
           (SELECT (count(*) FILTER (WHERE counts_as_held(state)), count(*) FILTER (WHERE counts_as_booked(state)))
            FROM claims c WHERE c.window_id = w.window_id)) AS drifted,
       (SELECT count(*) FROM (SELECT FROM live_claims GROUP BY person_id, series HAVING count(*) > 1) d) AS doubled,
       (SELECT count(*) FROM claims c WHERE is_live(state) AND NOT EXISTS
           (SELECT FROM live_claims l WHERE l.claim_id = c.claim_id)) AS unguarded
"""


def codes(results: list[Any]) -> Tally[str]:
    return Tally(r.code if isinstance(r, Refusal) else "granted" for r in results)


async def assert_sound(connection: asyncpg.Connection) -> None:
    row = await connection.fetchrow(AUDIT)
    assert dict(row) == {"oversold": 0, "drifted": 0, "doubled": 0, "unguarded": 0}


async def test_exactly_as_many_as_there_are_places(road: Road, connection: asyncpg.Connection, vault: Vault) -> None:
    world = await make_session(connection, capacity=50)
    people = await make_residents(connection, vault, 400)
    results = await asyncio.gather(*(road.engine.hold(hold_wish(p, world)) for p in people))
    assert codes(results) == {"granted": 50, "window_full": 350}
    await assert_sound(connection)


async def test_the_smallest_of_the_three_counters_decides(
    road: Road, connection: asyncpg.Connection, vault: Vault
) -> None:
    narrow_quota = await make_session(connection, capacity=20, quota=5)
    narrow_stock = await make_session(connection, capacity=20, vials=3, vial_size=2)
    people = await make_residents(connection, vault, 60)
    by_quota = await asyncio.gather(*(road.engine.hold(hold_wish(p, narrow_quota)) for p in people[:30]))
    by_stock = await asyncio.gather(*(road.engine.hold(hold_wish(p, narrow_stock)) for p in people[30:]))
    assert codes(by_quota) == {"granted": 5, "channel_full": 25}
    assert codes(by_stock) == {"granted": 6, "out_of_stock": 24}
    await assert_sound(connection)


async def test_one_person_on_many_devices_gets_one_place(
    road: Road, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, windows=10, capacity=10)
    (person,) = await make_residents(connection, vault, 1)
    wishes = [hold_wish(person, world, window=i % 10) for i in range(40)]
    results = await asyncio.gather(*(road.engine.hold(w) for w in wishes))
    tally = codes(results)
    assert tally["granted"] == 1
    assert set(tally) <= {"granted", "duplicate_claim", "in_flight"}
    await assert_sound(connection)


async def test_a_repeated_key_has_one_effect_and_gets_the_first_answer(
    road: Road, connection: asyncpg.Connection, vault: Vault
) -> None:
    world = await make_session(connection, windows=2, capacity=1)
    first, other = await make_residents(connection, vault, 2)
    wish = hold_wish(first, world, key="key-of-intent-1")
    answers = await asyncio.gather(*(road.engine.hold(wish) for _ in range(20)))
    again = await road.engine.hold(wish)  # sold out by now, and still the first answer
    assert all(answer == answers[0] for answer in answers)
    assert again == answers[0]
    assert codes([await road.engine.hold(hold_wish(other, world))]) == {"window_full": 1}
    changed = hold_wish(first, world, key="key-of-intent-1", body=b"another body")
    assert codes([await road.engine.hold(changed)]) == {"window_full": 1}  # no is no, whatever the key is of
    elsewhere = hold_wish(first, world, window=1, key="key-of-intent-1", body=b"another body")
    assert await road.engine.hold(elsewhere) == Refusal("key_reused")
    await assert_sound(connection)


async def test_confirm_and_release_race_for_one_hold(road: Road, connection: asyncpg.Connection, vault: Vault) -> None:
    world = await make_session(connection, capacity=30)
    people = await make_residents(connection, vault, 30)
    holds = await asyncio.gather(*(road.engine.hold(hold_wish(p, world)) for p in people))

    def confirm(person: Any, hold: Any) -> Any:
        caller = hold_wish(person, world).caller
        return road.engine.confirm(
            ConfirmWish(caller, _id(hold["hold_id"]), _id(hold["hold_token"]), uuid4().hex, b"c" * 32)
        )

    def release(person: Any, hold: Any) -> Any:
        caller = hold_wish(person, world).caller
        return road.engine.end(
            EndWish(caller, "release", _id(hold["hold_id"]), _id(hold["hold_token"]), None, uuid4().hex, b"r" * 32)
        )

    pairs = await asyncio.gather(
        *(step(p, h) for p, h in zip(people, holds, strict=True) for step in (confirm, release))
    )
    for i in range(0, len(pairs), 2):
        assert sorted(isinstance(r, Refusal) for r in pairs[i : i + 2]) == [False, True]
    row = await connection.fetchrow("SELECT held, booked, free FROM windows WHERE window_id = $1", world.window_ids[0])
    assert row["held"] == 0
    assert row["booked"] + row["free"] == 30
    await assert_sound(connection)


def _id(value: Any) -> Any:
    return UUID(str(value))


async def test_with_the_cache_lying_the_ledger_still_sells_each_place_once(
    road: Road, connection: asyncpg.Connection, vault: Vault
) -> None:
    engine = BookingEngine(road.ledger, LyingGatekeeper(), batch_max=64)  # type: ignore[arg-type]
    world = await make_session(connection, capacity=25)
    people = await make_residents(connection, vault, 300)
    results = await asyncio.gather(*(engine.hold(hold_wish(p, world)) for p in people))
    assert codes(results) == {"granted": 25, "window_full": 275}
    await assert_sound(connection)
