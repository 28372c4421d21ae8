"""Callers of the waitlist's routes."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.factories import make_residents


@pytest_asyncio.fixture(loop_scope="session")
async def city(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> Caller:
    """A city administrator."""
    return Caller(client, await staff_token(connection, keys, "city_admin"))


@pytest_asyncio.fixture(loop_scope="session")
async def newcomers(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> Callable[[int], Awaitable[list[tuple[UUID, Caller]]]]:
    """`await newcomers(n)`: n people who are logged in, each for themselves."""

    async def make(count: int) -> list[tuple[UUID, Caller]]:
        people = await make_residents(connection, keys.vault(), count)
        return [(person, Caller(client, await resident_token(connection, keys, person))) for person in people]

    return make


async def answered(sent: Awaitable[httpx.Response], status: int = 200) -> Any:
    """The body of an answer of this status."""
    answer = await sent
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(sent: Awaitable[httpx.Response], code: str) -> Any:
    """The body of a refusal of this code."""
    answer = await sent
    body = answer.json()
    assert body["code"] == code, answer.text
    return body
