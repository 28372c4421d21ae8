"""Connections to PostgreSQL. Reading and writing are different things to ask for.

`Database.read()` lends a connection for statements that change nothing; `Database.transaction()` lends one inside a
transaction that commits when the block ends well, `Database.single()` one for a statement that commits by itself. All
wait at most `acquire_timeout_s` and then raise `DatabaseBusy`, so that a full pool is an answer and not a hang. jsonb
columns come and go as Python values.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import orjson

from humiao.kit.meters import PoolMeters

# Errors after which the same work may simply be done again: nothing was committed.
TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)
# Errors that say the server or the way to it went away; whether a commit in flight took place is unknown.
DISCONNECTED = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # no connection, memory or disk to be had
    asyncpg.ReadOnlySQLTransactionError,  # a standby that was the primary a moment ago, or is not it yet
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # how the driver ends a statement on a connection that broke in the middle of another
    ConnectionError,
    OSError,
    TimeoutError,
)


def session_settings(*, generic_plans: bool) -> dict[str, str]:
    """What every connection of ours is told at its beginning; `generic_plans` as in `Database.connect`."""
    settings = {
        "jit": "off",
        "TimeZone": "Asia/Shanghai",
        "lock_timeout": "5s",
    }
    if generic_plans:
        settings["plan_cache_mode"] = "force_generic_plan"
        # A plan is kept for long, and made when the tables of a young city have a page each: reading one whole is
        # then cheapest, and stays in the plan when it has a million. Everything here has an index to go by.
        settings["enable_seqscan"] = "off"
        settings["enable_mergejoin"] = "off"
    return settings


class DatabaseBusy(Exception):
    """No connection became free in time, or the server cannot be reached."""


async def _prepare(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
        )


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """What a connection goes through on its way back, besides the rollback of an open transaction: nothing.

    asyncpg would send RESET ALL and more, a round trip for each statement here. Nothing in sql/ leaves anything in a
    session: settings are those of the connection, locks end with their transaction, nobody listens.
    """


class Database:
    """A pool of connections to the primary. Every decision reads here, never a replica."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        acquire_timeout_s: float = 5.0,
        name: str = "main",
        meters: PoolMeters | None = None,
    ) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s
        meters = meters or PoolMeters()
        meters.watch(name, pool)
        self._wait, self._busy = meters.wait.labels(name), meters.busy.labels(name)

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        connections: int,
        generic_plans: bool = False,
        name: str = "main",
        meters: PoolMeters | None = None,
        application: str = "humiao",
    ) -> "Database":
        """Open a pool of at most `connections`. `generic_plans` suits few statements run very often with big arrays.

        `name` is what the pool is called in `meters`, `application` what the server calls its connections.
        """
        settings = {"application_name": application, **session_settings(generic_plans=generic_plans)}
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=connections,
            init=_prepare,
            reset=_leave_as_it_is,
            server_settings=settings,
            command_timeout=15,
        )
        return cls(pool, name=name, meters=meters)

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Any]:
        began = time.perf_counter()
        try:
            connection = await self._pool.acquire(timeout=self._acquire_timeout_s)
        except DISCONNECTED as error:
            self._busy.inc()
            raise DatabaseBusy("no database connection") from error
        self._wait.observe(time.perf_counter() - began)
        try:
            yield connection
        finally:
            # A connection that died while it was lent may have gone back by itself: what became of the work is told
            # by the work, not by that.
            with suppress(asyncpg.InternalClientError):
                await asyncio.shield(self._pool.release(connection))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """Lend a connection for reading."""
        async with self._lend() as connection:
            yield connection

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Any]:
        """Lend a connection for one statement that writes and commits by itself."""
        async with self._lend() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Lend a connection inside a transaction; it commits when the block ends without an exception."""
        async with self._lend() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close the pool; connections still lent are cut after a moment."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()
