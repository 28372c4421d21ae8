"""The work before a code: unseen when it is quick, said when it is not, told honestly when it cannot be done."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Route, expect

from tests.e2e.test_booking_journey import code_for
from tests.e2e.visitor import Visitor, new_phone

Visit = Callable[..., Awaitable[Visitor]]
CHALLENGES = re.compile(r"/public/challenges")
WORKER = re.compile(r"/assets/pbkdf2.*\.js")


async def test_by_keyboard_in_large_type_and_what_takes_time_is_said(visit: Visit) -> None:
    visitor = await visit("challenge")
    page, phone, go_on = visitor.page, new_phone(), asyncio.Event()

    async def hold_back(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route(CHALLENGES, hold_back)
    await visitor.open("login")
    await page.evaluate("document.documentElement.dataset.type = 'large'")
    await page.get_by_label("手机号码").press_sequentially(phone)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="正在安全验证")).to_be_attached()
    await expect(page.locator(".van-button--loading")).to_have_text("正在安全验证")
    await page.screenshot(path=f"tests/e2e/screenshots/{visitor.name}-verifying-large.png", full_page=True)
    go_on.set()
    await page.get_by_text(f"验证码已发送至 {phone[:3]}****{phone[-4:]}").wait_for()
    await expect(page.get_by_label("短信验证码")).to_be_focused()
    await page.keyboard.type(await code_for(visitor, phone))
    await page.keyboard.press("Enter")
    await visitor.title("建立本人档案")
    assert visitor.foreign == []
    assert visitor.complaints == []


async def test_a_browser_that_cannot_do_the_work_is_told_what_to_do(visit: Visit) -> None:
    visitor = await visit("no-worker")
    page = visitor.page
    await page.route(WORKER, lambda route: route.abort())
    await visitor.open("login")
    await page.get_by_label("手机号码").fill(new_phone())
    await visitor.press("获取验证码")
    await page.get_by_role("heading", name="安全验证没有完成").wait_for()
    assert [path for path, _ in visitor.changes] == [], "nothing was sent"
    visitor.complaints.clear()  # the browser itself reports the worker that did not come
    await visitor.look("unsolvable")
    await page.unroute(WORKER)
    await visitor.press("重试")
    await page.get_by_text("验证码已发送至").wait_for()


async def test_an_old_solution_is_replaced_unseen(visit: Visit) -> None:
    visitor = await visit("replaced")
    page, phone = visitor.page, new_phone()
    seen: list[str] = []

    async def spoil_first(route: Route) -> None:
        if not seen:
            seen.append("spoilt")
            await route.continue_(
                post_data=re.sub(r'"challenge":"\w{60}', '"challenge":"' + "A" * 60, route.request.post_data or "")
            )
        else:
            seen.append("good")
            await route.continue_()

    await page.route(re.compile(r"/auth/codes$"), spoil_first)
    await visitor.open("login")
    await page.get_by_label("手机号码").fill(phone)
    await visitor.press("获取验证码")
    await page.get_by_text("验证码已发送至").wait_for()
    assert seen == ["spoilt", "good"]


async def test_a_second_code_too_soon_names_the_budget_and_the_time(visit: Visit) -> None:
    visitor = await visit("too-soon")
    page, phone = visitor.page, new_phone()
    await visitor.open("login")
    for first in (True, False):
        await page.get_by_label("手机号码").fill(phone)
        await visitor.press("获取验证码")
        if first:
            await page.get_by_text("验证码已发送至").wait_for()
            await visitor.press("换一个号码")
    await page.get_by_text("这个手机号 1 分钟内最多发送 1 条验证码").wait_for()
    await visitor.look("too-soon")
