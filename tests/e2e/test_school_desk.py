"""A clinic uploads a class list, reads which rows are wrong, checks the rest, documents a reason and checks again."""

import io
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import asyncpg
import openpyxl
from playwright.async_api import expect

from humiao.kit.keys import Keys
from tests.api.callers import staff_token
from tests.e2e.visitor import DESKTOP, PHONE, Visitor
from tests.factories import make_clinic
from tests.unit.schoolcheck.lists import good_rows, id_number, xlsx
from tests.unit.schoolcheck.test_service import on_record
from tests.unit.schoolcheck.test_verdict import AT_FOUR, BORN, records

Visit = Callable[..., Awaitable[Visitor]]


async def log_in_staff(visitor: Visitor, token: str, role: str) -> None:
    """Put a login into the tab, as the login page of staff does."""
    await visitor.open("staff/login")
    login = {"accessToken": token, "refreshToken": "", "phoneMasked": "", "name": "测试员工", "role": role}
    await visitor.page.evaluate("(login) => sessionStorage.setItem('humiao.staff', JSON.stringify(login))", login)
    await visitor.page.reload()
    await visitor.settled()


async def test_a_class_list_is_checked(
    visit: Visit, connection: asyncpg.Connection, keys: Keys, tmp_path: Path
) -> None:
    number = await on_record(connection, keys, "李小丽", records(AT_FOUR)[:-1])
    complete = await on_record(connection, keys, "李小红", records(AT_FOUR))
    rows = [["李小丽", "女", BORN, number, "小一班"], ["李小红", "女", BORN, complete, "小一班"], *good_rows(6)]
    rows += [["", "男", BORN, id_number(BORN, 7), "小一班"], ["张三", "男", "去年", id_number(BORN, 9), "小二班"]]
    file = tmp_path / "list.xlsx"
    file.write_bytes(xlsx(rows))
    school = f"第{uuid4().hex[:6]}幼儿园"

    clerk = await visit("school", viewport=DESKTOP)
    page = clerk.page
    await clerk.open("staff/login")
    await clerk.look("01-login")
    await log_in_staff(
        clerk, await staff_token(connection, keys, "clinic_staff", await make_clinic(connection)), "clinic_staff"
    )
    await clerk.open("staff")
    await clerk.title("工作台")
    await clerk.look("02-staff")
    await page.get_by_role("button", name=re.compile("^入托入园入学查验")).click()
    await clerk.title("入托入园入学查验")
    await page.get_by_label("学校所在区").select_option("310104")
    await page.get_by_label("学校名称").fill(school)
    await page.get_by_label("名单文件（xlsx）").set_input_files(file)
    await clerk.look("03-upload")
    await clerk.press("检查名单")
    await page.get_by_text("有误 2 行").wait_for()
    await expect(page.get_by_role("row", name=re.compile("10 姓名 姓名未填写"))).to_be_visible()
    await clerk.look_twice("04-mistakes")
    await clerk.press("只查验无误的 8 人")
    await clerk.title(school)
    await expect(page.get_by_text("名单中有 2 行有误")).to_be_visible()
    await clerk.look_twice("05-verdicts")

    await page.get_by_role("button", name=re.compile("需补种")).click()
    await clerk.settled()
    await page.get_by_role("button", name="为第 2 行登记医学原因").click()
    await page.get_by_label("疫苗", exact=True).select_option("VAR")
    await page.get_by_label("依据").fill("儿科医院2026年8月20日诊断证明")
    await clerk.look("06-exemption")
    await page.get_by_role("button", name="登记", exact=True).click()
    await page.get_by_text("已登记。").wait_for()
    await clerk.press("立即复验")
    await page.get_by_text("1 人的结果有变化").wait_for()
    await page.get_by_role("button", name=re.compile("医学原因 *1")).click()
    await clerk.settled()
    await clerk.look("07-exempt")
    async with page.expect_download() as downloading:
        await clerk.press("下载结果（xlsx）")
    saved = io.BytesIO((await (await downloading.value).path()).read_bytes())
    cells = [[cell.value for cell in row] for row in openpyxl.load_workbook(saved).active.iter_rows()]
    assert len(cells) == 9 and number not in str(cells) and number not in await page.content()
    await page.get_by_role("button", name="返回").click()
    await page.get_by_role("link", name=re.compile(school)).wait_for()
    assert len(set(clerk.keys("/lists"))) == 2


async def test_an_administrator_reads_figures(visit: Visit, connection: asyncpg.Connection, keys: Keys) -> None:
    clerk = await visit("statistics", viewport=PHONE)
    await log_in_staff(clerk, await staff_token(connection, keys, "city_admin"), "city_admin")
    await clerk.open("staff/school-statistics")
    await clerk.title("查验统计")
    await clerk.page.get_by_role("region", name="按学校").wait_for()
    await clerk.look("01-figures")


async def test_who_is_logged_out_logs_in_again(visit: Visit) -> None:
    clerk = await visit("staff-out")
    await log_in_staff(clerk, "no token", "clinic_staff")
    await clerk.open("staff/school-checks")
    await clerk.press("重新登录")
    await clerk.title("工作人员登录")
    await clerk.page.get_by_label("用户名").fill("nobody")
    await clerk.page.get_by_label("密码").fill("a wrong password")
    await clerk.press("登录")
    await clerk.page.get_by_role("heading", name="用户名或密码不正确").wait_for()
    await clerk.look("01-wrong")
