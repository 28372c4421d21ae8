"""Two crowds for one opening: scripts without patience, and people who read, think and come back when they are told to.

A script asks as early as it may, several requests at once, never thinks and never waits: what the city answers with
`retry_at` or `next_poll_s` it asks again at once. A person comes over a spread around the opening, thinks before every
step, and asks again when the city says. Both have a verified person each, an address each, and the same number of
connections for their crowd, so that neither crowd is held up by the other's line.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp

from humiao.rush.residents import CONNECTIONS, Goal, home_of

AT_ONCE = 3  # requests that a script has under way
THINK_S = (0.5, 3.0)  # of a person, before every step; scaled
BUSY_S = 1.0  # a person's pause where the city said nothing of time
NOTHING_KNOWN: tuple[int, dict[str, Any]] = (0, {})  # the connection ended before the answer
Headers = dict[str, str]


@dataclass
class Crowd:
    """One crowd: what it was answered and what it was told of."""

    name: str
    people: list[UUID]
    told: dict[UUID, UUID] = field(default_factory=dict)  # person to hold
    answers: dict[str, int] = field(default_factory=dict)  # by code, or status where it is no refusal

    @property
    def requests(self) -> int:
        """How many were sent and answered, or cut off."""
        return sum(self.answers.values())

    def count(self, code: str) -> None:
        """One answer more."""
        self.answers[code] = self.answers.get(code, 0) + 1


Life = Callable[[Crowd, UUID], Awaitable[None]]


class Ground:
    """Where both crowds race: an address, a goal, and a bell that ends it when every place was told of."""

    def __init__(
        self, url: str, goal: Goal, shown: Mapping[UUID, Headers], *, places: int, opens_at: datetime, think: float
    ) -> None:
        self.goal, self.opens_at = goal, opens_at
        self.over = asyncio.Event()
        self._url, self._shown, self._think = f"{url}/api/v1/resident", shown, think
        self._left = places
        self._http: dict[str, aiohttp.ClientSession] = {}

    async def run(self, lives: list[tuple[Crowd, Life]], patience_s: float) -> None:
        """Let everybody live until all places are taken, or patience ends."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=20)  # not of the line before connections
        for crowd, _ in lives:
            self._http[crowd.name] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=timeout
            )
        tasks = [asyncio.ensure_future(life(crowd, person)) for crowd, life in lives for person in crowd.people]
        everybody = asyncio.gather(*tasks)
        try:
            async with asyncio.timeout(patience_s):
                await everybody
        except TimeoutError:
            pass  # the audit tells what was left
        finally:
            self.over.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for http in self._http.values():
                await http.close()

    async def ask(
        self, crowd: Crowd, person: UUID, verb: str, path: str, *, body: Any = None, more: Headers | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One request: (status, answer); status 0 where nothing is known."""
        headers = self._shown[person] | {"X-Forwarded-For": home_of(person)} | (more or {})
        try:
            async with self._http[crowd.name].request(verb, self._url + path, json=body, headers=headers) as response:
                status, answer = response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
            crowd.count("no_answer")
            return NOTHING_KNOWN
        answer = answer if isinstance(answer, dict) else {}
        crowd.count(str(answer.get("code", status)))
        return status, answer

    def tell(self, crowd: Crowd, person: UUID, hold_id: UUID) -> None:
        """A person was told of a place; the last place rings the bell."""
        if person not in crowd.told:
            crowd.told[person] = hold_id
            self._left -= 1
            if self._left <= 0:
                self.over.set()

    async def wait(self, seconds: float) -> bool:
        """Let time go by; whether it is over."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.over.wait()
            except TimeoutError:
                pass
        return self.over.is_set()

    def scaled(self, seconds: float) -> float:
        """A time of people's, as this rehearsal plays it."""
        return seconds * self._think

    async def think(self) -> bool:
        """A person reads and decides; whether it is over by then."""
        return await self.wait(self.scaled(random.uniform(*THINK_S)))  # noqa: S311 - behaviour

    async def hold(self, crowd: Crowd, person: UUID, key: str, more: Headers | None = None) -> tuple[int, Any]:
        """Ask for a place once."""
        body = {"person_id": str(person), "window_id": self.goal.window_id, "stock_id": self.goal.stock_id}
        status, answer = await self.ask(
            crowd, person, "POST", "/holds", body=body, more={"Idempotency-Key": key} | (more or {})
        )
        if status == 201:
            self.tell(crowd, person, UUID(answer["hold_id"]))
        return status, answer

    async def hammer(self, once: Callable[[str], Awaitable[bool]]) -> None:
        """Several streams of one request, each with its key, none with a pause, until one has what it wanted."""
        done = False

        async def stream() -> None:
            nonlocal done
            key = uuid4().hex
            while not (done or self.over.is_set()):
                done = await once(key) or done

        await asyncio.gather(*(stream() for _ in range(AT_ONCE)))

    async def hammer_holds(self, crowd: Crowd, person: UUID, more: Headers | None = None) -> None:
        """A script at the holds."""

        async def once(key: str) -> bool:
            await self.hold(crowd, person, key, more)
            return person in crowd.told

        await self.hammer(once)

    async def book(self, crowd: Crowd, person: UUID, more: Headers | None = None) -> str:
        """A person at the holds, with one key, until the answer is final; returns its code, '' where it is over."""
        key = uuid4().hex
        while not await self.think():
            status, answer = await self.hold(crowd, person, key, more)
            if status == 201:
                return "granted"
            if str(answer.get("code", "")).startswith("room_"):
                return str(answer["code"])
            if await self.wait(pause_s(answer)):
                break
        return ""


def pause_s(answer: Mapping[str, Any]) -> float:
    """Seconds until the city wants to be asked again."""
    if not answer.get("retry_at"):
        return BUSY_S
    return max(0.0, (datetime.fromisoformat(answer["retry_at"]) - datetime.now(UTC)).total_seconds())


def spread_over(people: list[UUID], opens_at: datetime, before_s: float, after_s: float) -> dict[UUID, float]:
    """When each person comes: evenly from so long before the opening until so long after it, by the monotonic clock."""
    opening = time.monotonic() + (opens_at - datetime.now(UTC)).total_seconds()
    return {person: opening + random.uniform(-before_s, after_s) for person in people}  # noqa: S311 - behaviour
