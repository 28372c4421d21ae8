"""Codes by SMS for tests: a device for each phone, a challenge solved each time, the clock driven in rows."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from humiao.antiabuse.challenges import LEVEL_MAX, solve

CHALLENGES, CODES, LOGIN = "/api/v1/public/challenges", "/api/v1/auth/codes", "/api/v1/auth/login"
DEVICE = "Device-Id"


def device_of(phone: str) -> dict[str, str]:
    """The header of the device that a phone's owner always uses."""
    return {DEVICE: hashlib.sha256(re.sub(r"\D", "", phone)[-11:].encode()).hexdigest()[:32]}


async def solution(client: httpx.AsyncClient, headers: dict[str, str], purpose: str = "send_code") -> str:
    """A challenge as it is issued to this device now, solved."""
    issued = await client.get(CHALLENGES, params={"purpose": purpose}, headers=headers)
    assert issued.status_code == 200, issued.text
    return solve(issued.json())


async def ask_for_code(client: httpx.AsyncClient, phone: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Solve a challenge and ask for a code; `headers` say from where, where it is not the phone's own device."""
    headers = device_of(phone) | (headers or {})
    body = {"phone": phone, "challenge": await solution(client, headers)}
    return await client.post(CODES, json=body, headers=headers)


async def ask_until_heard(client: httpx.AsyncClient, phone: str) -> httpx.Response:
    """Ask for a code, solving harder challenges where others made them necessary. Levels end, so this does."""
    for _ in range(LEVEL_MAX):
        answer = await ask_for_code(client, phone)
        if answer.status_code != 403 or answer.json()["code"] != "challenge_needed":
            return answer
    return await ask_for_code(client, phone)


async def show_code(
    client: httpx.AsyncClient, phone: str, code: str, headers: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    """Log in with a code."""
    body = {"phone": phone, "code": code} | more
    return await client.post(LOGIN, json=body, headers=device_of(phone) | (headers or {}))


async def log_in(client: httpx.AsyncClient, last_sms: Callable[[str], Awaitable[str]], phone: str) -> dict[str, Any]:
    """From a phone to its tokens."""
    sent = await ask_for_code(client, phone)
    assert sent.status_code == 202, sent.text
    answer = await show_code(client, phone, await last_sms(phone))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def age_counters(connection: Any, subject: bytes, by: str) -> None:
    """As if all that was counted for a subject had been so much earlier; `by` is an interval."""
    await connection.execute(
        """UPDATE velocity_counters SET started_at = started_at - $2::text::interval,
               times = ARRAY(SELECT t - $2::text::interval FROM unnest(times) AS t ORDER BY t) WHERE subject = $1""",
        subject, by,
    )  # fmt: skip
