"""A resident chooses which reminders to get, and finds the choice again."""

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


@pytest.mark.parametrize(("name", "viewport"), [("reminders-phone", PHONE), ("reminders-desktop", DESKTOP)])
async def test_reminders_are_chosen(
    visit: Visit, connection: asyncpg.Connection, keys: Keys, name: str, viewport: dict[str, int]
) -> None:
    (account,) = await make_residents(connection, keys.vault(), 1)
    resident = await visit(name, viewport=viewport)
    page = resident.page
    await log_in(resident, await resident_token(connection, keys, account))
    await resident.open("people")
    await resident.title("家庭成员")
    await resident.press("提醒设置")
    await resident.title("提醒设置")
    overdue, appointment = page.get_by_role("switch", name="逾期补种"), page.get_by_role("switch", name="预约前一天")
    await expect(overdue).to_be_checked()
    await resident.look("01-all")
    await overdue.focus()
    await page.keyboard.press("Space")
    await resident.press("保存")
    await page.get_by_text("已保存。").wait_for()
    await resident.look("02-saved")
    await page.reload()
    await resident.title("提醒设置")
    await expect(overdue).not_to_be_checked()
    await expect(appointment).to_be_checked()
