"""A town for measuring: durable embedded servers, people with accounts, sessions with more places than asked for."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from humiao.booking.cache import Gatekeeper
from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.booking.models import Caller, HoldWish
from humiao.embedded.postgres import Postgres
from humiao.embedded.user import discard_data
from humiao.embedded.valkey import Valkey
from humiao.kit.database import Database
from humiao.kit.keys import make_keys
from humiao.kit.migrations import migrate
from humiao.kit.sql import statement
from humiao.rush.people import make_people
from humiao.vaccines.load import load_catalogue

# A server of some weeks has segments of its log to use again. A new one makes each, which holds every commit up for
# some 40 ms, several times in a round. This makes a gigabyte of them, which the next checkpoint keeps (min_wal_size).
LIVED_IN = """
DO $$ BEGIN
    FOR segment IN 1 .. 64 LOOP
        PERFORM pg_logical_emit_message(false, 'bench', '');
        PERFORM pg_switch_wal();
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class Spot:
    """Where a bench books: a window of a session and the stock of that session."""

    session_id: int
    window_id: int
    stock_id: int


class Town:
    """Servers that last for the run. PostgreSQL with fsync and full pages, Valkey without a file."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.postgres, self.valkey = Postgres(home), Valkey(home)
        self.keys_file = home / "keys.json"
        self.keys = make_keys(self.keys_file)

    async def open(self) -> None:
        await asyncio.gather(self.postgres.start_async(), self.valkey.start_async())
        await self.postgres.make_database()
        await migrate(self.postgres.url)
        self.sql: asyncpg.Connection = await asyncpg.connect(self.postgres.url)
        await load_catalogue(self.sql)
        await self.sql.execute(LIVED_IN)
        await self.sql.execute("CHECKPOINT")

    async def close(self) -> None:
        await self.sql.close()
        await self.valkey.stop_async(10)
        await self.postgres.stop_async(10)
        discard_data(self._home)

    async def residents(self, count: int) -> list[UUID]:
        """Make residents: an account, a person and their bond each, all of one id."""
        made = await make_people(self.sql, self.keys.vault(), count)
        # As autovacuum leaves what has been there for a day; it would come for all of it in the middle of a round.
        await self.sql.execute("VACUUM (ANALYZE) accounts, persons, guardianships, login_sessions")
        return made

    async def spots(self, count: int, places: int) -> list[Spot]:
        """Open sessions with one window of `places` each."""
        starts = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        rows = [
            await self.sql.fetchrow(statement("rush/make_session"), places, starts, uuid4().hex[:8], "h5", None)
            for _ in range(count)
        ]
        await self.sql.execute("ANALYZE clinics, clinic_sessions, windows, window_quotas, session_stocks")
        return [Spot(row["session_id"], row["window_id"], row["stock_id"]) for row in rows]

    async def forget_claims(self) -> None:
        """Begin a round as if nobody had ever claimed anything: what claims left behind, and room in the log.

        Sessions keep the counters they had: a round is run on sessions of its own.
        """
        await self.sql.execute("TRUNCATE claims, live_claims, claim_moves, idempotency_keys CASCADE")
        await self.sql.execute("CHECKPOINT")

    async def engine(self) -> "RunningEngine":
        """The booking engine as a process of ours has it."""
        database = await Database.connect(self.postgres.url, connections=4)
        ledger_database = await Database.connect(self.postgres.url, connections=6, generic_plans=True)
        ledger = Ledger(ledger_database, hold_ttl_ms=600_000, grace_ms=5000)
        gatekeeper = Gatekeeper(self.valkey.url, database, permit_ttl_ms=10_000)
        engine = BookingEngine(ledger, gatekeeper, waiting_max=100_000)
        return RunningEngine(engine, gatekeeper, [database, ledger_database])


@dataclass(frozen=True)
class RunningEngine:
    """An engine and what must be closed after it."""

    engine: BookingEngine
    gatekeeper: Gatekeeper
    databases: list[Database]

    async def close(self) -> None:
        await self.engine.drain()
        await self.gatekeeper.close()
        for database in self.databases:
            await database.close()


def wish_of(person: UUID, spot: Spot, key: str | None = None) -> HoldWish:
    """The wish of a resident to hold a place, with a key of its own."""
    key = key or uuid4().hex
    caller = Caller(f"account:{person}", person, "h5")
    body = hashlib.sha256(key.encode()).digest()
    return HoldWish(caller, person, spot.window_id, "h5", spot.stock_id, key, body)


async def together(jobs: list[Any], at_a_time: int) -> list[Any]:
    """Do async jobs (callables), so many at a time; results in the order of the jobs."""
    results: list[Any] = [None] * len(jobs)
    queue = iter(enumerate(jobs))

    async def work() -> None:
        for place, job in queue:
            results[place] = await job()

    await asyncio.gather(*(work() for _ in range(at_a_time)))
    return results
