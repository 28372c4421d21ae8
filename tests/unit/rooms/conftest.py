"""A database of the rooms' own, in which no worker ticks besides the tests."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from humiao.kit.database import Database
from humiao.settings import Settings
from humiao.vaccines.load import load_catalogue
from tests.concurrency.test_control import scratch_database
from tests.conftest import Servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def settings(servers: Servers, settings: Settings) -> AsyncIterator[Settings]:
    async with scratch_database(servers) as url:
        connection = await asyncpg.connect(url)
        await load_catalogue(connection)
        await connection.close()
        yield settings.model_copy(update={"database_url": url})


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    assert settings.database_url
    database = await Database.connect(settings.database_url, connections=8)
    yield database
    await database.close()
