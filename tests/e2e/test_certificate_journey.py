"""A parent reads what was given and what is due, has a certificate made; a school verifies it; it is revoked."""

import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from playwright.async_api import expect

from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version
from humiao.kit.keys import Keys
from tests.api.callers import resident_token
from tests.e2e.visitor import DESKTOP, PHONE, Visitor
from tests.factories import make_residents
from tests.unit.immunizations.test_intake import BORN, somebody

Visit = Callable[..., Awaitable[Visitor]]
DOSES = [("HepB", 0), ("BCG", 1), ("HepB", 31), ("IPV", 62), ("DTaP", 95), ("IPV", 96), ("bOPV", 10)]


async def family(connection: Any, keys: Keys) -> tuple[str, UUID]:
    """A parent's access token, and the child with some doses on record, one of them too early."""
    (parent,) = await make_residents(connection, keys.vault(), 1)
    child, _ = await somebody(connection, keys)
    await connection.execute(
        "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", parent, child
    )
    for vaccine, days in DOSES:
        given = Record(vaccine, date.fromordinal(BORN.toordinal() + days))
        one = StoredRecord(child, given, source="local", verified=True, lot="2023A7", place="徐汇区某社区卫生服务中心")
        async with connection.transaction():
            await add_version(connection, one, by="staff:1", source="desk")
    return await resident_token(connection, keys, parent), child


async def log_in(visitor: Visitor, token: str) -> None:
    """Put a login into the browser, as the login page does."""
    await visitor.open()
    login = {"accessToken": token, "refreshToken": uuid4().hex, "phoneMasked": "138****0000"}
    await visitor.page.evaluate("(login) => localStorage.setItem('humiao.login', JSON.stringify(login))", login)
    await visitor.page.reload()
    await visitor.settled()


@pytest.mark.parametrize(("name", "viewport"), [("certificate-phone", PHONE), ("certificate-desktop", DESKTOP)])
async def test_a_certificate_is_made_shown_and_revoked(
    visit: Visit, connection: asyncpg.Connection, keys: Keys, name: str, viewport: dict[str, int]
) -> None:
    token, child = await family(connection, keys)
    parent, school = await visit(name, viewport=viewport), await visit(f"{name}-school", viewport=viewport)
    page = parent.page
    await log_in(parent, token)
    await parent.open(f"people/{child}/records")
    await parent.title("接种档案")
    await page.get_by_role("heading", name="接下来要接种").wait_for()
    await page.get_by_text("不计入脊灰疫苗", exact=True).wait_for()
    await parent.look("01-records")

    await parent.press("电子接种证")
    await parent.title("电子接种证")
    await parent.look("02-none-yet")
    await parent.press("签发电子接种证")
    await page.get_by_role("img", name=re.compile("核验二维码")).wait_for()
    await parent.look("03-certificate")
    async with page.expect_download() as downloading:
        await parent.press("下载 PDF")
    download = await downloading.value
    number = download.suggested_filename.removesuffix(".pdf")
    assert re.fullmatch(r"HM\d{4}(-\w{4}){3}", number)
    data = (await download.path()).read_bytes()
    found = re.search(rb"HMC1\.[\w-]+\.[\w-]+", data)
    assert data.startswith(b"%PDF-") and found
    text = found[0].decode()

    await school.open(f"verify/{text}")
    await school.page.get_by_role("heading", name="真实有效").wait_for()
    await expect(school.page.get_by_text("*小红")).to_be_visible()
    await school.page.get_by_text("签名里的接种剂次（7 剂）").click()
    await school.look("04-verified")
    assert "李小红" not in await school.page.content()
    await school.press("核验另一张")
    await school.page.get_by_label("编号，或扫码得到的内容").fill(text[:-4] + "AAAA")
    await school.press("核验")
    await school.page.get_by_role("heading", name="核验不通过").wait_for()
    await school.look("05-forged")

    await parent.press("遗失或泄露，作废")
    await parent.look("06-revoke")
    await parent.press("作废")
    await page.get_by_text("这张证已作废。需要时可以重新签发。").wait_for()
    await parent.look("07-revoked")
    await school.press("修改后重新提交")
    await school.page.get_by_label("编号，或扫码得到的内容").fill(number.lower().replace("-", " "))
    await school.press("核验")
    await school.page.get_by_role("heading", name="已作废，不再有效").wait_for()
    await school.look("08-told-revoked")
    assert len(parent.keys("/certificates")) == 1 and len(parent.keys("/revoke")) == 1


async def test_a_school_sees_the_verdict_and_no_dose(visit: Visit, connection: asyncpg.Connection, keys: Keys) -> None:
    token, _ = await family(connection, keys)
    parent, school = await visit("proof-phone"), await visit("proof-school")
    await log_in(parent, token)
    await parent.open("people")
    await parent.look("01-people")
    await parent.page.get_by_role("button", name="电子接种证").last.click()
    await parent.title("电子接种证")
    await parent.press("入园证明")
    await parent.title("预防接种查验证明")
    await parent.look("02-proof")
    number = await parent.page.get_by_text(re.compile(r"^HM\d{4}(-\w{4}){3}$")).inner_text()
    await school.open("verify")
    await school.look("03-verify")
    await school.page.get_by_label("编号，或扫码得到的内容").fill(number)
    await school.press("核验")
    await school.page.get_by_role("heading", name="真实有效，入园查验需补种").wait_for()
    await school.look("04-verdict")
    assert "重组乙型肝炎疫苗" not in await school.page.content()
