"""The journeys of a resident in a browser.

Find, log in, hold, confirm, see, move, cancel; and what may go wrong on the way.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, Route, expect

from tests.e2e.visitor import DESKTOP, Visitor, new_identity_number, new_phone

Visit = Callable[..., Awaitable[Visitor]]
PASSES = re.compile(r"/resident/passes$")
PRODUCT_OR_PERSON = re.compile("选择疫苗品种|选择接种人")


@dataclass(frozen=True)
class Place:
    """A window that was found on the page, and the address of the page that shows it."""

    address: str
    window_id: str


async def code_for(visitor: Visitor, phone: str) -> str:
    code = visitor.city.last_sms(phone)
    return await code if inspect.isawaitable(code) else code


async def log_in(visitor: Visitor, look: bool = False) -> None:
    """From the login page to the page for a newcomer's own profile."""
    phone = new_phone()
    await visitor.title("手机验证码登录")
    if look:
        await visitor.look("03-login-phone")
    await visitor.page.get_by_label("手机号码").fill(phone)
    await visitor.press("获取验证码")
    await visitor.page.get_by_text(f"验证码已发送至 {phone[:3]}****{phone[-4:]}").wait_for()
    await expect(visitor.page.get_by_label("短信验证码")).to_be_focused()
    await expect(visitor.page.get_by_role("button", name=re.compile("秒后可重新获取"))).to_be_disabled()
    if look:
        await visitor.look("04-login-code")
    await visitor.page.get_by_label("短信验证码").fill(await code_for(visitor, phone))
    await visitor.press("登录")


async def create_profile(visitor: Visitor, look: bool = False) -> None:
    await visitor.title("建立本人档案")
    number = new_identity_number()
    page = visitor.page
    await page.get_by_label("姓名").fill("王小明")
    slip = number[:-1] + ("0" if number[-1] != "0" else "1")
    await page.get_by_label("证件号码").fill(slip)
    await visitor.press("保存")
    await page.get_by_text("号码的校验位不对").wait_for()
    assert visitor.keys("/resident/people") == [], "a slip of the finger leaves the phone"
    if look:
        await visitor.look("05-profile-slip")
    await page.get_by_label("证件号码").fill(number)
    await page.get_by_text("出生，女").wait_for()
    await visitor.press("保存")


async def become_resident(visitor: Visitor) -> None:
    await visitor.open("login")
    await log_in(visitor)
    await create_profile(visitor)
    await visitor.title("预防接种预约")


async def find_window(visitor: Visitor, look: bool = False, search: str = "sjlg", name: str = "四价流感") -> Place:
    """From the home page to the windows of the first clinic that has the vaccine."""
    page = visitor.page
    await visitor.press("按疫苗预约 先选疫苗，再看哪家门诊有号")
    await visitor.title("选择疫苗")
    if look:
        await visitor.look("01-vaccines")
    await page.get_by_label("搜索疫苗").fill(search)
    await page.get_by_text(re.compile(r"^共 [1-9] 种疫苗$")).wait_for(state="attached")
    await page.get_by_role("link", name=re.compile(name)).first.click()
    await visitor.title("选择门诊")
    if look:
        await visitor.look("02-clinics")
    await page.get_by_role("link", name=re.compile("余 [0-9]+")).first.click()
    await visitor.title("选择时间")
    await later_day(visitor)
    window = open_windows(visitor).nth(1)
    if look:
        await visitor.look("02-windows")
    return Place(page.url, await window.get_attribute("data-window") or "")


async def later_day(visitor: Visitor) -> None:
    """Choose the second day that has places: today may be nearly over when the tests run."""
    await visitor.page.locator("button.day.state-open").nth(1).click()
    await open_windows(visitor).nth(2).wait_for()


def open_windows(visitor: Visitor) -> Locator:
    return visitor.page.locator("button.window:enabled")


def cell(visitor: Visitor, place: Place) -> Locator:
    return visitor.page.locator(f'button.window[data-window="{place.window_id}"]')


async def free_places(visitor: Visitor, place: Place) -> int:
    """What the cell says: 可约 余 12 is 12, 约满 is 0."""
    await visitor.page.goto("about:blank")
    await visitor.page.goto(place.address)
    text = await cell(visitor, place).inner_text()
    if "约满" in text:
        return 0
    found = re.search(r"可约\s*余 (\d+)", text)
    assert found, text
    return int(found.group(1))


async def choose_product(visitor: Visitor, look: bool = False) -> None:
    """On the page of a chosen window: the product where there are several, to the choice of a person."""
    page = visitor.page
    await visitor.title(PRODUCT_OR_PERSON)
    if await page.get_by_role("heading", level=1, name="选择疫苗品种").count():
        if look:
            await visitor.look("06-product")
        await page.get_by_role("link", name=re.compile("余 [0-9]+ 剂")).first.click()
    await visitor.title("选择接种人")


async def hold(visitor: Visitor, look: bool = False) -> None:
    """On the page of a chosen window: product, person, hold."""
    await choose_product(visitor, look)
    if look:
        await visitor.look("07-person")
    await visitor.press("先占住这个号")


async def book(visitor: Visitor) -> None:
    """Newcomer on the home page to the page that says booked."""
    await find_window(visitor)
    await open_windows(visitor).nth(1).click()
    await hold(visitor)
    await visitor.title("核对并确认")
    await visitor.press("确认预约")
    await visitor.title("预约成功")


async def test_newcomer_books_and_cancels_while_another_browser_watches(visit: Visit) -> None:
    resident = await visit("phone")
    # the other browser belongs to somebody abroad: the city's hours are shown all the same
    watcher = await visit("watcher", timezone_id="America/New_York")
    page = resident.page

    await resident.open()
    await resident.look("00-home")
    place = await find_window(resident, look=True)
    before = await free_places(watcher, place)
    assert before > 0
    assert await cell(watcher, place).inner_text() == await cell(resident, place).inner_text()

    await cell(resident, place).click()
    await log_in(resident, look=True)
    await create_profile(resident, look=True)
    await hold(resident, look=True)
    await resident.title("核对并确认")
    await expect(page.get_by_role("timer")).to_have_text(re.compile(r"^0[89]:\d\d$|^10:00$"))
    await resident.look("08-hold")
    assert await free_places(watcher, place) == before - 1, "a held place is taken"

    await resident.press("确认预约")
    await resident.title("预约成功")
    await resident.look("09-booked")
    await resident.press("查看我的预约")
    await resident.title("我的预约")
    await page.get_by_role("link", name=re.compile("四价流感")).wait_for()
    await resident.look("10-reservations")
    assert await free_places(watcher, place) == before - 1

    await page.get_by_role("link", name=re.compile("四价流感")).click()
    await resident.title("预约详情")
    await resident.look("11-reservation")
    await resident.press("取消预约")
    dialog = page.get_by_role("dialog", name="取消这个预约？")
    await dialog.wait_for()
    await resident.look("12-cancel-dialog")
    await dialog.get_by_role("button", name="取消预约").click()
    await page.get_by_text("预约已取消，号源已经退回。").wait_for()
    await expect(page.get_by_role("button", name="取消预约", exact=True)).to_have_count(0)
    await resident.look("13-cancelled")
    assert await free_places(watcher, place) == before, "the place has come back"
    await watcher.look("windows")

    await resident.open("reservations?state=ended")
    await page.get_by_role("link", name=re.compile("已取消")).wait_for()
    await resident.open("people")
    await resident.look("14-people")


async def test_offline_is_told_and_the_retry_keeps_its_key(visit: Visit) -> None:
    resident = await visit("offline")
    page = resident.page
    await become_resident(resident)
    await find_window(resident)
    async with page.expect_response(PASSES):  # asked for before the hold, which then needs no other answer
        await open_windows(resident).nth(1).click()
    await resident.title(PRODUCT_OR_PERSON)
    await resident.context.set_offline(True)
    await hold(resident)
    await page.get_by_role("heading", name="没有连上网络").wait_for()
    await page.get_by_text("当前没有网络").wait_for()
    await resident.look("hold")
    await resident.press("重试")
    await page.get_by_role("heading", name="没有连上网络").wait_for()
    await resident.context.set_offline(False)
    await resident.press("重试")
    await resident.title("核对并确认")
    keys = resident.keys("/resident/holds")
    assert len(keys) == 3
    assert len(set(keys)) == 1, "one intent, one key"
    await resident.press("放弃，退回号源")
    await resident.title("已放弃占号")
    await resident.look("released")

    # data that could not load comes by itself when the network is back
    await resident.open("reservations?state=ended")
    await resident.context.set_offline(True)
    await resident.press("进行中")
    await page.get_by_role("heading", name="没有连上网络").wait_for()
    await resident.context.set_offline(False)
    await page.get_by_text("现在没有进行中的预约。").wait_for()


async def test_who_may_not_have_a_vaccine_is_told_before_anything_is_held(visit: Visit) -> None:
    resident = await visit("not-eligible")
    await become_resident(resident)
    await find_window(resident, search="DTaP", name="吸附无细胞百白破")
    await open_windows(resident).nth(1).click()
    await choose_product(resident)
    await resident.page.get_by_role("heading", name="暂不符合接种条件").wait_for()
    await expect(resident.page.get_by_role("button", name="先占住这个号")).to_have_count(0)
    await resident.look("told")
    assert resident.keys("/resident/holds") == []
    await resident.press("看看其他疫苗")
    await resident.title("选择疫苗")


async def test_a_pass_that_is_no_longer_taken_is_renewed_unseen(visit: Visit) -> None:
    resident = await visit("renewed-pass")
    await become_resident(resident)
    spoilt: list[str] = []

    async def spoil_first_pass(route: Route) -> None:
        headers = dict(route.request.headers)
        if not spoilt:
            spoilt.append(headers["eligibility-pass"])
            headers["eligibility-pass"] = "spoilt"
        await route.continue_(headers=headers)

    await resident.page.route(re.compile(r"/resident/holds$"), spoil_first_pass)
    await find_window(resident)
    await open_windows(resident).nth(1).click()
    await hold(resident)
    await resident.title("核对并确认")
    keys = resident.keys("/resident/holds")
    assert (len(keys), len(set(keys))) == (2, 1), "one intent, one key"
    assert len(resident.keys("/resident/passes")) == 2
    assert resident.keys("/auth/refresh") == [], "the login is good"


async def test_a_page_that_cannot_be_fetched_offline_can_be_reached_again(visit: Visit) -> None:
    visitor = await visit("unreached")
    page = visitor.page
    await visitor.open()
    await visitor.context.set_offline(True)
    await page.get_by_role("button", name=re.compile("按疫苗预约")).click()
    await page.get_by_role("heading", name="没有连上网络").wait_for()
    visitor.complaints.clear()  # the browser itself reports the failed import
    await visitor.look("home")
    await visitor.context.set_offline(False)
    await visitor.press("重试")
    await visitor.title("选择疫苗")


async def test_an_answer_lost_on_the_way_is_asked_for_again_not_done_again(visit: Visit) -> None:
    resident = await visit("lost")
    page = resident.page
    await become_resident(resident)
    lost: list[str] = []

    async def lose_first_answer(route: Route) -> None:
        if lost:
            await route.continue_()
            return
        lost.append(route.request.url)
        await route.fetch()  # the server has done it
        await route.abort("connectionreset")  # and nobody was told

    await page.route(re.compile(r"/resident/holds$"), lose_first_answer)
    await find_window(resident)
    await open_windows(resident).nth(1).click()
    await hold(resident)
    await page.get_by_role("heading", name="没有连上网络").wait_for()
    await resident.press("重试")
    await resident.title("核对并确认")
    assert len(set(resident.keys("/resident/holds"))) == 1

    lost.clear()
    await page.route(re.compile(r"/confirm$"), lose_first_answer)
    await resident.press("确认预约")
    await page.get_by_role("heading", name="没有连上网络").wait_for()
    await page.reload()
    await resident.settled()
    if await page.get_by_role("button", name="确认预约").count():
        await resident.press("确认预约")
        await resident.title("预约成功")
    else:
        await page.get_by_text("这个占号已经确认为预约。").wait_for()
        await resident.look("confirmed-elsewhere")
    await resident.open("reservations")
    await expect(page.get_by_role("link", name=re.compile("四价流感"))).to_have_count(1)


async def test_a_reservation_moves_and_a_second_one_is_refused_with_a_way_on(visit: Visit) -> None:
    resident = await visit("moves")
    page = resident.page
    await become_resident(resident)
    await book(resident)
    await resident.open()
    await resident.look("home-with-reservation")

    await find_window(resident)
    await open_windows(resident).nth(2).click()
    await hold(resident)
    await page.get_by_role("heading", name="已有同类疫苗的预约").wait_for()
    await resident.look("duplicate")
    await resident.press("查看我的预约")
    await resident.title("我的预约")

    await page.get_by_role("link", name=re.compile("四价流感")).click()
    await resident.title("预约详情")
    await resident.press("改到其他时间")
    await resident.title("改到其他时间")
    await later_day(resident)
    await expect(page.get_by_text("原时段")).to_have_count(1)
    await resident.look("reschedule")
    wanted = open_windows(resident).last
    time = await wanted.locator(".window-time").inner_text()
    await wanted.click()
    dialog = page.get_by_role("dialog", name="改到这个时间？")
    await dialog.wait_for()
    await resident.look("reschedule-dialog")
    await dialog.get_by_role("button", name="确认改期").click()
    await resident.title("预约详情")
    await page.get_by_text("预约已改到新的时间。").wait_for()
    await page.get_by_text(time).wait_for()
    await resident.press("取消预约")
    await page.get_by_role("dialog").get_by_role("button", name="取消预约").click()
    await page.get_by_text("预约已取消，号源已经退回。").wait_for()


async def test_a_hold_that_runs_out_says_so(visit: Visit) -> None:
    resident = await visit("expired")
    page = resident.page
    await page.clock.install()
    await become_resident(resident)
    await find_window(resident)
    await open_windows(resident).nth(1).click()
    await hold(resident)
    await resident.title("核对并确认")
    await page.clock.fast_forward("09:30")
    await expect(page.get_by_role("timer")).to_have_text(re.compile(r"^00:[0-3]\d$"))
    await expect(page.locator("[aria-live=polite]")).to_have_text(re.compile("^还剩 "))
    await resident.look("last-minute")
    await page.clock.fast_forward("01:00")
    await resident.title("占号已过期")
    await resident.look("over")
    await resident.press("重新选择时间")
    await resident.title("选择时间")


async def test_large_type_keyboard_and_focus(visit: Visit) -> None:
    visitor = await visit("keyboard")
    page = visitor.page
    await visitor.open()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="跳到主要内容")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()

    await page.get_by_role("switch", name="大字版").press("Space")
    await expect(page.locator("html")).to_have_attribute("data-type", "large")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-type", "large")

    await page.get_by_role("button", name=re.compile("按门诊预约")).press("Enter")
    await visitor.title("选择门诊")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await page.get_by_label("所在区").select_option(label="黄浦区")
    await expect(page.get_by_text("黄浦区").first).to_be_attached()
    await page.get_by_role("link", name=re.compile("社区卫生服务中心")).first.press("Enter")
    await page.get_by_role("heading", name="近两周可预约的疫苗").wait_for()
    await visitor.look("clinic")
    await visitor.open("clinics/99999999")
    await page.get_by_role("heading", name="门诊不存在").wait_for()
    await visitor.look("no-such-clinic")
    await visitor.open("nowhere/at/all")
    await visitor.title("没有这个页面")


async def test_an_old_access_token_is_renewed_unseen_and_a_dead_login_leads_back(visit: Visit) -> None:
    resident = await visit("renewal")
    page = resident.page
    await become_resident(resident)
    spoil = """(changes) => localStorage.setItem('humiao.login',
        JSON.stringify({ ...JSON.parse(localStorage.getItem('humiao.login')), ...changes }))"""
    await page.evaluate(spoil, {"accessToken": "spoilt"})
    await resident.open("people")
    await page.get_by_role("heading", name=re.compile("小明")).wait_for()
    assert len([path for path, _ in resident.changes if path.endswith("/auth/refresh")]) == 1

    await page.evaluate(spoil, {"accessToken": "spoilt", "refreshToken": "no-such-refresh-token"})
    await page.reload()
    await page.get_by_role("heading", name=re.compile("登录")).wait_for()
    await resident.look("login-over")
    await resident.press("重新登录")
    await resident.title("手机验证码登录")
    assert "next=/people" in page.url


async def test_the_rules_of_look_can_fail(visit: Visit) -> None:
    """The control: a faint text and a small button are found, so silence means something."""
    visitor = await visit("control")
    await visitor.open()
    await visitor.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<p style=\"color:#bbb\">看不清</p>')"
    )
    with pytest.raises(AssertionError, match="color-contrast"):
        await visitor.look("faint")
    await visitor.page.reload()
    await visitor.settled()
    await visitor.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<button style=\"width:20px\">小</button>')"
    )
    with pytest.raises(AssertionError, match="too small to press"):
        await visitor.look("small")


async def test_distance_is_used_only_when_asked_for(visit: Visit) -> None:
    visitor = await visit(
        "near", geolocation={"latitude": 31.20551234, "longitude": 121.49001234}, permissions=["geolocation"]
    )
    seen: list[str] = []
    visitor.page.on("request", lambda request: seen.append(request.url))
    await visitor.open("clinics")
    assert not any("lat=" in url for url in seen)
    await visitor.press("按离我的距离排序")
    await visitor.page.get_by_role("link", name=re.compile(r"[米里]$")).first.wait_for()
    asked = [url for url in seen if "lat=" in url]
    assert asked
    assert all("lat=31.206&lng=121.49" in url for url in asked), "no finer than a hundred metres"
    assert "lat" not in visitor.page.url
    await visitor.look("clinics")


@pytest.mark.parametrize("address", ["", "vaccines", "clinics?vaccine=IIV4", "login"])
async def test_the_same_pages_on_a_desktop(visit: Visit, address: str) -> None:
    visitor = await visit("desktop", viewport=DESKTOP)
    await visitor.open(address)
    await visitor.look(re.sub(r"\W", "-", address) or "home")
    if address.startswith("clinics"):
        await visitor.page.get_by_role("link", name=re.compile("余 [0-9]+")).first.click()
        await open_windows(visitor).first.wait_for()
        await visitor.look("windows")
