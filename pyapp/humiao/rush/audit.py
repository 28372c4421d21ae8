"""The audit after a rush: what SQL and the cache say about it."""

import asyncio
import time
from typing import Any
from uuid import UUID

from humiao import _core
from humiao.booking.cache import Gatekeeper
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.settings import Settings

# A settlement that died with its process is made up for by the reconciler, which begins a walk over all sessions ten
# seconds after the last; where Valkey came back empty as well, it loads a whole city on the way.
SETTLE_S = 120.0


async def audit_ledger(connection: Any, session_id: int, told: dict[UUID, UUID]) -> dict[str, int]:
    """Count violations in PostgreSQL; `told` are the holds that people were told of."""
    row = await connection.fetchrow(statement("rush/audit"), session_id, list(told), list(told.values()))
    return {name: int(count) for name, count in dict(row).items()}


async def audit_cache(settings: Settings, connection: Any, session_id: int) -> int:
    """How many counters of a session differ between cache and ledger once the cache has had time to settle."""
    database = await Database.connect(str(settings.database_url), connections=2)
    gatekeeper = Gatekeeper(str(settings.redis_url), database, permit_ttl_ms=settings.permit_ttl_ms)
    try:
        deadline = time.monotonic() + SETTLE_S
        while True:
            rows = await connection.fetch(statement("worker/counters_of_sessions"), [session_id])
            differing = len({(row["field"], row["free"]) for row in rows} ^ await _cached(gatekeeper, session_id))
            if not differing or time.monotonic() > deadline:
                return differing
            await asyncio.sleep(0.3)
    finally:
        await gatekeeper.close()
        await database.close()


async def _cached(gatekeeper: Gatekeeper, session_id: int) -> set[tuple[str, int]]:
    try:
        (state,) = await gatekeeper.read([session_id])
    except _core.CacheUnavailable:
        return set()
    if state is None:
        return set()
    return {
        *((f"w:{window_id}", free) for window_id, _, free, _ in state.windows),
        *((f"q:{window_id}:{channel}", free) for window_id, channel, _, free, _ in state.quotas),
        *((f"v:{stock_id}", free) for stock_id, _, free, _, _ in state.stocks),
    }
