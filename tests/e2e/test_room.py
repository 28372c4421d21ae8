"""Waiting in a browser: sent to the room by a refusal, a place that survives a reload, and back when it is time."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from playwright.async_api import Locator, Page, expect

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.callers import resident_token
from tests.e2e.test_booking_journey import Visit, become_resident, choose_product, find_window, open_windows
from tests.e2e.visitor import DESKTOP
from tests.factories import World, make_residents
from tests.passes import HEADER as PASS
from tests.passes import pass_for
from tests.rooms import RoomStage, open_room

PATIENCE_S = 30


async def until_gate_knows(city: Any, connection: asyncpg.Connection, keys: Keys, room: RoomStage) -> None:
    """Ask as a stranger without a ticket, until the gate says that one has to wait."""
    (stranger,) = await make_residents(connection, keys.vault(), 1)
    headers = {"Authorization": f"Bearer {await resident_token(connection, keys, stranger)}",
               PASS: pass_for(keys, stranger)}  # fmt: skip
    world = room.world
    body = {"person_id": str(stranger), "window_id": world.window_ids[0], "stock_id": world.stock_id}
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=city.base_url) as http:
        while True:
            more = headers | {"Idempotency-Key": uuid4().hex}
            if (await http.post("/api/v1/resident/holds", json=body, headers=more)).json()["code"] == "room_needed":
                return
            await asyncio.sleep(0.1)


async def told_at_once(page: Page, sign: Locator) -> None:
    """Look away and at the page again until it says so: then it asks, and waits for no poll that was told before."""
    async with asyncio.timeout(PATIENCE_S):
        while not await sign.is_visible():
            await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            await asyncio.sleep(0.3)


async def test_a_resident_waits_and_books(
    visit: Visit, city: Any, database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    visitor = await visit("room")
    page = visitor.page
    await become_resident(visitor)
    place = await find_window(visitor)
    row = await connection.fetchrow(
        """SELECT s.session_id, s.clinic_id, s.session_date, t.stock_id FROM windows w
           JOIN clinic_sessions s USING (session_id) JOIN session_stocks t USING (session_id)
                JOIN products p USING (product_id)
           WHERE w.window_id = $1 AND p.vaccine_code = 'IIV4' LIMIT 1""",
        int(place.window_id),
    )
    world = World(row["clinic_id"], row["session_id"], [int(place.window_id)], row["stock_id"], row["session_date"])
    opens_at = datetime.now(UTC) + timedelta(hours=1)
    room = await open_room(database, connection, keys, world=world, opens_at=opens_at, title="流感疫苗专场", per_s=5)
    async with room.between_ticks():
        await connection.execute("UPDATE rooms SET paused = true WHERE room_id = $1", room.room_id)
    await room.enforce()
    try:
        await until_gate_knows(city, connection, keys, room)
        await open_windows(visitor).nth(1).click()
        await choose_product(visitor)
        await visitor.press("先占住这个号")
        await page.get_by_role("heading", name="请先排队").wait_for()
        await visitor.look("20-room-needed")
        await visitor.press("进入排队大厅")
        await visitor.title("已进入排队大厅")
        await expect(page.get_by_text("位次由摇号决定")).to_be_visible()
        await visitor.look("21-room-early")

        await room.open_now()
        await room.tick()
        await page.reload()
        await told_at_once(page, page.get_by_text("前面还有"))
        await expect(page.get_by_text("0 人")).to_be_visible()
        await visitor.look("22-room-waiting")
        await page.get_by_text("位次怎么来的").click()
        await expect(page.get_by_role("link", name="下载摇号结果")).to_be_visible()
        await visitor.look("22-room-draw")
        await page.set_viewport_size(DESKTOP)
        await visitor.look("22-room-waiting-desktop")

        async with room.between_ticks():
            await connection.execute(
                "UPDATE rooms SET paused = false, ticked_at = clock_timestamp() WHERE room_id = $1", room.room_id
            )
        await told_at_once(page, page.get_by_role("heading", level=1, name="轮到您了"))
        await visitor.look("23-room-admitted")
        await visitor.press("去选号预约")
        await visitor.title(re.compile("选择接种人"))
        await visitor.press("先占住这个号")
        await visitor.title("核对并确认")
    finally:
        await room.close()
