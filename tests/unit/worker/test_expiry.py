"""Holds end by the database's clock, each exactly once, and the cache gets the place back."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from humiao.booking.cache import Gatekeeper
from humiao.booking.models import ConfirmWish
from humiao.errors import Refusal
from humiao.worker import tasks
from humiao.worker.tasks import expire_holds
from tests.factories import World, age_hold, hold_wish, make_residents, make_session
from tests.unit.worker.conftest import GRACE_MS, Workshop

GRACE = timedelta(milliseconds=GRACE_MS)
SECOND = timedelta(seconds=1)
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


async def hold(workshop: Workshop, person: UUID, world: World) -> dict[str, Any]:
    result = await workshop.engine.hold(hold_wish(person, world))
    assert not isinstance(result, Refusal), result
    return dict(result)


async def holds_past_their_deadline(workshop: Workshop, world: World, count: int) -> list[UUID]:
    """Holds made through the ledger, each overdue with its grace."""
    people = await make_residents(workshop.connection, workshop.vault, count)
    batch = await workshop.ledger.hold_many([hold_wish(person, world) for person in people])
    claims = [UUID((decision.answer or {})["hold_id"]) for decision in batch.decisions]
    for claim_id in claims:
        await age_hold(workshop.connection, claim_id, past_deadline=GRACE + SECOND)
    return claims


async def test_a_hold_ends_after_its_deadline_and_grace_and_not_before(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=1)
    (person,) = await make_residents(workshop.connection, workshop.vault, 1)
    claim_id = (await hold(workshop, person, world))["hold_id"]
    for past_deadline in (-SECOND, SECOND, GRACE - SECOND):
        await age_hold(workshop.connection, claim_id, past_deadline=past_deadline)
        await expire_holds(workshop.ledger, workshop.gatekeeper)
        assert await workshop.state_of(claim_id) == "held"
    await age_hold(workshop.connection, claim_id, past_deadline=GRACE + SECOND)
    await expire_holds(workshop.ledger, workshop.gatekeeper)
    assert await workshop.state_of(claim_id) == "expired"
    assert await workshop.free(world.window_ids[0]) == 1


async def test_a_hold_past_its_deadline_is_still_confirmed_within_its_grace(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=2)
    early, late = await make_residents(workshop.connection, workshop.vault, 2)
    codes = []
    for person, past_deadline in ((early, GRACE - SECOND), (late, GRACE + SECOND)):
        held = await hold(workshop, person, world)
        await age_hold(workshop.connection, held["hold_id"], past_deadline=past_deadline)
        caller = hold_wish(person, world).caller
        wish = ConfirmWish(caller, UUID(held["hold_id"]), UUID(held["hold_token"]), uuid4().hex, b"c" * 32)
        result = await workshop.engine.confirm(wish)
        codes.append(result.code if isinstance(result, Refusal) else result["state"])
    assert codes == ["confirmed", "hold_expired"]
    await expire_holds(workshop.ledger, workshop.gatekeeper)
    assert await workshop.free(world.window_ids[0]) == 1  # the late one's


async def test_many_workers_end_each_hold_once(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=40)
    claims = await holds_past_their_deadline(workshop, world, 40)
    ended = await asyncio.gather(*(workshop.ledger.expire_due(at_most=15) for _ in range(6)))
    assert sum(count for count, _ in ended) == 40
    assert await workshop.ledger.expire_due(at_most=1000) == (0, [])
    row = await workshop.connection.fetchrow(
        "SELECT held, booked, free FROM windows WHERE window_id = $1", world.window_ids[0]
    )
    assert tuple(row) == (0, 0, 40)
    entries = await workshop.connection.fetch(
        """SELECT subject, count(*) AS times, min(actor) AS actor FROM audit_entries
           WHERE action = 'claim.expired' AND subject = ANY ($1) GROUP BY subject""",
        [f"claim:{claim_id}" for claim_id in claims],
    )
    assert [(row["times"], row["actor"]) for row in entries] == [(1, "worker")] * 40


async def test_the_cache_gets_the_place_back(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=1)
    first, second = await make_residents(workshop.connection, workshop.vault, 2)
    held = await hold(workshop, first, world)
    refused = await workshop.engine.hold(hold_wish(second, world))
    assert isinstance(refused, Refusal) and refused.code == "window_full"
    await age_hold(workshop.connection, held["hold_id"], past_deadline=GRACE + SECOND)
    await expire_holds(workshop.ledger, workshop.gatekeeper)
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)
    assert (await hold(workshop, second, world))["window_id"] == world.window_ids[0]


async def test_a_hold_that_is_being_confirmed_is_left_alone(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=1)
    (claim_id,) = await holds_past_their_deadline(workshop, world, 1)
    async with workshop.connection.transaction():
        await workshop.connection.execute("SELECT FROM claims WHERE claim_id = $1 FOR NO KEY UPDATE", claim_id)
        assert await workshop.ledger.expire_due(at_most=1000) == (0, [])
    ended, counters = await workshop.ledger.expire_due(at_most=1000)
    assert (ended, len(counters)) == (1, 3)  # a place, a share, a dose


async def test_a_full_piece_asks_for_the_next_at_once(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "EXPIRE_AT_ONCE", 2)
    world = await make_session(workshop.connection, capacity=5)
    await holds_past_their_deadline(workshop, world, 5)
    pieces = [await expire_holds(workshop.ledger, workshop.gatekeeper) for _ in range(4)]
    assert pieces == [2, 2, 0, 0]
    assert await workshop.free(world.window_ids[0]) == 5


async def test_without_the_cache_holds_end_all_the_same(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=1)
    (claim_id,) = await holds_past_their_deadline(workshop, world, 1)
    away = Gatekeeper(NOBODY_LISTENS, workshop.database, permit_ttl_ms=2000)
    await expire_holds(workshop.ledger, away)
    await away.close()
    assert await workshop.state_of(claim_id) == "expired"
