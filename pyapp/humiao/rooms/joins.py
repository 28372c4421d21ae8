"""Joining a room: whoever asked while a batch was written goes with the next, one statement and one commit for all.

A person has one place, so that a batch of which nobody knows whether it was committed may be asked for again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from humiao.errors import Refusal
from humiao.kit.database import TRANSIENT, Database
from humiao.kit.lane import Lane, LaneFull
from humiao.kit.sql import statement

WRITERS = 2  # one batch is read and bound while the other commits
BATCH_MAX = 500
WAITING_MAX = 20_000
TRIES = 3  # of a batch that waited in a circle with another
FULL_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class JoinWish:
    """Somebody wants to wait; `account_id` None: a member of staff asks for them."""

    room_id: int
    account_id: UUID | None
    person_id: UUID
    channel: str


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of a wish: `code` there with the entry, or a refusal."""

    code: str
    ticket: UUID | None
    is_new: bool


async def join_many(connection: Any, wishes: Sequence[JoinWish]) -> list[Joined]:
    """Do it, in the order of the wishes; whose person it is, is asked inside the statement."""
    rows = await connection.fetch(
        statement("rooms/join_many"),
        [wish.room_id for wish in wishes],
        [wish.account_id for wish in wishes],
        [wish.person_id for wish in wishes],
        [uuid4() for _ in wishes],
        [wish.channel for wish in wishes],
    )
    return [Joined(row["code"], row["ticket"] and UUID(str(row["ticket"])), row["is_new"]) for row in rows]


class Joins:
    """The way of residents into rooms."""

    def __init__(self, database: Database, *, batch_max: int = BATCH_MAX, waiting_max: int = WAITING_MAX) -> None:
        self._database = database
        self._lane: Lane[JoinWish, Joined] = Lane(
            self._write, writers=WRITERS, batch_max=batch_max, waiting_max=waiting_max
        )

    async def _write(self, wishes: list[JoinWish]) -> list[Joined]:
        for tries_left in reversed(range(TRIES)):
            try:
                async with self._database.single() as connection:
                    return await join_many(connection, wishes)
            except TRANSIENT:
                if not tries_left:
                    raise
        raise AssertionError("the last try answers or raises")

    async def join(self, wish: JoinWish) -> UUID | Refusal:
        """The entry of a person, new or old; refused with `busy` where too many ask, or as the statement says."""
        try:
            joined = await self._lane.submit(wish)
        except LaneFull:
            return Refusal("busy", retry_at=datetime.now(UTC) + timedelta(seconds=FULL_RETRY_S))
        return joined.ticket or Refusal(joined.code)

    async def drain(self) -> None:
        """Wait until everybody who asked is answered."""
        await self._lane.drain()
