"""Residents in a race: each wants one place and asks with one key until the answer is final, as the real page does."""

import asyncio
import json
import time
from dataclasses import dataclass
from uuid import UUID, uuid4

import aiohttp

from humiao.auth.tokens import Resident, Tokens
from humiao.rush.verdict import Verdict

CONNECTIONS = 128
PATIENCE_S = 60.0  # then a resident gives up
ASK_AGAIN = {"busy", "outcome_unknown", "in_flight"}  # refusals that say: the same again, later
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """What they race for."""

    session_id: int
    window_id: int
    stock_id: int


async def race(url: str, tokens: Tokens, people: list[UUID], goal: Goal, verdict: Verdict) -> dict[UUID, UUID]:
    """Let everybody ask at once; fills the verdict's answers and returns who was told of which hold."""
    told: dict[UUID, UUID] = {}
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=timeout) as http:

        async def one(person: UUID) -> None:
            hold_id = await _ask(http, url, tokens.for_resident(Resident(person, person)), person, goal, verdict)
            if hold_id:
                told[person] = hold_id

        await asyncio.gather(*(one(person) for person in people))
    return told


async def _ask(
    http: aiohttp.ClientSession, url: str, token: str, person: UUID, goal: Goal, verdict: Verdict
) -> UUID | None:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
    body = {"person_id": str(person), "window_id": goal.window_id, "stock_id": goal.stock_id}
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        asked = time.monotonic()
        try:
            async with http.post(f"{url}/api/v1/resident/holds", json=body, headers=headers) as response:
                status, answer = response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
            await asyncio.sleep(PAUSE_S)  # the API is away: nothing is known, so the same key again
            continue
        code = "granted" if status == 201 else str(answer.get("code", status))
        if code not in ASK_AGAIN:
            verdict.answers[code] += 1
            verdict.latencies_ms.append((time.monotonic() - asked) * 1000)
            return UUID(answer["hold_id"]) if status == 201 else None
        await asyncio.sleep(PAUSE_S)
    verdict.answers["gave_up"] += 1
    return None
