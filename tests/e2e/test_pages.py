"""What a browser makes of the pages' headers, and what it shows while nobody can bring a page."""

from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI

from humiao.embedded.process import free_port
from humiao.settings import Settings
from tests.contract.faces import gate_before, served
from tests.e2e.test_booking_journey import Visit
from tests.e2e.visitor import DESKTOP


async def test_another_site_cannot_frame_the_pages(visit: Visit, city: Any) -> None:
    """Somebody who lays their own buttons over ours (clickjacking)."""
    visitor = await visit("framed")
    async with visitor.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        await visitor.page.set_content(f"<iframe src='{city.base_url}/h5/'></iframe>")
    (frame,) = visitor.page.main_frame.child_frames
    assert await frame.locator("#app").count() == 0


async def test_who_opens_a_page_while_the_application_is_away_gets_it_when_it_is_back(
    visit: Visit, app: FastAPI, settings: Settings
) -> None:
    port = free_port()
    async with gate_before(settings, f"http://127.0.0.1:{port}") as gate:
        visitor = await visit("away")
        visitor.city = SimpleNamespace(base_url=gate.url)
        page = visitor.page
        await page.clock.install()
        await page.goto(f"{gate.url}/h5/#/vaccines")
        await visitor.title("服务暂时不可用")
        await visitor.look("told")
        await page.set_viewport_size(DESKTOP)
        await visitor.look("told-desktop")
        async with page.expect_navigation():
            await page.clock.fast_forward(10_000)
        await visitor.title("服务暂时不可用")

        async with served(app, port):
            await visitor.press("现在再试")
            await visitor.title("选择疫苗")
            assert page.url == f"{gate.url}/h5/#/vaccines"
            await page.goto("about:blank")
