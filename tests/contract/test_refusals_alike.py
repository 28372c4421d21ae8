"""Whatever is wrong with a request to a hot route, it is told alike at the gate and at the API: the bad-input table,
asked of the gate, of the API, and of the gate once more, which by then answers from what it knows."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.bad_input import booking_rows, pass_rows, room_rows, wire_rows
from tests.api.bad_input.rows import FRESH, Request, Row
from tests.api.bad_input.stage import Stage, build
from tests.contract import hot_rows
from tests.contract.faces import Face, assert_alike

# A length that is none, or a lie, is no request that a client can send; the gate's own tests send it byte by byte.
UNSENDABLE = {"length that is none", "length that is a lie"}
ROWS = [
    *booking_rows.PLACES,
    *booking_rows.KEYS,
    *pass_rows.SHOWN,
    *pass_rows.ORDER,
    *wire_rows.BODIES,
    *wire_rows.TYPES,
    *hot_rows.ROWS,
    *room_rows.PLACES,
]
CASES = [pytest.param(row, id=row.name) for row in ROWS if row.name not in UNSENDABLE]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(app: FastAPI, database: Database, keys: Keys) -> AsyncIterator[Stage]:
    async with database.read() as connection:
        yield await build(connection, database, app.state.services.scheduling._engine, keys)


async def ask(face: Face, stage: Stage, request: Request) -> httpx.Response:
    """Send a request of the table as it is."""
    tokens = {"me": stage.my_token, "free": stage.free_token, "other": stage.other_token,
              "clinic": stage.clinic_token, "city": stage.city_token}  # fmt: skip
    headers: dict[str, str | bytes] = {}
    if request.who != "nobody":
        headers["Authorization"] = f"Bearer {tokens[request.who]}"
    if request.content_type:
        headers["Content-Type"] = request.content_type
    if request.key is not None:
        headers["Idempotency-Key"] = (uuid4().hex if request.key is FRESH else request.key).encode()
    return await face.send(request.method, f"/api/v1{request.path}", request.body, headers | request.headers)


async def settled(face: Face, stage: Stage, request: Request) -> httpx.Response:
    """Ask until the try before this one has ended at the cache: until then the same person is told `in_flight`."""
    async with asyncio.timeout(5):
        while True:
            answer = await ask(face, stage, request)
            if answer.json()["code"] != "in_flight":
                return answer
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("row", CASES)
async def test_a_refusal_is_the_same_on_both_faces(row: Row, stage: Stage, faces: tuple[Face, Face]) -> None:
    gate, api = faces
    request = row.make(stage)
    by_gate, by_api, once_more = [await settled(face, stage, request) for face in (gate, api, gate)]
    assert (by_api.status_code, by_api.json()["code"]) == (row.status, row.code), by_api.text
    assert_alike(by_gate, by_api)
    assert_alike(once_more, by_api)
