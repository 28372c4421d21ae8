"""Revoking all tokens of one audience: what was issued before is refused, what is issued after is good."""

import asyncio
from typing import Any, ClassVar
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from humiao.auth.generations import Generations, read_generations, revoke
from humiao.auth.tokens import Resident
from humiao.errors import steps_by_code
from humiao.kit.database import Database, DatabaseBusy
from tests.api.callers import Caller
from tests.factories import make_session


async def test_revoked_passes_are_refused_and_new_ones_are_good(
    app: FastAPI, me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    world = await make_session(connection)
    await me.pass_for(person)
    await revoke(connection, "pass")
    renewed = Caller(me._client, me.token)
    await renewed.pass_for(person)  # signed by a process that has not noticed yet: it asks where the truth is
    await app.state.generations.read()

    refused = await me.hold_place(person, world.window_ids[0], world.stock_id)
    assert (refused.status_code, refused.json()["code"]) == (401, "pass_invalid")
    assert steps_by_code()[refused.json()["code"]][0]["action"] == "renew_pass"
    assert (await renewed.hold_place(person, world.window_ids[0], world.stock_id)).status_code == 201


async def test_revoked_access_tokens_are_refused_and_new_ones_are_good(
    app: FastAPI, client: httpx.AsyncClient, me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    login = await connection.fetchval("SELECT login_session_id FROM login_sessions WHERE account_id = $1", person)

    def logged_in() -> Caller:
        return Caller(client, app.state.tokens.for_resident(Resident(person, login)))

    before = logged_in()
    assert (await before.get("/resident/me")).status_code == 200
    await revoke(connection, "resident")
    await app.state.generations.read()
    refused = await before.get("/resident/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_logged_in")
    assert (await logged_in().get("/resident/me")).status_code == 200


class Faltering(Database):
    """A database that is away for the first few times it is asked."""

    faults: ClassVar = [DatabaseBusy("full"), ConnectionResetError(), asyncpg.AdminShutdownError("")]

    def read(self) -> Any:
        if self.faults:
            raise self.faults.pop()
        return super().read()


async def test_a_process_notices_by_itself_also_after_its_database_was_away(
    database: Database, connection: asyncpg.Connection
) -> None:
    raised = await revoke(connection, "staff")
    generations = Generations(Faltering(database._pool))
    keeping_up = asyncio.create_task(generations.keep_up(every_s=0.01))
    async with asyncio.timeout(5):
        while generations.current.get("staff", 0) < raised:  # noqa: ASYNC110 - what a loop does can only be looked at
            await asyncio.sleep(0.01)
    assert Faltering.faults == []
    assert generations.current == await read_generations(connection)
    keeping_up.cancel()
    await asyncio.wait([keeping_up])
    assert keeping_up.cancelled()


async def test_a_revocation_is_on_record_and_is_for_good(connection: asyncpg.Connection) -> None:
    raised = await revoke(connection, "pass")
    entry = await connection.fetchrow(
        "SELECT action, actor, source, detail FROM audit_entries WHERE subject = 'tokens:pass' ORDER BY at DESC LIMIT 1"
    )
    assert (entry["action"], entry["actor"], entry["source"]) == ("tokens.revoked", "sql", "cli")
    assert entry["detail"] in ({"to": raised}, f'{{"to": {raised}}}')
    for undo in (
        "UPDATE token_generations SET generation = generation - 1 WHERE audience = 'pass'",
        "DELETE FROM token_generations WHERE audience = 'pass'",
    ):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await connection.execute(undo)
        assert refused.value.sqlstate == "HM002"
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("INSERT INTO token_generations (audience) VALUES ($1)", uuid4().hex)
