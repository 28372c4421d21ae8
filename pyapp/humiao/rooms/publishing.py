"""The draw of a room as files, for anyone to check at home: version 1 of docs/draw.md, for `humiao draw verify`."""

import asyncio
from datetime import datetime
from typing import Any

from humiao import _core
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.lottery.models import Announcement, Entrants, Result
from humiao.lottery.protocol import seal
from humiao.lottery.published import announcement_file, result_file
from humiao.rooms.draw import terms_of


def announced(room_id: int, opens_at: datetime, commitment: bytes) -> bytes:
    """What is known from the opening of the room on."""
    return announcement_file(Announcement(terms_of(room_id, opens_at), commitment))


def result_of(room_id: int, opens_at: datetime, commitment: bytes, secret: bytes, tickets: list[str]) -> bytes:
    """Everything that anyone needs to recompute the places of those who were there before. Pure.

    It is told as it came about: whether secret and commitment fit is for the reader to find.
    """
    terms = terms_of(room_id, opens_at)
    listed = seal(terms.campaign, Entrants.of(bytes(len(tickets)), [ticket.encode() for ticket in tickets]))
    entrants, entropy = listed.entrants, listed.digest.hex()
    seed = _core.draw_seed(secret, entropy, terms.campaign)
    ordered = entrants.taken(memoryview(_core.draw_order(seed, entrants.tiers, entrants.tickets)).cast("I"))
    digest = _core.draw_result_digest(
        terms.campaign, commitment, listed.digest, entropy, seed, ordered.tiers, ordered.tickets
    )
    keys = _core.draw_keys(seed, ordered.tiers, ordered.tickets)
    result = Result(Announcement(terms, commitment), listed.digest, entropy, secret, seed, digest, ordered, keys)
    return b"".join(result_file(result))


async def publish_drawn(database: Database) -> int:
    """Write the files that are due; returns how many. Outside of any tick: a list of 200,000 takes a second."""
    async with database.read() as connection:
        rooms = await connection.fetch(statement("rooms/unpublished"))
    for room in rooms:
        await _publish(database, room)
    return len(rooms)


async def _publish(database: Database, room: Any) -> None:
    async with database.read() as connection:
        tickets = [row["ticket"] for row in await connection.fetch(statement("rooms/drawn"), room["room_id"])]
    result = await asyncio.to_thread(
        result_of, room["room_id"], room["opens_at"], bytes(room["commitment"]), bytes(room["secret"]), tickets
    )
    async with database.single() as connection:
        await connection.execute(statement("rooms/publish"), room["room_id"], result)
