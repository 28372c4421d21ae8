"""Browsers for the journeys.

The session fixture `city` (tests/conftest.py) is a running installation: `base_url` and `last_sms(phone) -> code`.
Set HUMIAO_CHROMIUM where the browser is not Debian's /usr/bin/chromium.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright

from tests.e2e.visitor import PHONE, SCREENSHOTS, Visitor

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser; a new profile, nothing called home."""
    SCREENSHOTS.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=os.environ.get("HUMIAO_CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM_FLAGS
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, city: Any) -> AsyncIterator[Callable[..., Awaitable[Visitor]]]:
    """Make visitors: `await visit("phone", timezone_id=…)`, each with a browser context of its own."""
    contexts: list[BrowserContext] = []

    async def make(name: str, **options: Any) -> Visitor:
        context = await browser.new_context(
            **{"viewport": PHONE, "locale": "zh-CN", "timezone_id": "Asia/Shanghai"} | options
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        return Visitor(city, name, context, await context.new_page())

    yield make
    for context in contexts:
        await context.close()
