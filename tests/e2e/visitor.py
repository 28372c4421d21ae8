"""A visitor: a browser context with one page, and what every page must pass.

axe finds nothing serious or critical, fingers find targets of 44 pixels, nothing is wider than the screen, nothing is
loaded from another origin, and the console stays silent; in normal and in large type.
"""

import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, Request

SCREENSHOTS = Path(__file__).parent / "screenshots"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}

# Things a finger presses and that are smaller than 44 css pixels in either direction.
SMALL_TARGETS = """() => [...document.querySelectorAll('button, select, summary, a[href], input')]
  .filter((e) => e.checkVisibility() && !e.classList.contains('skip') && !e.closest('label'))
  .map((e) => [e.textContent.trim() || e.type, e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 43.5 || box.height < 43.5)
  .map(([text, box]) => `${text}: ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Visitor:
    """One browser context with one page, and what was seen of it."""

    def __init__(self, city: Any, name: str, context: BrowserContext, page: Page) -> None:
        self.city = city
        self.name = name
        self.context = context
        self.page = page
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.changes: list[tuple[str, str]] = []  # path and Idempotency-Key of every change that was sent
        page.on("request", self._on_request)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._on_console(message.type, message.text))

    def _on_request(self, request: Request) -> None:
        if request.url.startswith("data:"):
            return
        if urlsplit(request.url).netloc != urlsplit(self.city.base_url).netloc:
            self.foreign.append(request.url)
        if request.method != "GET":
            self.changes.append((urlsplit(request.url).path, request.headers.get("idempotency-key", "")))

    def _on_console(self, kind: str, text: str) -> None:
        # a refused or lost request is logged by the browser itself; the page tells it in its own words
        if kind == "error" and "Failed to load resource" not in text:
            self.complaints.append(text)

    def keys(self, path_end: str) -> list[str]:
        """The keys of the changes sent to a path."""
        return [key for path, key in self.changes if path.endswith(path_end)]

    async def open(self, path: str = "") -> None:
        """Go to a page by its address behind the hash."""
        await self.page.goto(f"{self.city.base_url}/h5/#/{path}")
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is loading and no button is at work."""
        await self.page.wait_for_selector("main h1")
        await self.page.wait_for_function("() => !document.querySelector('[aria-busy=true], .van-button--loading')")

    async def press(self, name: str) -> None:
        """Press the button of this name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def title(self, text: str | re.Pattern[str]) -> None:
        """Wait for the page with this heading."""
        await self.page.get_by_role("heading", level=1, name=text).wait_for()
        await self.settled()

    async def look(self, name: str) -> None:
        """Hold the page against the rules in normal and large type, and take pictures."""
        await self.settled()
        assert await self.page.evaluate("document.documentElement.lang") == "zh-CN"
        assert (await self.page.title()).endswith("沪苗")
        before = await self.page.evaluate("document.documentElement.dataset.type")
        for size in ("normal", "large"):
            await self.page.evaluate("(size) => { document.documentElement.dataset.type = size }", size)
            found = (await Axe().run(self.page)).response["violations"]
            grave = [
                f"{v['id']} ({v['impact']}): {[node['html'][:200] for node in v['nodes']]}"
                for v in found
                if v["impact"] in ("serious", "critical")
            ]
            assert not grave, f"{name} in {size} type: {grave}"
            small = await self.page.evaluate(SMALL_TARGETS)
            assert not small, f"{name} in {size} type, too small to press: {small}"
            assert await self.page.evaluate(OVERFLOW) <= 0, f"{name} in {size} type is wider than the screen"
            await self.page.screenshot(path=SCREENSHOTS / f"{self.name}-{name}-{size}.png", full_page=True)
        await self.page.evaluate("(size) => { document.documentElement.dataset.type = size }", before)
        assert self.foreign == []
        assert self.complaints == []

    async def look_twice(self, name: str) -> None:
        """Look as at a desk and as on a phone."""
        await self.look(name)
        await self.page.set_viewport_size(PHONE)
        await self.look(f"{name}-phone")
        await self.page.set_viewport_size(DESKTOP)


def new_phone() -> str:
    """A phone number nobody used before in this city."""
    return f"139{secrets.randbelow(10**8):08d}"


def new_identity_number() -> str:
    """A well-formed resident ID (GB 11643) of a woman born in 1990."""
    born = f"199{secrets.randbelow(10)}0{1 + secrets.randbelow(9)}1{secrets.randbelow(10)}"
    first17 = f"310104{born}{secrets.randbelow(100):02d}{2 * secrets.randbelow(5)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first17 + "10X98765432"[sum(w * int(d) for w, d in zip(weights, first17, strict=True)) % 11]
