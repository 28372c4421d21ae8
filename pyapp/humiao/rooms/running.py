"""Opening, changing and looking at a room, on a connection of the caller's: for the back office and the command line.

`by` and `source` are how the audit chain names who acts and from where.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg

from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.rooms.draw import commitment_of, new_secret, seal
from humiao.rooms.schemas import RoomChange, RoomInput

Why = Literal["closed", "off", "nobody_waits", "early", "paused", "ledger_slow", "as_set"]


@dataclass(frozen=True, slots=True)
class Figures:
    """A room in numbers. `front` is the lowest place of those who wait and are present; rates are people a minute."""

    room: dict[str, Any]
    places: dict[str, int]
    front: int | None
    last_let_in: int | None
    rate_now: int
    why: Why


def rate_now(room: Any, now: datetime) -> tuple[int, Why]:
    """How many a minute are let in now, and why not as many as the city has set. Pure.

    `room` has the members of `shown`.
    """
    for stands_still, why in (
        (room["state"] == "closed", "closed"), (room["state"] == "off", "off"),
        (now < room["opens_at"], "early"), (not room["is_on"], "nobody_waits"), (room["paused"], "paused"),
    ):  # fmt: skip
        if stands_still:
            return 0, why  # type: ignore[return-value]  # a tuple's words are not narrowed
    slower = room["pace_milli"] < room["rate_milli"]
    return room["pace_per_minute"], "ledger_slow" if slower else "as_set"


class _Missing(Exception):
    """A session that is to be covered is not there, or is closed."""


def implausible(body: RoomInput) -> Refusal | None:
    """What does not go together in a room that is to be opened."""
    errors = []
    if (body.scope == "service") == bool(body.session_ids):
        errors.append({"field": "session_ids", "message": "全市排队不填场次，其他须填至少一个场次"})
    if body.state == "auto" and body.on_above is None:
        errors.append({"field": "on_above", "message": "自动开启须填每秒占号数"})
    told = [error | {"code": "implausible"} for error in errors]
    return Refusal("invalid_input", extra={"errors": told}) if told else None


async def open_room(
    connection: Any, vault: Vault, body: RoomInput, *, by: str, source: str
) -> dict[str, Any] | Refusal:
    """Open a room, inside the caller's transaction; the commitment to its draw is published with it."""
    if refusal := implausible(body):
        return refusal
    opens_at = (body.opens_at or datetime.now(UTC)).replace(microsecond=0)
    room_id: int = await connection.fetchval(statement("rooms/next_id"))
    secret = new_secret()
    try:
        async with connection.transaction():
            await connection.execute(
                statement("rooms/open"), room_id, body.scope, body.title, body.state, opens_at,
                milli(body.rate_per_minute), body.on_above, body.admit_ttl_s,
                commitment_of(room_id, opens_at, secret), seal(vault, room_id, secret), by,
            )  # fmt: skip
            covered = await connection.fetchval(statement("rooms/cover"), room_id, body.session_ids)
            if covered < len(set(body.session_ids)):
                raise _Missing
    except asyncpg.UniqueViolationError:
        return Refusal("session_has_room")
    except _Missing:
        return Refusal("unknown_session")
    detail = {"scope": body.scope, "sessions": len(body.session_ids), "rate_per_minute": body.rate_per_minute}
    await write_audit(connection, by, source, "room.opened", f"room:{room_id}", detail=detail)
    return {"room_id": room_id}


async def change_room(
    connection: Any, room_id: int, body: RoomChange, *, by: str, source: str
) -> dict[str, Any] | Refusal:
    """Change how a room is run, inside the caller's transaction; a closed one stays closed."""
    rate = None if body.rate_per_minute is None else milli(body.rate_per_minute)
    # Not in the middle of a tick, which would write what it had read before.
    await connection.execute(statement("rooms/lock"), room_id)
    try:
        async with connection.transaction():
            changed = await connection.fetchval(
                statement("rooms/change"), room_id, body.state, body.paused, rate, body.on_above, body.admit_ttl_s
            )
    except asyncpg.CheckViolationError:
        errors = [{"field": "on_above", "code": "implausible", "message": "自动开启须填每秒占号数"}]
        return Refusal("invalid_input", extra={"errors": errors})
    if changed is None:
        known = await connection.fetchrow(statement("rooms/show"), room_id)
        return Refusal("unknown_room" if known is None else "room_closed")
    if body.state == "closed":
        await connection.execute(statement("rooms/uncover"), room_id)
    detail = body.model_dump(mode="json", exclude_none=True, exclude={"reason"})
    await write_audit(connection, by, source, "room.changed", f"room:{room_id}", reason=body.reason, detail=detail)
    return {"room_id": room_id}


async def figures(connection: Any, room_id: int) -> Figures | Refusal:
    """A room in numbers, as its record has them now."""
    row = await connection.fetchrow(statement("rooms/show"), room_id)
    if row is None:
        return Refusal("unknown_room")
    counted = dict(await connection.fetchrow(statement("rooms/figures"), room_id))
    front, last = counted.pop("front"), counted.pop("last_let_in")
    room = shown(row)
    rate, why = rate_now(room, row["now"])
    return Figures(room, counted, front, last, rate, why)


def milli(per_minute: int) -> int:
    """People a minute as thousandths a second."""
    return round(per_minute * 1000 / 60)


def _per_minute(milli_per_s: int) -> int:
    return round(milli_per_s * 60 / 1000)


def shown(row: Any) -> dict[str, Any]:
    """A room's row with the members that are shown: hex for bytes, rates a minute."""
    told = dict(row)
    for name in ("commitment", "secret", "tickets_digest", "seed"):
        told[name] = None if row[name] is None else bytes(row[name]).hex()
    told |= {"rate_per_minute": _per_minute(row["rate_milli"]), "pace_per_minute": _per_minute(row["pace_milli"])}
    return told | {"holds_per_s": round(row["load"], 1)}
