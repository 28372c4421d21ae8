"""A load that is on its way while the ledger moves on: what the cache says in the end is what PostgreSQL says."""

import asyncio
from typing import Any

from humiao.booking.models import Counter
from tests.factories import World, hold_wish, make_residents, make_session
from tests.unit.worker.conftest import Workshop


class Slow:
    """The cache's client; its first load has read PostgreSQL and waits until it is let go."""

    def __init__(self, admitter: Any) -> None:
        self._admitter = admitter
        self.has_read, self.let_go = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._admitter, name)

    async def load(self, states: list[Any]) -> list[bool]:
        """As the client does, later the first time."""
        if not self.has_read.is_set():
            self.has_read.set()
            await self.let_go.wait()
        return list(await self._admitter.load(states))


async def load_under_way(workshop: Workshop, world: World) -> tuple[Slow, asyncio.Task[bool]]:
    """A load that has read and not arrived."""
    slow = Slow(workshop.gatekeeper._admitter)
    workshop.gatekeeper._admitter = slow  # type: ignore[assignment]
    load = asyncio.create_task(workshop.gatekeeper.load([world.session_id]))
    await slow.has_read.wait()
    return slow, load


async def test_who_has_changed_a_session_does_not_share_a_load_that_may_not_have_seen_it(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=3)
    slow, load = await load_under_way(workshop, world)
    await workshop.connection.execute(
        "UPDATE windows SET bookable_until = bookable_until - interval '1 minute', capacity = 5 WHERE session_id = $1",
        world.session_id,
    )
    async with asyncio.timeout(10):  # or it waits for the one that waits
        assert await workshop.gatekeeper.load([world.session_id])
    (state,) = await workshop.gatekeeper.read([world.session_id])
    slow.let_go.set()
    assert await load
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)
    (after,) = await workshop.gatekeeper.read([world.session_id])
    assert state is not None and after is not None and after.windows == state.windows, "nor does the old one undo it"


async def test_callers_share_a_load_that_has_not_read_yet(workshop: Workshop) -> None:
    world = await make_session(workshop.connection)
    before = await workshop.connection.fetchval(
        "SELECT cache_generation FROM clinic_sessions WHERE session_id = $1", world.session_id
    )
    assert all(await asyncio.gather(*(workshop.gatekeeper.load([world.session_id]) for _ in range(50))))
    (state,) = await workshop.gatekeeper.read([world.session_id])
    assert state is not None and state.generation == before + 1


async def test_who_goes_away_leaves_a_shared_load_to_the_others(workshop: Workshop) -> None:
    world = await make_session(workshop.connection)
    first, second = (asyncio.create_task(workshop.gatekeeper.load([world.session_id])) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)


async def test_a_settlement_that_overtakes_a_load_is_not_undone_by_it(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, capacity=3)
    assert await workshop.gatekeeper.load([world.session_id])
    slow, load = await load_under_way(workshop, world)
    (person,) = await make_residents(workshop.connection, workshop.vault, 1)
    batch = await workshop.ledger.hold_many([hold_wish(person, world)])
    assert {counter.version for counter in batch.counters} == {2}
    await workshop.gatekeeper.settle(batch.counters)
    slow.let_go.set()
    assert await load
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)
    assert Counter(world.session_id, f"w:{world.window_ids[0]}", 2, 2) in batch.counters
