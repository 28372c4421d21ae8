"""The control experiment of P1: what happens when the cache lies and the writer believes it.

Two scratch databases of the same migrations; in one the schema's guard is dropped. The same engine races in both, with
a cache that lets everybody through and a ledger that inserts whatever it is asked to. Without the guard places are
sold many times over, so the race is real; with it, never.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Batch, claim_ids
from humiao.booking.models import Decision, HoldWish
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.migrations import migrate
from humiao.vaccines.load import load_catalogue
from tests.concurrency.conftest import LyingGatekeeper
from tests.conftest import Servers
from tests.factories import hold_wish, make_residents, make_session

PLACES, PEOPLE = 10, 120
GUARDS = ("windows", "window_quotas", "session_stocks")


class BelievingLedger:
    """Writes whatever the cache has let through, each on a connection of its own, without a look at the counters."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def session_of_window(self, window_id: int) -> int | None:
        session_id: int | None = await self._pool.fetchval(
            "SELECT session_id FROM windows WHERE window_id = $1", window_id
        )
        return session_id

    async def find_answers(self, keys: list[tuple[str, str]]) -> list[None]:
        return [None for _ in keys]

    async def hold_states(self, holds: list[tuple[UUID, UUID]]) -> list[None]:
        return [None for _ in holds]

    async def hold_many(self, wishes: list[HoldWish]) -> Batch:
        return Batch(list(await asyncio.gather(*(self._insert(wish) for wish in wishes))), [])

    async def _insert(self, wish: HoldWish) -> Decision:
        (claim_id,) = claim_ids(1)
        now = datetime.now(UTC)
        try:
            await self._pool.execute(
                """INSERT INTO claims (claim_id, hold_token, person_id, window_id, channel, stock_id, held_at,
                                       held_until, changed_by, changed_from)
                   VALUES ($1, $1, $2, $3, $4, $5, $6, $7, 'sql', 'sql')""",
                claim_id, wish.person_id, wish.window_id, wish.channel, wish.stock_id, now, now + timedelta(minutes=10),
            )  # fmt: skip
        except asyncpg.CheckViolationError:
            return Decision("window_full")
        return Decision("granted", f'{{"hold_id": "{claim_id}"}}')


@asynccontextmanager
async def scratch_database(servers: Servers) -> AsyncIterator[str]:
    """A database of its own, migrated, with the catalogue; dropped at the end."""
    name = f"scratch_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(servers.database_url)
    url = servers.database_url.rsplit("/", 1)[0] + f"/{name}"
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        await migrate(url)
        yield url
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


async def race(url: str, vault: Vault, before: Callable[[Any], Any]) -> tuple[Tally[str], int]:
    """Answers by code, and how many places of the window are left over (less than none: oversold)."""
    async with asyncpg.create_pool(url, min_size=8, max_size=8) as pool:
        async with pool.acquire() as connection:
            await load_catalogue(connection)
            await before(connection)
            world = await make_session(connection, capacity=PLACES)
            people = await make_residents(connection, vault, PEOPLE)
        engine = BookingEngine(BelievingLedger(pool), LyingGatekeeper(), batch_max=16)  # type: ignore[arg-type]
        results = await asyncio.gather(*(engine.hold(hold_wish(person, world)) for person in people))
        free = await pool.fetchval("SELECT free FROM windows WHERE window_id = $1", world.window_ids[0])
    return Tally(r.code if isinstance(r, Refusal) else "granted" for r in results), free


async def test_with_the_guard_a_believing_writer_never_oversells(servers: Servers, vault: Vault) -> None:
    async def keep(_: Any) -> None:
        """The schema as it is."""

    async with scratch_database(servers) as url:
        assert await race(url, vault, keep) == ({"granted": PLACES, "window_full": PEOPLE - PLACES}, 0)


async def test_control_without_the_guard_it_oversells(servers: Servers, vault: Vault) -> None:
    async def drop(connection: Any) -> None:
        for table in GUARDS:
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_never_oversold")

    async with scratch_database(servers) as url:
        assert await race(url, vault, drop) == ({"granted": PEOPLE}, PLACES - PEOPLE)
