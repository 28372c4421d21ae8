"""Bad input, row by row: the right status and code, told in Chinese, naming what is wrong, and nothing has changed."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from humiao.errors import PROBLEMS, SMALL_BYTES_MAX
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.bad_input import (
    booking_rows,
    pass_rows,
    people_rows,
    programme_rows,
    record_rows,
    reminder_rows,
    room_rows,
    staff_rows,
    visit_rows,
    waitlist_rows,
    wire_rows,
)
from tests.api.bad_input.rows import FRESH, Request, Row
from tests.api.bad_input.stage import Stage, build
from tests.api.bad_input.unchanged import digest

TABLES = {
    "people": people_rows.ROWS,
    "booking": booking_rows.ROWS,
    "pass": pass_rows.ROWS,
    "programme": programme_rows.ROWS,
    "records": record_rows.ROWS,
    "reminders": reminder_rows.ROWS,
    "rooms": room_rows.ROWS,
    "staff": staff_rows.ROWS,
    "visits": visit_rows.ROWS,
    "waitlist": waitlist_rows.ROWS,
    "wire": wire_rows.ROWS,
}
CASES = [pytest.param(row, id=f"{table}: {row.name}") for table, rows in TABLES.items() for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(app: FastAPI, database: Database, keys: Keys) -> AsyncIterator[Stage]:
    engine = app.state.services.scheduling._engine
    async with database.read() as connection:
        yield await build(connection, database, engine, keys)


async def send(client: httpx.AsyncClient, stage: Stage, request: Request) -> httpx.Response:
    tokens = {
        "me": stage.my_token, "free": stage.free_token, "other": stage.other_token, "clinic": stage.clinic_token,
        "city": stage.city_token,
    }  # fmt: skip
    headers: dict[str, str | bytes] = {}
    if request.who != "nobody":
        headers["Authorization"] = f"Bearer {tokens[request.who]}"
    if request.content_type:
        headers["Content-Type"] = request.content_type
    if request.key is not None:
        headers["Idempotency-Key"] = (uuid4().hex if request.key is FRESH else request.key).encode()
    return await client.request(
        request.method, f"/api/v1{request.path}", content=request.body, headers=headers | request.headers
    )


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


@pytest.mark.parametrize("row", CASES)
async def test_it_is_refused_and_nothing_changes(
    row: Row, stage: Stage, client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    before = await digest(connection)
    request = row.make(stage)
    answer = await send(client, stage, request)
    after = await digest(connection)

    body = json.loads(answer.content)
    assert (answer.status_code, body["code"]) == (row.status, row.code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert body["status"] == row.status == PROBLEMS[row.code].status
    if PROBLEMS[row.code].small:
        assert set(body) == {"code", "status", "title", "detail"} | ({"retry_at"} & set(body))
        assert len(answer.content) <= SMALL_BYTES_MAX
    else:
        assert body["type"] == f"urn:humiao:problem:{row.code}"
    assert is_chinese(body["title"]) and is_chinese(body["detail"])
    if row.field:
        named = {error["field"]: error["message"] for error in body["errors"]}
        assert row.field in named and is_chinese(named[row.field]), named
    if row.retry_at:
        assert body["retry_at"].endswith("+08:00")
    for secret in ("310100199", "13800000001", "王小"):
        assert secret not in answer.text, "an answer repeats what it was told"
    assert len(answer.content) < 3000, "an answer grows with what it was told"
    assert {table for table, sum_ in after.items() if before[table] != sum_} == row.writes


def test_the_table_is_long_enough_and_names_each_row_once() -> None:
    names = [(table, row.name) for table, rows in TABLES.items() for row in rows]
    assert len(names) == len(set(names)) >= 250
