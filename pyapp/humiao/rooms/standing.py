"""Where somebody stands, by the record: what a gate tells from memory, told as booking-gate/src/waiting.rs tells it."""

from typing import Any
from uuid import UUID

from humiao import _core
from humiao.errors import Refusal
from humiao.kit.sql import statement

SOON_S = 2  # as in booking-gate/src/waiting.rs
POLL_S_MAX = 20


async def standing(connection: Any, room_id: int, ticket: UUID, person_id: UUID) -> dict[str, Any] | Refusal:
    """The members of a PlaceAnswer for an entry; refused where it has ended, or nobody waits in the room."""
    row = await connection.fetchrow(statement("rooms/place"), room_id, ticket, person_id)
    if row is None:
        return Refusal("unknown_room")
    if row["room_state"] == "closed":
        return Refusal("room_closed")
    if row["room_state"] == "off" or not row["is_on"]:
        return Refusal("room_off")
    return _standing(row, ticket)


def _standing(row: Any, ticket: UUID) -> dict[str, Any] | Refusal:
    pace = 0 if row["paused"] else row["pace_milli"]
    told: dict[str, Any] = {"place": row["place"], "ahead": None, "minutes": None, "at": None, "version": row["tick"]}
    if row["state"] == "admitted" and row["still_admitted"]:
        more = {"state": "admitted", "ahead": 0, "next_poll_s": POLL_S_MAX, "at": row["admitted_until"]}
    elif row["state"] != "waiting":
        return Refusal("room_ticket_used")
    elif row["place"] is None and row["is_early"]:
        _, poll_s = _core.room_outlook(0, 0, ticket.bytes[0])
        more = {"state": "early", "next_poll_s": poll_s, "at": row["opens_at"]}
    elif row["place"] is None:
        more = {"state": "numbering", "next_poll_s": SOON_S}
    else:
        minutes, poll_s = _core.room_outlook(row["ahead"], pace, ticket.bytes[0])
        more = {"state": "waiting", "ahead": row["ahead"], "minutes": minutes, "next_poll_s": poll_s}
    return told | more
