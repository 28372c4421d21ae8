"""Whatever the cache says, the reconciler makes it say what PostgreSQL says."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from humiao import _core
from humiao.booking.models import Counter
from humiao.errors import Refusal
from humiao.kit.sql import statement
from humiao.worker import tasks
from humiao.worker.tasks import Reconciler
from tests.factories import World, hold_wish, make_residents, make_session
from tests.unit.worker.conftest import Workshop


@pytest_asyncio.fixture(loop_scope="session")
async def redis(workshop: Workshop) -> AsyncIterator[Redis]:
    """The cache by another hand."""
    client = Redis.from_url(workshop.redis_url)
    yield client
    await client.aclose()


async def walk(workshop: Workshop) -> None:
    """One walk over all sessions."""
    reconciler = Reconciler(workshop.database, workshop.gatekeeper)
    while await reconciler.step():
        pass


async def loaded(workshop: Workshop, **kind: int) -> World:
    """A session that the cache knows truly."""
    world = await make_session(workshop.connection, **kind)
    assert await workshop.gatekeeper.load([world.session_id])
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)
    return world


async def assert_mended(workshop: Workshop, world: World) -> None:
    assert await workshop.cached(world.session_id) != await workshop.told(world.session_id)
    await walk(workshop)
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)


async def lie_about_status(workshop: Workshop, world: World, status: str, *, generations_ahead: int = 1) -> None:
    (state,) = await workshop.gatekeeper.read([world.session_id])
    assert state is not None
    lie = _core.SessionState(
        world.session_id, state.generation + generations_ahead, status, state.windows, state.quotas, state.stocks
    )
    assert await workshop.gatekeeper._admitter.load([lie]) == [True]


async def generation(workshop: Workshop, world: World) -> int:
    found: int = await workshop.connection.fetchval(
        "SELECT cache_generation FROM clinic_sessions WHERE session_id = $1", world.session_id
    )
    return found


@pytest.mark.parametrize("versions_ahead", [0, 1, 1000])
async def test_a_lie_is_mended_however_new_it_says_it_is(workshop: Workshop, redis: Redis, versions_ahead: int) -> None:
    world = await loaded(workshop, capacity=3)
    field = f"w:{world.window_ids[0]}"
    if versions_ahead:
        await workshop.gatekeeper.settle([Counter(world.session_id, field, 1 + versions_ahead, 99)])
    else:  # the same version and another number: no settlement would write that
        key = f"hm:{{{world.session_id}}}:state"
        stored = (await redis.hget(key, field)).decode()
        await redis.hset(key, field, stored.replace("3", "99"))
    await assert_mended(workshop, world)


async def test_a_lost_settlement_is_made_good(workshop: Workshop) -> None:
    world = await loaded(workshop, capacity=3)
    (person,) = await make_residents(workshop.connection, workshop.vault, 1)
    await workshop.ledger.hold_many([hold_wish(person, world)])  # nobody told the cache
    await assert_mended(workshop, world)


async def test_a_cache_that_lost_everything_is_rebuilt(workshop: Workshop, redis: Redis) -> None:
    worlds = [await loaded(workshop) for _ in range(3)]
    await redis.flushdb()
    for world in worlds:
        assert await workshop.cached(world.session_id) is None
    await walk(workshop)
    for world in worlds:
        assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)


async def test_a_counter_that_is_missing_is_not_taken_for_zero(workshop: Workshop, redis: Redis) -> None:
    world = await loaded(workshop)
    await redis.hdel(f"hm:{{{world.session_id}}}:state", f"v:{world.stock_id}")
    await assert_mended(workshop, world)


@pytest.mark.parametrize("generations_ahead", [1, 1_000_000])
async def test_a_session_wrongly_shut_opens_again(workshop: Workshop, generations_ahead: int) -> None:
    """Also when the cache is numbered beyond PostgreSQL, as after a restored backup."""
    world = await loaded(workshop, capacity=1)
    (person,) = await make_residents(workshop.connection, workshop.vault, 1)
    await lie_about_status(workshop, world, "closed", generations_ahead=generations_ahead)
    refused = await workshop.engine.hold(hold_wish(person, world))
    assert isinstance(refused, Refusal) and refused.code == "session_closed"
    await walk(workshop)
    assert not isinstance(await workshop.engine.hold(hold_wish(person, world)), Refusal)


async def test_a_session_wrongly_open_is_shut(workshop: Workshop) -> None:
    """As when the process that closed it died before it told the cache."""
    world, unknown = await loaded(workshop), await make_session(workshop.connection)
    for session_id in (world.session_id, unknown.session_id):
        await workshop.connection.execute(statement("scheduling/close_session"), session_id)
    await walk(workshop)
    (state,) = await workshop.gatekeeper.read([world.session_id])
    assert state is not None and state.status == "closed"
    assert await workshop.cached(unknown.session_id) is None  # what is closed and forgotten stays forgotten


async def test_a_true_cache_is_left_alone(workshop: Workshop) -> None:
    world = await loaded(workshop)
    before = await generation(workshop, world)
    await walk(workshop)
    assert await generation(workshop, world) == before


async def test_what_is_over_is_not_walked(workshop: Workshop) -> None:
    world = await make_session(workshop.connection, starts_in=-timedelta(days=2))
    await walk(workshop)
    assert await workshop.cached(world.session_id) is None


async def test_the_walk_goes_on_where_it_stopped_and_begins_anew(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "RECONCILE_AT_ONCE", 2)
    worlds = [await make_session(workshop.connection) for _ in range(5)]
    reconciler = Reconciler(workshop.database, workshop.gatekeeper)
    for _ in range(2):  # the second walk mends what happened during the first
        while await reconciler.step():
            pass
        for world in worlds:
            assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)
            await workshop.gatekeeper.forget([world.session_id])


async def test_without_the_cache_the_walk_stays_where_it_is(workshop: Workshop) -> None:
    world = await loaded(workshop)
    reconciler = Reconciler(workshop.database, workshop.gatekeeper)
    at_first = reconciler._gatekeeper
    reconciler._gatekeeper = type(at_first)("redis://127.0.0.1:1/0", workshop.database, permit_ttl_ms=2000)
    with pytest.raises(_core.CacheUnavailable):
        await reconciler.step()
    await reconciler._gatekeeper.close()
    reconciler._gatekeeper = at_first
    await workshop.gatekeeper.forget([world.session_id])
    while await reconciler.step():
        pass
    assert await workshop.cached(world.session_id) == await workshop.told(world.session_id)
