"""A gate follows waiting rooms: the record from PostgreSQL into memory, what it saw back into the record."""

from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

from humiao.kit.database import Database
from humiao.kit.sql import statement

PLACES_AT_ONCE = 50_000  # in one statement; more follow at once


class Memory(Protocol):
    """What the gate knows of rooms (humiao._core.GateRooms)."""

    def take_heads(self, heads: list[Any]) -> None:
        """Rooms that are not closed."""

    def known(self, room_id: int) -> tuple[int, int]:
        """Last place and last tick that are known."""

    def take_places(self, room_id: int, places: list[int], tickets: bytes, states: list[int]) -> None:
        """Places in order."""

    def take_ticks(self, room_id: int, ticks: list[Any]) -> None:
        """Ticks in order."""

    def take_reports(self) -> list[tuple[int, bytes, int]]:
        """What was seen since the last time."""


class RoomFollower:
    """Keeps one gate's memory in step. `ledger_ms` tells how long a batch took since it was asked last, if any was."""

    def __init__(self, database: Database, memory: Memory, channel: str, ledger_ms: Callable[[], int | None]) -> None:
        self._database = database
        self._memory = memory
        self._channel = channel
        self._ledger_ms = ledger_ms
        self._gate_id = uuid4()

    async def follow(self) -> None:
        """Take over what has happened since the last time."""
        async with self._database.read() as connection:
            heads = await connection.fetch(statement("rooms/heads"), self._channel)
            self._memory.take_heads([_head(row) for row in heads])
            for row in heads:
                await self._follow_room(connection, row)

    async def _follow_room(self, connection: Any, head: Any) -> None:
        room_id = head["room_id"]
        while True:
            place, tick = self._memory.known(room_id)
            if place >= head["places"]:
                break
            new = await connection.fetchrow(statement("rooms/new_places"), room_id, place, PLACES_AT_ONCE)
            if not new["places"]:
                break
            self._memory.take_places(room_id, new["places"], new["tickets"], new["states"])
        if head["tick"] > tick:
            rows = await connection.fetch(statement("rooms/new_ticks"), room_id, tick)
            self._memory.take_ticks(room_id, [tuple(row) for row in rows])

    async def report(self) -> None:
        """Write down who polled here and what was asked for, so that the keeper counts them."""
        reports = self._memory.take_reports()
        ledger_ms = self._ledger_ms()
        if not reports:
            return
        room_ids, seen, asked = (list(column) for column in zip(*reports, strict=True))
        async with self._database.single() as connection:
            await connection.execute(statement("rooms/report"), self._gate_id, room_ids, seen, asked, ledger_ms)


def _head(row: Any) -> tuple[Any, ...]:
    return (
        row["room_id"], row["is_on"], row["is_open"], row["opens_ms"], row["is_drawn"], row["pace_milli"], row["tick"],
        row["places"], row["present"], None if row["everywhere"] else row["session_ids"],
    )  # fmt: skip
