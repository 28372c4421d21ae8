"""How scripts and people live through an opening: plain, with a waiting room, or by a draw.

A script does whatever a rush rewards, also where nothing is to be gained by it: joins and registers in the first
instant, sends everything several times at once, asks for a place before it is its turn.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from humiao.rush.crowds import Crowd, Ground, Headers, pause_s

DONE_REGISTERING = {"already_registered", "registration_closed"}
PRESENT_S = 5.0  # a script's pause between two looks at its place
AFTER_OPENING_S = (1.0, 5.0)  # of the page: when it looks again at a room that has just opened; scaled as thinking is


class Plain:
    """Whoever asks first has the place."""

    def __init__(self, ground: Ground, comes: Mapping[UUID, float]) -> None:
        self._ground, self._comes = ground, comes

    async def script(self, crowd: Crowd, person: UUID) -> None:
        """Asks from before the opening on."""
        await self._ground.hammer_holds(crowd, person)

    async def human(self, crowd: Crowd, person: UUID) -> None:
        """Comes, reads, asks; early ones come back at the opening."""
        if not await self._ground.wait(self._comes[person] - time.monotonic()):
            await self._ground.book(crowd, person)


class Room:
    """A place in the line first."""

    def __init__(self, ground: Ground, comes: Mapping[UUID, float], room_id: int) -> None:
        self._ground, self._comes, self._path = ground, comes, f"/rooms/{room_id}"

    async def script(self, crowd: Crowd, person: UUID) -> None:
        """Joins at the first instant, asks for a place before its turn, and looks so often as to be present."""
        tickets: list[Headers] = []

        async def join(_key: str) -> bool:
            ticket = await self._join(crowd, person)
            tickets.extend([ticket] if ticket else [])
            return bool(tickets)

        await self._ground.hammer(join)
        if tickets:
            staying = asyncio.create_task(self._stay(crowd, person, tickets[0]))
            await self._ground.hammer_holds(crowd, person, tickets[0])
            staying.cancel()

    async def _stay(self, crowd: Crowd, person: UUID, ticket: Headers) -> None:
        """Whoever does not look is passed over as absent."""
        while not await self._ground.wait(PRESENT_S):
            await self._ground.ask(crowd, person, "GET", f"{self._path}/place", more=ticket)

    async def human(self, crowd: Crowd, person: UUID) -> None:
        """Joins, waits as told, and books when let in."""
        ground = self._ground
        if await ground.wait(self._comes[person] - time.monotonic()) or await ground.think():
            return
        ticket: Headers | None = None
        while ticket is None:
            ticket = await self._join(crowd, person)
            if ticket is None and await ground.wait(1.0):
                return
        while not ground.over.is_set():
            status, place = await ground.ask(crowd, person, "GET", f"{self._path}/place", more=ticket)
            if status == 200 and place["state"] == "admitted":
                if await ground.book(crowd, person, ticket) == "granted":
                    return
            elif await ground.wait(self._next_look_s(place) if status == 200 else pause_s(place)):
                return

    def _next_look_s(self, place: Mapping[str, Any]) -> float:
        """As the page waits (web/h5 useRoom.ts): as told, or soon after the opening where that is sooner."""
        told_s = float(place["next_poll_s"])
        if place["state"] != "early" or place["at"] is None:
            return told_s
        to_opening_s = (datetime.fromisoformat(place["at"]) - datetime.now(UTC)).total_seconds()
        soon_s = self._ground.scaled(random.uniform(*AFTER_OPENING_S))  # noqa: S311 - behaviour
        return min(told_s, max(0.0, to_opening_s) + soon_s)

    async def _join(self, crowd: Crowd, person: UUID) -> Headers | None:
        status, answer = await self._ground.ask(
            crowd, person, "POST", f"{self._path}/entries", body={"person_id": str(person)}
        )
        return {"Room-Ticket": answer["ticket"]} if status == 201 else None


class Draw:
    """Registration, then a draw; whoever is offered a dose is told by message and accepts."""

    def __init__(self, ground: Ground, comes: Mapping[UUID, float], campaign_id: int) -> None:
        self._ground, self._comes, self._path = ground, comes, f"/campaigns/{campaign_id}/entries"
        self._letters: dict[UUID, asyncio.Future[UUID | None]] = {}

    def message(self, person: UUID, offer_id: UUID) -> None:
        """A person is told of an offer, once."""
        letter = self._letter(person)
        if not letter.done():
            letter.set_result(offer_id)

    def end(self) -> None:
        """Nobody else is offered anything."""
        for letter in self._letters.values():
            if not letter.done():
                letter.set_result(None)

    def _letter(self, person: UUID) -> asyncio.Future[UUID | None]:
        return self._letters.setdefault(person, asyncio.get_running_loop().create_future())

    async def script(self, crowd: Crowd, person: UUID) -> None:
        """Registers as if the first were served first, and accepts at once."""

        async def register(key: str) -> bool:
            return await self._register(crowd, person, key)

        await self._ground.hammer(register)
        offer_id = await self._letter(person)
        if offer_id is None:
            return

        async def accept(key: str) -> bool:
            return await self._accept(crowd, person, offer_id, key)

        await self._ground.hammer(accept)

    async def human(self, crowd: Crowd, person: UUID) -> None:
        """Registers some time before the closing, reads the offer, accepts."""
        ground, key = self._ground, uuid4().hex
        if await ground.wait(self._comes[person] - time.monotonic()) or await ground.think():
            return
        while not await self._register(crowd, person, key):
            if await ground.wait(1.0):
                return
        offer_id = await self._letter(person)
        if offer_id is None or await ground.think():
            return
        key = uuid4().hex
        while not await self._accept(crowd, person, offer_id, key):
            if await ground.wait(1.0):
                return

    async def _register(self, crowd: Crowd, person: UUID, key: str) -> bool:
        """Whether there is nothing more to do: registered, or too late."""
        body = {"person_id": str(person), "clinics": []}
        status, answer = await self._ground.ask(
            crowd, person, "POST", self._path, body=body, more={"Idempotency-Key": key}
        )
        return status == 201 or answer.get("code") in DONE_REGISTERING

    async def _accept(self, crowd: Crowd, person: UUID, offer_id: UUID, key: str) -> bool:
        status, _ = await self._ground.ask(
            crowd, person, "POST", f"/offers/{offer_id}/accept",
            body={"window_id": self._ground.goal.window_id}, more={"Idempotency-Key": key},
        )  # fmt: skip
        if status == 200:
            self._ground.tell(crowd, person, offer_id)
        return status == 200  # to another stream's key it is an offer that has ended: this one asks on
