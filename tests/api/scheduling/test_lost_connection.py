"""A clerk's change whose connection breaks is not told to have failed: nobody knows, and its key tells."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.api.callers import Caller, staff_token
from tests.factories import make_session
from tests.unit.booking.engines import waiting_behind


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> AsyncIterator[Caller]:
    yield Caller(client, await staff_token(connection, keys, "city_admin"))


async def test_a_change_cut_off_is_unknown_and_its_key_tells(
    clerk: Caller, settings: Settings, connection: asyncpg.Connection
) -> None:
    world = await make_session(connection, capacity=5)
    key = uuid4().hex

    async def raise_capacity() -> httpx.Response:
        body = {"capacity": 7, "reason": "加号"}
        return await clerk.patch(f"/clinic/windows/{world.window_ids[0]}", body, key=key)

    holder = await asyncpg.connect(settings.database_url)
    async with holder.transaction():
        await holder.execute("SELECT FROM clinic_sessions WHERE session_id = $1 FOR NO KEY UPDATE", world.session_id)
        asked = asyncio.create_task(raise_capacity())
        for pid in await waiting_behind(connection, holder):
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
        cut_off = await asked
    await holder.close()
    assert (cut_off.status_code, cut_off.json()["code"]) == (503, "outcome_unknown")
    assert int(cut_off.headers["Retry-After"]) >= 1

    first, again = await raise_capacity(), await raise_capacity()
    assert first.json() == again.json() == first.json() | {"limit": 7, "free": 7, "kept_back": 0}
    changes = await connection.fetchval(
        "SELECT count(*) FROM audit_entries WHERE subject = $1", f"window:{world.window_ids[0]}"
    )
    assert changes == 1


async def test_a_page_cut_off_may_simply_be_asked_for_again(
    clerk: Caller, settings: Settings, connection: asyncpg.Connection
) -> None:
    world = await make_session(connection)
    holder = await asyncpg.connect(settings.database_url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE clinic_sessions IN ACCESS EXCLUSIVE MODE")
        asked = asyncio.create_task(clerk.get(f"/clinic/sessions/{world.session_id}"))
        for pid in await waiting_behind(connection, holder):
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
        cut_off = await asked
    await holder.close()
    assert (cut_off.status_code, cut_off.json()["code"]) == (503, "busy")
    assert (await clerk.get(f"/clinic/sessions/{world.session_id}")).status_code == 200
