"""Connections to PostgreSQL. Reading and writing are different things to ask for.

`Database.read()` lends a connection for statements that change nothing; `Database.transaction()` lends one inside a
transaction that commits when the block ends well. Both wait at most `acquire_timeout_s` and then raise `DatabaseBusy`,
so that a full pool is an answer and not a hang. jsonb columns come and go as Python values.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

# Errors after which the same work may simply be done again: nothing was committed.
TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
# Errors that say the server or the way to it went away; whether a commit in flight took place is unknown.
DISCONNECTED = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    ConnectionError,
    OSError,
    TimeoutError,
)


class DatabaseBusy(Exception):
    """No connection became free in time, or the server cannot be reached."""


async def _prepare(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
        )


class Database:
    """A pool of connections to the primary. Every decision reads here, never a replica."""

    def __init__(self, pool: asyncpg.Pool, *, acquire_timeout_s: float = 5.0) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    @classmethod
    async def connect(cls, dsn: str, *, connections: int, generic_plans: bool = False) -> "Database":
        """Open a pool of at most `connections`. `generic_plans` suits few statements run very often with big arrays."""
        settings = {
            "application_name": "humiao",
            "jit": "off",
            "TimeZone": "Asia/Shanghai",
            "lock_timeout": "5s",
        }
        if generic_plans:
            settings["plan_cache_mode"] = "force_generic_plan"
        pool = await asyncpg.create_pool(
            dsn, min_size=1, max_size=connections, init=_prepare, server_settings=settings, command_timeout=15
        )
        return cls(pool)

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Any]:
        try:
            connection = await self._pool.acquire(timeout=self._acquire_timeout_s)
        except DISCONNECTED as error:
            raise DatabaseBusy("no database connection") from error
        try:
            yield connection
        finally:
            await asyncio.shield(self._pool.release(connection))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """Lend a connection for reading."""
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
