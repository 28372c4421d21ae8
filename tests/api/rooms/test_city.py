"""The city opens a room, runs it and closes it: each change on record, each repeat one effect."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, staff_token
from tests.factories import make_session


@pytest_asyncio.fixture(loop_scope="session")
async def city(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> Caller:
    return Caller(client, await staff_token(connection, keys, "city_admin"))


async def opened(city: Caller, connection: asyncpg.Connection, **more: Any) -> dict[str, Any]:
    world = await make_session(connection)
    body = {"scope": "session", "title": "流感专场", "session_ids": [world.session_id], "rate_per_minute": 120}
    answer = await city.post("/admin/rooms", body | more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_room_is_opened_run_and_closed(city: Caller, connection: asyncpg.Connection) -> None:
    room = await opened(city, connection)
    room_id = room["room_id"]
    (session_id,) = room["session_ids"]
    assert (room["is_on"], room["state"], room["rate_per_minute"], room["secret"]) == (True, "on", 120, None)
    shown = (await city.get(f"/public/sessions/{session_id}/room")).json()["room"]
    assert (shown["room_id"], shown["commitment"]) == (room_id, room["commitment"])
    assert "session_ids" not in shown, "what is the back office's stays there"

    changed = await city.patch(f"/admin/rooms/{room_id}", {"rate_per_minute": 30, "paused": True, "reason": "接种台少"})
    assert (changed.json()["rate_per_minute"], changed.json()["paused"]) == (30, True)
    off = await city.patch(f"/admin/rooms/{room_id}", {"state": "off", "reason": "人少"})
    assert off.json()["is_on"] is False
    auto = await city.patch(f"/admin/rooms/{room_id}", {"state": "auto", "reason": "忘了填"})
    assert (auto.status_code, auto.json()["errors"][0]["field"]) == (422, "on_above")
    closed = await city.patch(f"/admin/rooms/{room_id}", {"state": "closed", "reason": "结束"})
    assert (closed.json()["state"], closed.json()["is_on"]) == ("closed", False)
    assert (await city.get(f"/public/sessions/{session_id}/room")).json() == {"room": None}
    again = await city.patch(f"/admin/rooms/{room_id}", {"state": "on", "reason": "再开"})
    assert (again.status_code, again.json()["code"]) == (409, "room_closed")
    listed = (await city.get("/admin/rooms")).json()["items"]
    assert room_id in [item["room_id"] for item in listed]

    rows = await connection.fetch(
        "SELECT action, reason, detail::text FROM audit_entries WHERE subject = $1 ORDER BY at, seq, n",
        f"room:{room_id}",
    )
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("room.opened", None), ("room.changed", "接种台少"), ("room.changed", "人少"), ("room.changed", "结束"),
    ]  # fmt: skip


async def test_a_session_has_one_open_room(city: Caller, connection: asyncpg.Connection) -> None:
    room = await opened(city, connection)
    body = {"scope": "campaign", "title": "又一个", "session_ids": room["session_ids"], "rate_per_minute": 60}
    second = await city.post("/admin/rooms", body)
    assert (second.status_code, second.json()["code"]) == (409, "session_has_room")
    await city.patch(f"/admin/rooms/{room['room_id']}", {"state": "closed", "reason": "结束"})
    third = await city.post("/admin/rooms", body)
    assert third.status_code == 201, third.text
    await city.patch(f"/admin/rooms/{third.json()['room_id']}", {"state": "closed", "reason": "结束"})


async def test_a_repeat_opens_no_second_room(city: Caller, connection: asyncpg.Connection) -> None:
    world = await make_session(connection)
    body = {"scope": "session", "title": "流感专场", "session_ids": [world.session_id], "rate_per_minute": 1}
    key = uuid4().hex
    first, again = [await city.post("/admin/rooms", body, key=key) for _ in range(2)]
    assert first.json()["room_id"] == again.json()["room_id"]
    other = await city.post("/admin/rooms", body | {"title": "别的"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    await city.patch(f"/admin/rooms/{first.json()['room_id']}", {"state": "closed", "reason": "结束"})
