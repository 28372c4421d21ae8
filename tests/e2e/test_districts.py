"""A resident says where somebody lives and works, and finds it again."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from playwright.async_api import expect

from humiao.kit.keys import Keys
from tests.api.callers import resident_token
from tests.e2e.test_certificate_journey import log_in
from tests.e2e.visitor import DESKTOP, PHONE, Visitor
from tests.factories import make_residents

Visit = Callable[..., Awaitable[Visitor]]


@pytest.mark.parametrize(("name", "viewport"), [("districts-phone", PHONE), ("districts-desktop", DESKTOP)])
async def test_districts_are_declared(
    visit: Visit, connection: asyncpg.Connection, keys: Keys, name: str, viewport: dict[str, int]
) -> None:
    (account,) = await make_residents(connection, keys.vault(), 1)
    resident = await visit(name, viewport=viewport)
    page = resident.page
    await log_in(resident, await resident_token(connection, keys, account))
    await resident.open("people")
    await resident.title("家庭成员")
    await resident.look("01-people")
    await resident.press("居住区与工作区")
    await resident.title("居住区与工作区")
    await page.get_by_label("住在哪个区").select_option(label="徐汇区")
    await resident.press("保存")
    await page.get_by_text("已保存。").wait_for()
    await resident.look("02-saved")
    await page.reload()
    await resident.title("居住区与工作区")
    await expect(page.get_by_label("住在哪个区")).to_have_value("310104")
    await expect(page.get_by_label("在哪个区工作或上学")).to_have_value("")
    assert len(resident.keys("/districts")) == 1
