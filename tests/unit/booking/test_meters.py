"""What the ledger and the gatekeeper tell of their work."""

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import Ledger, OutcomeUnknown
from humiao.booking.meters import CacheMeters, LedgerMeters
from humiao.booking.models import Place
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.meters import PoolMeters
from humiao.settings import Settings
from tests.factories import hold_wish, make_residents, make_session

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


async def test_a_batch_is_counted_by_how_it_ended(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    registry = CollectorRegistry()
    value = registry.get_sample_value
    world = await make_session(connection, capacity=5)
    people = await make_residents(connection, keys.vault(), 3)
    pools = PoolMeters(registry)
    database = await Database.connect(str(settings.database_url), connections=2, name="ledger", meters=pools)
    ledger = Ledger(database, hold_ttl_ms=60_000, grace_ms=0, patience_s=0.05, meters=LedgerMeters(registry))
    await ledger.hold_many([hold_wish(person, world) for person in people])
    committed = {"statement": "hold", "ending": "committed"}
    assert value("humiao_ledger_tries_total", committed) == 1
    assert value("humiao_ledger_batch_size_sum", {"statement": "hold"}) == 3
    assert value("humiao_ledger_seconds_count", {"statement": "hold"}) == 1
    assert value("humiao_database_wait_seconds_count", {"pool": "ledger"}) == 1
    assert value("humiao_database_connections", {"pool": "ledger", "state": "idle"}) >= 1  # type: ignore[operator]

    await database.close()
    with pytest.raises(OutcomeUnknown):
        await ledger.hold_many([hold_wish(person, world) for person in people])
    assert value("humiao_ledger_tries_total", {"statement": "hold", "ending": "away"}) >= 1  # type: ignore[operator]
    assert value("humiao_ledger_unknown_total", {"statement": "hold"}) == 3
    assert value("humiao_database_busy_total", {"pool": "ledger"}) >= 1  # type: ignore[operator]
    assert value("humiao_ledger_tries_total", committed) == 1


async def test_a_lock_that_is_held_too_long_is_transient(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    registry = CollectorRegistry()
    world = await make_session(connection, capacity=5)
    (person,) = await make_residents(connection, keys.vault(), 1)
    pool = await asyncpg.create_pool(
        settings.database_url, min_size=1, max_size=1, server_settings={"lock_timeout": "50ms"}
    )
    ledger = Ledger(Database(pool), hold_ttl_ms=60_000, grace_ms=0, patience_s=0.01, meters=LedgerMeters(registry))
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM windows WHERE window_id = $1 FOR UPDATE", world.window_ids[0])
        with pytest.raises(OutcomeUnknown):
            await ledger.hold_many([hold_wish(person, world)])
    await pool.close()
    assert registry.get_sample_value("humiao_ledger_tries_total", {"statement": "hold", "ending": "transient"}) == 1


@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
async def test_the_cache_is_up_when_it_answers(
    settings: Settings, database: Database, connection: asyncpg.Connection, away: bool
) -> None:
    registry = CollectorRegistry()
    world = await make_session(connection, capacity=5)
    place = Place(world.session_id, world.window_ids[0], "h5", world.stock_id)
    url = NOBODY_LISTENS if away else str(settings.redis_url)
    gatekeeper = Gatekeeper(url, database, permit_ttl_ms=2000, meters=CacheMeters(registry))
    assert str(registry.get_sample_value("humiao_cache_up")) == "nan", "not asked yet"
    outcome, _ = await gatekeeper.admit(place, "somebody:1")
    await gatekeeper.close()
    assert outcome == ("unavailable" if away else "granted")
    assert registry.get_sample_value("humiao_cache_up") == (0 if away else 1)
    assert registry.get_sample_value("humiao_cache_answers_total", {"outcome": outcome}) == 1
    if not away:
        assert registry.get_sample_value("humiao_cache_loads_total", {"outcome": "done"}) == 1
