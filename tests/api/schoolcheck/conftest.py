"""Somebody who checks class lists."""

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, staff_token
from tests.factories import make_clinic


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> Caller:
    clinic_id = await make_clinic(connection)
    return Caller(client, await staff_token(connection, keys, "clinic_staff", clinic_id))
