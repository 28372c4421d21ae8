"""Two requests at once: one certificate, and one end of it. The control takes the lock away and meets the race."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from humiao.auth.tokens import Resident
from humiao.certificates import service as module
from humiao.certificates.schemas import NewCertificate
from humiao.certificates.service import CertificatesService, revoke_number
from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.kit.sql import statement
from tests.api.callers import Caller
from tests.api.certificates.conftest import Issue

PATIENCE_S = 20
WAITING = """SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                            WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)"""


async def blocked(connection: asyncpg.Connection) -> None:
    """Wait until somebody waits for an advisory lock."""
    for _ in range(PATIENCE_S * 50):
        if await connection.fetchval(WAITING):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits for the lock")


@asynccontextmanager
async def begun(service: CertificatesService, database: Database, account: UUID, child: UUID) -> AsyncIterator[str]:
    """A certificate that is issued by a transaction still open."""
    async with database.transaction() as connection:
        yield await issued(service, connection, account, child)


async def issued(service: CertificatesService, connection: Any, account: UUID, child: UUID) -> str:
    made = await service._issue(connection, Resident(account, account), child, NewCertificate())
    assert not isinstance(made, Refusal)
    return str(made["certificate_id"])


async def issued_alone(service: CertificatesService, database: Database, account: UUID, child: UUID) -> str:
    async with database.transaction() as connection:
        return await issued(service, connection, account, child)


async def test_two_at_once_are_one_certificate(
    app: FastAPI, database: Database, connection: asyncpg.Connection, person: UUID, child: UUID
) -> None:
    service = app.state.services.certificates
    async with begun(service, database, person, child) as first:
        other = asyncio.create_task(issued_alone(service, database, person, child))
        await blocked(connection)
    assert await other == first


async def test_control_without_the_lock_they_are_two(
    app: FastAPI, database: Database, person: UUID, child: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = app.state.services.certificates
    unlocked = {"certificates/lock_person": "SELECT $1::uuid"}
    monkeypatch.setattr(module, "statement", lambda name: unlocked.get(name) or statement(name))
    async with begun(service, database, person, child) as first:
        async with asyncio.timeout(PATIENCE_S):
            assert await issued_alone(service, database, person, child) != first


async def test_of_two_that_end_it_at_once_one_does(
    database: Database, connection: asyncpg.Connection, me: Caller, issue: Issue
) -> None:
    number = (await issue())["number"]

    async def end(reason: Any) -> Any:
        async with database.transaction() as writing:
            return await revoke_number(writing, number, reason, "sql", "test")

    told = await asyncio.gather(end("lost"), end("replaced"), end("wrong_record"))
    assert sorted(isinstance(one, Refusal) for one in told) == [False, True, True]
    assert {one.code for one in told if isinstance(one, Refusal)} == {"certificate_already_revoked"}
    ended = await connection.fetchval(
        """SELECT count(*) FROM certificate_revocations JOIN certificates USING (certificate_id)
           WHERE number = $1""",
        number,
    )
    assert ended == 1
