"""Residents in a race: each wants one place and asks with one key until the answer is final, as the real page does.

They come in waves. The first asks when the doors open, each other one after a fault has struck, so that a fault always
has people before it, people in flight and people to come, however fast the machine is.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from uuid import UUID, uuid4

import aiohttp

from humiao.rush.verdict import Verdict

CONNECTIONS = 128
PATIENCE_S = 60.0  # then a resident gives up
ASK_AGAIN = {"busy", "outcome_unknown", "in_flight"}  # refusals that say: the same again, later
PAUSE_S, PAUSE_MAX_S = 0.5, 4.0  # doubled from try to try


@dataclass(frozen=True, slots=True)
class Goal:
    """What they race for."""

    session_id: int
    window_id: int
    stock_id: int
    vaccine_code: str


def waves_of(residents: int, places: int, faults: int) -> list[int]:
    """How many residents come in each wave, one more than there are faults.

    With one fault half come before it. With more of them each finds an equal share of the places untaken, so that none
    strikes a race that is over; whoever is left comes at the end.
    """
    if faults < 2:
        first = (residents + 1) // 2
        return [first, residents - first] if faults else [residents]
    share = min(max(1, places // (faults + 1)), residents // (faults + 1))
    return [share] * faults + [residents - share * faults]


def home_of(person: UUID) -> str:
    """An address of the person's own: a rush does not come from one house."""
    return str(IPv4Address(0x0A00_0000 | person.int & 0xFF_FFFF))


class Race:
    """One race: `run` it, `let_in()` when the next wave may come."""

    def __init__(
        self, url: str, shown: Mapping[UUID, dict[str, str]], goal: Goal, verdict: Verdict, waves: list[int]
    ) -> None:
        self._holds = f"{url}/api/v1/resident/holds"
        self._shown = shown  # what each resident shows: token and pass
        self._goal = goal
        self._verdict = verdict
        self._told: dict[UUID, UUID] = {}
        self._lines = asyncio.Semaphore(CONNECTIONS)  # our own line, so that the API's answers are timed without it
        self._waves = waves
        self._doors = [asyncio.Event() for _ in waves]
        self.let_in()

    def let_in(self) -> None:
        """Let the next wave come."""
        for door in self._doors:
            if not door.is_set():
                door.set()
                return

    async def run(self, on_answer: Callable[[], None]) -> dict[UUID, UUID]:
        """Let everybody ask; fills the verdict's answers and returns who was told of which hold."""
        doors = [door for door, count in zip(self._doors, self._waves, strict=True) for _ in range(count)]
        connector, timeout = aiohttp.TCPConnector(limit=CONNECTIONS), aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:

            async def one(person: UUID, door: asyncio.Event) -> None:
                await door.wait()
                await self._ask_until_final(http, person)
                on_answer()

            await asyncio.gather(*map(one, self._shown, doors))
        return self._told

    async def _ask_until_final(self, http: aiohttp.ClientSession, person: UUID) -> None:
        headers = self._shown[person] | {"Idempotency-Key": uuid4().hex, "X-Forwarded-For": home_of(person)}
        began, pause_s = time.monotonic(), PAUSE_S
        while time.monotonic() - began < PATIENCE_S:
            code, hold_id = await self._ask(http, person, headers)
            if code is not None and code not in ASK_AGAIN:
                self._verdict.answers[code] += 1
                self._verdict.waits_ms.append((time.monotonic() - began) * 1000)
                if hold_id is not None:
                    self._told[person] = hold_id
                return
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all come at once
            pause_s = min(pause_s * 2, PAUSE_MAX_S)
        self._verdict.answers["gave_up"] += 1

    async def _ask(
        self, http: aiohttp.ClientSession, person: UUID, headers: dict[str, str]
    ) -> tuple[str | None, UUID | None]:
        """One request: (code, hold). No code means that nothing is known: the API is away or went away."""
        body = {"person_id": str(person), "window_id": self._goal.window_id, "stock_id": self._goal.stock_id}
        async with self._lines:
            sent = time.monotonic()
            try:
                async with http.post(self._holds, json=body, headers=headers) as response:
                    status, answer = response.status, await response.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
                self._verdict.asked_again += 1
                return None, None
            self._verdict.answers_ms.append((time.monotonic() - sent) * 1000)
        if status == 201:
            return "granted", UUID(answer["hold_id"])
        code = str(answer.get("code", status)) if isinstance(answer, dict) else str(status)
        self._verdict.asked_again += code in ASK_AGAIN
        return code, None
