"""A city of the waitlist's own: a scratch database in which no worker makes offers but those of the test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest_asyncio

from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.settings import Settings
from humiao.vaccines.load import load_catalogue
from tests.concurrency.test_control import scratch_database
from tests.conftest import Servers


@dataclass
class Town:
    """A pool, and a connection to set the scene and to look."""

    url: str
    database: Database
    connection: asyncpg.Connection
    vault: Vault


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(servers: Servers, settings: Settings, keys: Keys) -> AsyncIterator[Town]:
    async with scratch_database(servers) as url:
        connection = await asyncpg.connect(url)
        await load_catalogue(connection)
        database = await Database.connect(url, connections=6)
        yield Town(url, database, connection, keys.vault())
        await database.close()
        await connection.close()
