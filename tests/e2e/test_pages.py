"""What a browser makes of the headers of the pages."""

from typing import Any

from tests.e2e.test_booking_journey import Visit


async def test_another_site_cannot_frame_the_pages(visit: Visit, city: Any) -> None:
    """Somebody who lays their own buttons over ours (clickjacking)."""
    visitor = await visit("framed")
    async with visitor.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        await visitor.page.set_content(f"<iframe src='{city.base_url}/h5/'></iframe>")
    (frame,) = visitor.page.main_frame.child_frames
    assert await frame.locator("#app").count() == 0
