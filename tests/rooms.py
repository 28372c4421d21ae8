"""Waiting rooms for tests: opened as the city opens them, with the clock of their ticks driven by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from humiao.auth.tokens import NEVER_REVOKED, Resident, Staff, Tokens
from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.rooms.keeper import RoomKeeper
from humiao.rooms.schemas import RoomInput
from humiao.rooms.service import RoomsService
from tests.factories import World, make_session

HEADER = "Room-Ticket"


@dataclass
class RoomStage:
    """A room over one clinic session, its keeper, and ways to drive both."""

    database: Database
    connection: Any
    rooms: RoomsService
    keeper: RoomKeeper
    tokens: Tokens
    world: World
    room_id: int

    @asynccontextmanager
    async def between_ticks(self) -> AsyncIterator[Any]:
        """A transaction that writes to the room: within a tick it would be overwritten by what that had read before."""
        async with self.connection.transaction():
            await self.connection.execute(statement("rooms/lock"), self.room_id)
            yield self.connection

    async def join(self, person: UUID, account: UUID | None = None) -> str:
        """A ticket for a person, whose account has the same id unless another is given."""
        joined = await self.rooms.join(Resident(account or person, uuid4()), self.room_id, person)
        assert not isinstance(joined, Refusal), joined
        token: str = joined["ticket"]
        return token

    async def place(self, person: UUID, token: str) -> dict[str, Any]:
        """Where somebody stands, by the record."""
        told = await self.rooms.place(Resident(person, uuid4()), self.room_id, token)
        return {"refused": told.code} if isinstance(told, Refusal) else told

    async def tick(self, people: int = 0) -> list[int]:
        """A tick, as if time had earned so many people (two seconds' worth at most); the places that were let in.

        Nothing more is earned until the next, however slow the machine is, and whoever else keeps rooms.
        """
        inside = "SELECT place FROM room_entries WHERE room_id = $1 AND admitted_at IS NOT NULL ORDER BY place"
        before = {row["place"] for row in await self.connection.fetch(inside, self.room_id)}
        async with self.between_ticks() as connection:
            await connection.execute(
                "UPDATE rooms SET ticked_at = clock_timestamp() + interval '1 day', credit = $2 WHERE room_id = $1",
                self.room_id, people * 1_000_000,
            )  # fmt: skip
        await self.keeper.tick(self.room_id)
        return [row["place"] for row in await self.connection.fetch(inside, self.room_id) if row["place"] not in before]

    async def open_now(self) -> None:
        """The opening second has come, and what is asked of the ledger is asked from now on."""
        async with self.between_ticks() as connection:
            await connection.execute(
                "UPDATE rooms SET opens_at = clock_timestamp() WHERE room_id = $1 AND drawn_at IS NULL", self.room_id
            )
        await self.enforce()

    async def enforce(self) -> None:
        """The ledger asks for admission at once, not a moment later."""
        async with self.between_ticks() as connection:
            await connection.execute(
                "UPDATE rooms SET enforced_from = clock_timestamp() - interval '1 second' WHERE room_id = $1",
                self.room_id,
            )

    async def close(self) -> None:
        """Nobody waits here any more, and no gate follows it."""
        async with self.between_ticks() as connection:
            await connection.execute(
                "UPDATE rooms SET state = 'closed', closed_at = now(), enforced_from = NULL WHERE room_id = $1",
                self.room_id,
            )

    async def see(self, *places: int) -> None:
        """A gate reports who polled; nobody else is present from now on."""
        seen = bytearray(max(places, default=0) // 8 + 1)
        for place in places:
            seen[(place - 1) // 8] |= 1 << ((place - 1) % 8)
        async with self.between_ticks() as connection:
            await connection.execute(
                "UPDATE rooms SET seen_now = '', seen_before = '' WHERE room_id = $1", self.room_id
            )
            await connection.execute(
                "INSERT INTO room_reports (room_id, gate_id, seen, asked) VALUES ($1, $2, $3, 0)",
                self.room_id, uuid4(), bytes(seen),
            )  # fmt: skip

    async def order(self) -> list[tuple[int, UUID]]:
        """Places that were given and whose they are, by place."""
        rows = await self.connection.fetch(
            "SELECT place, person_id FROM room_entries WHERE room_id = $1 AND place IS NOT NULL ORDER BY place",
            self.room_id,
        )
        return [(row["place"], UUID(str(row["person_id"]))) for row in rows]


async def city_admin(connection: Any) -> Staff:
    """A city administrator, without a login."""
    staff_id = await connection.fetchval(
        """INSERT INTO staff (username, display_name, password_digest, role) VALUES ($1, '测试员工', '!', 'city_admin')
           RETURNING staff_id""",
        f"city-{uuid4().hex[:12]}",
    )
    return Staff(staff_id, uuid4(), "city_admin", None, None)


async def open_room(database: Database, connection: Any, keys: Keys, *, per_s: int = 10, **more: Any) -> RoomStage:
    """A room over a session of its own; `more` are members of the request, and `world` another session."""
    tokens = Tokens(keys.token_keys, ttl_s=3600, generations=NEVER_REVOKED)
    rooms = RoomsService(database, tokens, keys.vault())
    world = more.pop("world", None) or await make_session(connection, capacity=1000)
    asked = {"scope": "session", "title": "测试大厅", "session_ids": [world.session_id], "rate_per_minute": per_s * 60}
    opened = await rooms.open(await city_admin(connection), RoomInput(**(asked | more)), uuid4().hex)
    assert not isinstance(opened, Refusal), opened
    keeper = RoomKeeper(database, keys.vault())
    stage = RoomStage(database, connection, rooms, keeper, tokens, world, opened["room_id"])
    await stage.tick()
    return stage
