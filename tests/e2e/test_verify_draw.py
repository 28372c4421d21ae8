"""Anybody checks a published draw in the browser: the file stays there, a change is named, one's ticket is found."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.visitor import DESKTOP, PHONE, Visitor

Visit = Callable[..., Awaitable[Visitor]]
SAMPLE = Path(__file__).resolve().parents[1] / "vectors" / "draw" / "result.jsonl"


@pytest.mark.parametrize(("name", "viewport"), [("draw-phone", PHONE), ("draw-desktop", DESKTOP)])
async def test_a_draw_is_checked_where_it_is_read(visit: Visit, name: str, viewport: dict[str, int]) -> None:
    visitor = await visit(name, viewport=viewport)
    page = visitor.page
    await visitor.open("draw/verify")
    await visitor.title("核验摇号结果")
    await expect(page.get_by_role("button", name="开始核验")).to_be_disabled()
    await visitor.look("01-choose")

    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    header = json.loads(lines[0])
    position, _, ticket, _ = json.loads(lines[9])
    await page.get_by_label("结果文件").set_input_files(SAMPLE)
    await page.get_by_label("我的票号").fill(ticket)
    await page.get_by_label("事先公布的承诺").fill(header["commitment"])
    await page.context.set_offline(True)
    await visitor.press("开始核验")
    await page.get_by_role("heading", name="核验通过").wait_for()
    await page.get_by_text(f"第 {position} 位，共 24 位").wait_for()
    await visitor.look("02-holds")
    await page.get_by_label("我的票号").fill("NOBODY")
    await page.get_by_text("名单里没有票号“NOBODY”").wait_for()

    forged = b"".join([*lines[:9], lines[9].replace(ticket.encode(), b"FRIEND"), *lines[10:]])
    await page.get_by_label("结果文件").set_input_files(
        {"name": "result.jsonl", "mimeType": "application/json", "buffer": forged}
    )
    await visitor.press("开始核验")
    await page.get_by_role("heading", name="核验不通过").wait_for()
    await page.get_by_text("第 10 行：票号 FRIEND").wait_for()
    await visitor.look("03-changed")
    assert visitor.changes == []
