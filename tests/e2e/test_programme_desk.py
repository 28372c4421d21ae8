"""A draft of the programme: mistakes by line, what differs, who is told something else, a count, a review."""

import re
from collections.abc import Awaitable, Callable
from datetime import date

import asyncpg
from playwright.async_api import expect

from humiao.kit.keys import Keys
from tests.api.backoffice.test_programme import CHANGE, coming, taken_back, text_of
from tests.api.callers import staff_token
from tests.e2e.test_school_desk import log_in_staff
from tests.e2e.visitor import DESKTOP, Visitor

__all__ = ["coming", "taken_back"]
Visit = Callable[..., Awaitable[Visitor]]


async def test_from_a_text_to_an_edition(
    visit: Visit, connection: asyncpg.Connection, keys: Keys, coming: tuple[str, date]
) -> None:
    edition, day = coming
    writer, reviewer = [await visit(name, viewport=DESKTOP) for name in ("programme", "programme-reviewer")]
    for one in (writer, reviewer):
        await log_in_staff(one, await staff_token(connection, keys, "city_admin"), "city_admin")
    page = writer.page
    await writer.open("staff/programme")
    await writer.title("免疫程序")
    await writer.look("01-editions")
    await writer.press("起草新版本")
    await writer.title("起草新版本")
    text = page.get_by_label("程序数据（YAML）")
    await expect(text).to_have_value(re.compile("^# "))
    wrong = text_of(edition, day, (CHANGE[0], CHANGE[1].replace("min_age: P10M", "min_age: P10X")))
    await page.get_by_label("改了什么").fill("A群流脑第二剂改为10月龄")
    await page.get_by_label("依据的文件").fill("市疾控〔2026〕8号")
    await text.fill(wrong)
    await writer.press("保存并查看影响")
    await page.get_by_role("heading", name="有 1 处错误，没有保存").wait_for()
    line = 1 + wrong[: wrong.index("P10X")].count("\n")
    await page.get_by_role("button", name=re.compile(f"第{line}行有误")).click()
    chosen = "(e) => e.value.slice(e.selectionStart, e.selectionEnd)"
    assert "P10X" in await text.evaluate(chosen)
    await writer.look("02-mistake")
    await text.fill(text_of(edition, day, CHANGE))
    await writer.press("保存并查看影响")
    await writer.title("A群流脑第二剂改为10月龄")
    await writer.press("看典型儿童和抽样")
    await page.get_by_role("region", name="典型儿童").wait_for()
    await writer.press("统计全市")
    await page.get_by_text("统计完成").wait_for(timeout=60_000)
    await writer.look_twice("03-draft")
    await writer.press("提交审核")
    await page.get_by_text("已提交，请另一位管理员审核。").wait_for()
    await page.get_by_label("审核意见").fill("自己看过了")
    await writer.press("审核通过，发布")
    await writer.press("发布")
    await page.get_by_role("heading", name="不能审核自己的草案").wait_for()

    await reviewer.open("staff/programme")
    await reviewer.page.get_by_role("link", name=re.compile("A群流脑第二剂改为10月龄.*待审核")).first.click()
    await reviewer.title("A群流脑第二剂改为10月龄")
    await reviewer.page.get_by_label("审核意见").fill("与文件一致")
    await reviewer.press("审核通过，发布")
    await reviewer.look("04-publish")
    await reviewer.press("发布")
    await reviewer.page.get_by_text(f"已发布，{day} 零点起生效。").wait_for()
    assert (
        await connection.fetchval("SELECT effective_from FROM programme_editions WHERE edition_id = $1", edition) == day
    )
