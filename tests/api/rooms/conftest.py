"""Rooms, and people who wait in them, at the API and at two gates before it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.callers import resident_token
from tests.api.gate.conftest import gates, open_gate, upstream
from tests.factories import make_residents
from tests.passes import HEADER as PASS
from tests.passes import pass_for
from tests.rooms import HEADER, RoomStage, open_room

__all__ = ["gates", "open_gate", "upstream"]
OpenRoom = Callable[..., Awaitable[RoomStage]]


@dataclass
class Waiting:
    """Somebody with a ticket, at whichever face."""

    person: UUID
    token: str
    leave: str
    ticket: str
    room: RoomStage

    def headers(self, ticket: str | None = "own") -> dict[str, str]:
        """Who asks, and their ticket, another or none."""
        ticket = self.ticket if ticket == "own" else ticket
        return {"Authorization": f"Bearer {self.token}"} | ({} if ticket is None else {HEADER: ticket})

    async def poll(self, face: httpx.AsyncClient, *, ticket: str | None = None) -> httpx.Response:
        """Ask where they stand."""
        path = f"/api/v1/resident/rooms/{self.room.room_id}/place"
        return await face.get(path, headers=self.headers(ticket or self.ticket))

    async def hold(
        self, face: httpx.AsyncClient, *, ticket: str | None = "own", key: str | None = None, **changes: Any
    ) -> httpx.Response:
        """Ask for a place in the room's session, with their own ticket, another or none."""
        world = self.room.world
        body = {"person_id": str(self.person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
        shown = self.ticket if ticket == "own" else ticket
        headers = self.headers(shown) | {PASS: self.leave, "Idempotency-Key": key or uuid4().hex}
        return await face.post("/api/v1/resident/holds", json=body | changes, headers=headers)


MakeWaiting = Callable[[RoomStage, int], Awaitable[list[Waiting]]]


@pytest_asyncio.fixture(loop_scope="session")
async def new_room(database: Database, connection: asyncpg.Connection, keys: Keys) -> AsyncIterator[OpenRoom]:
    """Opens rooms; they are closed with the test, so that no gate follows them for ever."""
    opened: list[RoomStage] = []

    async def make(**more: Any) -> RoomStage:
        room = await open_room(database, connection, keys, **more)
        opened.append(room)
        return room

    yield make
    for room in opened:
        await room.close()


@pytest_asyncio.fixture(loop_scope="session")
async def waiting(connection: asyncpg.Connection, keys: Keys) -> MakeWaiting:
    """Makes people who have joined a room, one after the other."""

    async def make(room: RoomStage, count: int) -> list[Waiting]:
        people = await make_residents(connection, keys.vault(), count)
        return [
            Waiting(p, await resident_token(connection, keys, p), pass_for(keys, p), await room.join(p), room)
            for p in people
        ]

    return make
