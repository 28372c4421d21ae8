"""Connections that die while they are lent."""

from typing import Any

import asyncpg
import pytest

from humiao.kit.database import DISCONNECTED, Database


class TakenBack:
    """A pool that has a connection back already when it is given back, as when its server was killed meanwhile."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.get_size, self.get_idle_size = pool.get_size, pool.get_idle_size

    async def acquire(self, *, timeout: float) -> Any:  # noqa: ASYNC109 - as the pool has it
        return await self._pool.acquire(timeout=timeout)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection)
        raise asyncpg.InternalClientError("release() called on a free connection holder")


async def test_what_became_of_the_work_is_told_by_the_work(database: Database) -> None:
    lending = Database(TakenBack(database._pool), name="taken back")
    async with lending.read() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    with pytest.raises(DISCONNECTED):
        async with lending.transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
