"""The journeys of a resident who waits for scarce vaccine: register, see the place, be offered a dose, answer."""

import asyncio
import re

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import expect

from humiao.settings import Settings
from tests.e2e.test_booking_journey import Visit, become_resident
from tests.e2e.visitor import DESKTOP, Visitor
from tests.waitlists import bring_doses, leave_over, make_campaign

TIERS = [{"label": "已接种过一剂的补种者", "from_doses": 1}, {"label": "其他登记人"}]


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(settings: Settings) -> asyncpg.Connection:
    connection = await asyncpg.connect(settings.database_url)
    yield connection
    await connection.close()


async def register(visitor: Visitor, campaign: int, look: bool = False) -> None:
    """From a campaign's page to the page of one's place."""
    page = visitor.page
    await visitor.open(f"campaigns/{campaign}")
    if look:
        await visitor.look("02-campaign")
    await visitor.press("我要登记")
    await visitor.title("登记")
    if look:
        await page.get_by_label("只要我选的门诊").check()
        await page.get_by_role("checkbox").first.check()
        await page.get_by_text("已选 1 家").wait_for()
        await visitor.look("03-register")
        await page.get_by_label("任意门诊").check()
    await visitor.press("登记")
    await visitor.title("我的位置")


async def turn_comes(ledger: asyncpg.Connection, campaign: int) -> str:
    """Wait until the worker has made an offer in a campaign; returns its id."""
    async with asyncio.timeout(30):
        while True:
            offer = await ledger.fetchval(
                "SELECT offer_id FROM offers JOIN waitlist_entries USING (entry_id) WHERE campaign_id = $1", campaign
            )
            if offer:
                return str(offer)


async def test_somebody_registers_waits_and_takes_the_dose(visit: Visit, ledger: asyncpg.Connection) -> None:
    resident = await visit("waiting")
    page = resident.page
    await become_resident(resident)
    campaign = await make_campaign(ledger, title="九价疫苗冬季登记", tiers=TIERS)
    await page.get_by_role("button", name=re.compile("^紧缺疫苗登记")).click()
    await resident.title("紧缺疫苗登记")
    await page.get_by_role("link", name=re.compile("九价疫苗冬季登记")).wait_for()
    await resident.look("01-campaigns")
    await register(resident, campaign, look=True)
    await page.get_by_text("下一位就是您").wait_for()
    await page.get_by_text("第 2 档（其他登记人）").wait_for()
    await resident.look("04-place")

    await resident.press("改意向门诊（任意门诊）")
    await resident.title("改意向门诊")
    await page.get_by_label("只要我选的门诊").check()
    await page.get_by_role("checkbox").nth(1).check()
    await resident.look("05-clinics")
    await page.get_by_label("任意门诊").check()
    await resident.press("保存")
    await resident.title("我的位置")

    await bring_doses(ledger, campaign, 3, windows=3, capacity=1)
    await turn_comes(ledger, campaign)
    await resident.open()
    await page.get_by_role("link", name=re.compile("轮到了：有一个名额等您答复")).wait_for()
    await resident.look("06-home-with-offer")
    await page.get_by_role("link", name=re.compile("轮到了")).click()
    await resident.title("轮到了")
    await resident.look("07-offer")
    await page.get_by_role("radio").nth(2).check()
    await resident.press("接受，预约这个时间")
    await resident.title("预约成功")
    await resident.look("08-booked")
    assert len(resident.keys("/accept")) == 1
    await resident.open("entries")
    await page.get_by_role("link", name=re.compile("已接受，已预约")).click()
    await resident.title("我的位置")
    await resident.look("09-accepted")


async def test_somebody_lets_the_dose_go_and_another_leaves_the_line(visit: Visit, ledger: asyncpg.Connection) -> None:
    resident = await visit("declines")
    page = resident.page
    await become_resident(resident)
    campaign = await make_campaign(ledger, title="九价疫苗春季登记")
    await register(resident, campaign)
    await bring_doses(ledger, campaign, 1)
    offer = await turn_comes(ledger, campaign)
    await resident.open(f"offers/{offer}")
    await resident.press("放弃，给下一位")
    dialog = page.get_by_role("dialog", name="放弃这个名额？")
    await dialog.wait_for()
    await resident.look("dialog")
    await dialog.get_by_role("button", name="放弃", exact=True).click()
    await page.get_by_text("您已放弃这个名额，已给下一位。").wait_for()
    await resident.look("declined")
    await resident.press("查看我的登记")
    await resident.title("我的位置")
    await resident.look("ended")

    again = await make_campaign(ledger, title="九价疫苗夏季登记")
    await register(resident, again)
    await resident.press("退出排队")
    await page.get_by_role("dialog", name="退出排队？").get_by_role("button", name="退出", exact=True).click()
    await page.get_by_text("已退出").wait_for()
    await expect(page.get_by_role("button", name="退出排队")).to_have_count(0)


async def test_who_may_not_register_is_told_what_to_do(visit: Visit, ledger: asyncpg.Connection) -> None:
    resident = await visit("not-in-group")
    await become_resident(resident)
    campaign = await make_campaign(ledger, title="未成年人登记", eligible={"below_months": 216})
    await resident.open(f"campaigns/{campaign}/register")
    await resident.press("登记")
    await resident.page.get_by_role("heading", name="不在登记范围内").wait_for()
    await resident.look("refused")
    await resident.press("看看其他登记")
    await resident.title("紧缺疫苗登记")
    await resident.open("entries")
    await resident.page.get_by_text("您和家人还没有登记紧缺疫苗。").wait_for()
    await resident.look("none")


async def test_who_takes_part_in_a_draw_has_a_receipt(visit: Visit, ledger: asyncpg.Connection) -> None:
    resident = await visit("draw")
    await become_resident(resident)
    campaign = await make_campaign(ledger, title="九价疫苗摇号登记", mode="draw")
    await register(resident, campaign)
    await resident.page.get_by_text("登记早晚不影响名次").wait_for()
    await resident.press("显示回执")
    await resident.page.get_by_text(re.compile("^HMR1\\.")).wait_for()
    await resident.look("receipt")


@pytest.mark.parametrize("page", ["campaign", "place", "offer"])
async def test_the_same_pages_on_a_desktop(visit: Visit, ledger: asyncpg.Connection, page: str) -> None:
    visitor = await visit("desktop-waiting", viewport=DESKTOP)
    campaign = await make_campaign(ledger, title="桌面登记", tiers=TIERS)
    if page == "campaign":
        await visitor.open(f"campaigns/{campaign}")
        await visitor.look("campaign")
        return
    await become_resident(visitor)
    await register(visitor, campaign)
    if page == "offer":
        await bring_doses(ledger, campaign, 2, windows=2, capacity=1)
        await visitor.open(f"offers/{await turn_comes(ledger, campaign)}")
        await visitor.title("轮到了")
    await visitor.look(page)


async def open_offer(ledger: asyncpg.Connection, campaign: int) -> str:
    """Wait until an offer of a campaign is open; returns its id."""
    async with asyncio.timeout(30):
        while True:
            offer = await ledger.fetchval(
                """SELECT o.offer_id FROM offers o JOIN waitlist_entries e USING (entry_id)
                   WHERE e.campaign_id = $1 AND o.state = 'open'""",
                campaign,
            )
            if offer:
                return str(offer)


async def test_leftovers_a_move_and_the_report(visit: Visit, ledger: asyncpg.Connection) -> None:
    resident = await visit("leftovers")
    page = resident.page
    await become_resident(resident)
    campaign = await make_campaign(ledger, title="九价疫苗余苗登记")
    await register(resident, campaign)
    await page.get_by_label("我可以从哪个区出发").select_option(label="徐汇区")
    await resident.press("保存余苗候补")
    await page.get_by_text("已参加余苗候补").wait_for()
    await resident.look("01-standby")

    await leave_over(ledger, campaign, 1)
    await resident.open(f"offers/{await open_offer(ledger, campaign)}")
    await resident.title("今日余苗")
    await resident.look("02-offer")
    await resident.press("放弃，给下一位")
    dialog = page.get_by_role("dialog", name="放弃这个名额？")
    await dialog.get_by_text("您的排队名次不变").wait_for()
    await dialog.get_by_role("button", name="放弃", exact=True).click()
    await page.get_by_text("您没有接受这次余苗，排队名次不变。").wait_for()
    await resident.look("03-not-taken")
    await resident.press("查看我的登记")
    await page.get_by_text("下一位就是您").wait_for()

    await bring_doses(ledger, campaign, 3, windows=3, capacity=1)
    offer = await open_offer(ledger, campaign)
    await resident.open(f"offers/{offer}")
    await resident.press("接受，预约这个时间")
    await resident.title("预约成功")
    await resident.open(f"reservations/{offer}/reschedule")
    await resident.title("改到其他时间")
    assert await page.get_by_role("radio").count() == 2, "the windows with room, without the one that is held"
    await page.get_by_role("radio").nth(1).check()
    await resident.look("04-move")
    await resident.press("改到这个时间")
    await page.get_by_role("dialog").get_by_role("button", name="确认改期").click()
    await page.wait_for_url(re.compile("moved=1"))
    await resident.settled()
    await resident.look("05-moved")

    anybody = await visit("report", viewport=DESKTOP)
    await anybody.open(f"campaigns/{campaign}")
    await anybody.press("投放公报")
    await anybody.title("投放公报")
    await anybody.page.get_by_text("不足 5 人").first.wait_for()
    await anybody.look("01-report")
