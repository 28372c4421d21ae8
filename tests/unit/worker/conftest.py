"""A city of the worker's own: a scratch database and cache in which nobody else expires, mends or books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest_asyncio

from humiao.booking.cache import Gatekeeper
from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.settings import Settings
from humiao.vaccines.load import load_catalogue
from tests.concurrency.test_control import scratch_database
from tests.conftest import Servers

GRACE_MS = 5000
CACHE_OF_ITS_OWN = 7  # sessions of two databases share their numbers, so they must not share a cache

Counters = set[tuple[str, int, int]]  # (field, version, free)


@dataclass
class Workshop:
    """What the worker works with, and a connection to set the scene and to look."""

    url: str
    redis_url: str
    database: Database
    connection: asyncpg.Connection
    ledger: Ledger
    gatekeeper: Gatekeeper
    engine: BookingEngine
    vault: Vault

    async def told(self, session_id: int) -> Counters:
        """What PostgreSQL says."""
        rows = await self.connection.fetch(statement("worker/counters_of_sessions"), [session_id])
        return {(row["field"], row["version"], row["free"]) for row in rows}

    async def cached(self, session_id: int) -> Counters | None:
        """What the cache says; None where it knows nothing."""
        (state,) = await self.gatekeeper.read([session_id])
        if state is None:
            return None
        return {
            *((f"w:{window_id}", version, free) for window_id, version, free, _ in state.windows),
            *((f"q:{window_id}:{channel}", version, free) for window_id, channel, version, free, _ in state.quotas),
            *((f"v:{stock_id}", version, free) for stock_id, version, free, _, _ in state.stocks),
        }

    async def free(self, window_id: int) -> int:
        """Places of a window that nobody holds or has booked."""
        found: int = await self.connection.fetchval("SELECT free FROM windows WHERE window_id = $1", window_id)
        return found

    async def state_of(self, claim_id: UUID | str) -> str:
        """What became of a claim."""
        found: str = await self.connection.fetchval(
            "SELECT state::text FROM claims WHERE claim_id = $1", UUID(str(claim_id))
        )
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def workshop(servers: Servers, settings: Settings, keys: Keys) -> AsyncIterator[Workshop]:
    redis_url = urlsplit(servers.redis_url)._replace(path=f"/{CACHE_OF_ITS_OWN}").geturl()
    async with scratch_database(servers) as url:
        connection = await asyncpg.connect(url)
        await load_catalogue(connection)
        database = await Database.connect(url, connections=6)
        gatekeeper = Gatekeeper(redis_url, database, permit_ttl_ms=2000)
        ledger = Ledger(database, hold_ttl_ms=600_000, grace_ms=GRACE_MS)
        engine = BookingEngine(ledger, gatekeeper)
        yield Workshop(url, redis_url, database, connection, ledger, gatekeeper, engine, keys.vault())
        await engine.drain()
        known: list[Any] = await connection.fetch("SELECT session_id FROM clinic_sessions")
        await gatekeeper.forget([row["session_id"] for row in known])
        await gatekeeper.close()
        await database.close()
        await connection.close()
