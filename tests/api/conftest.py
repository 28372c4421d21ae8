"""One resident of their own for each test of the API that asks for one."""

from uuid import UUID

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token
from tests.factories import make_residents


@pytest_asyncio.fixture(loop_scope="session")
async def person(connection: asyncpg.Connection, keys: Keys) -> UUID:
    (person,) = await make_residents(connection, keys.vault(), 1)
    return person


@pytest_asyncio.fixture(loop_scope="session")
async def me(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, person: UUID) -> Caller:
    return Caller(client, await resident_token(connection, keys, person))
