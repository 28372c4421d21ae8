"""Use cases of waiting rooms: join, look, leave; check a hold; open and change a room.

PostgreSQL is the record of every place, so that it survives any process and any cache. Joining needs no idempotency
key: a person has one place, and who asks again is told of it; leaving names the ticket, and a ticket ends once.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from humiao import _core
from humiao.auth.tokens import Resident, RoomTicket, Staff, Tokens
from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.rooms.draw import commitment_of, new_secret, seal
from humiao.rooms.schemas import PlaceAnswer, RoomChange, RoomInput

TICKET_TTL = timedelta(hours=24)
SOON_S = 2  # as in booking-gate/src/waiting.rs
POLL_S_MAX = 20
INVALID = Refusal("room_ticket_invalid")


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=SOON_S)


class RoomsService:
    """What residents and the city do with rooms. Whose person it is, is asked inside the statements."""

    def __init__(self, database: Database, tokens: Tokens, vault: Vault, *, channel: str = "h5") -> None:
        self._database = database
        self._tokens = tokens
        self._vault = vault
        self._channel = channel

    # ---- residents -----------------------------------------------------------------------------------------------

    async def join(self, me: Resident, room_id: int, person_id: UUID) -> dict[str, Any] | Refusal:
        """A place for one of the caller's people: a new one, or the one they have."""
        async with self._database.single() as connection:
            code, ticket = await connection.fetchrow(
                statement("rooms/join"), room_id, me.account_id, person_id, uuid4(), self._channel
            )
        if ticket is None:
            return Refusal(code)
        expires_at = (datetime.now(UTC) + TICKET_TTL).replace(microsecond=0)
        shown = RoomTicket(room_id, UUID(str(ticket)), person_id, me.account_id)
        token = self._tokens.for_room(shown, expires_at=expires_at)
        return {"ticket": token, "room_id": room_id, "person_id": person_id, "expires_at": expires_at}

    def _own(self, token: str | None, me: Resident, room_id: int) -> RoomTicket | Refusal:
        shown = self._tokens.read_room_ticket(token) if token else INVALID
        if isinstance(shown, Refusal):
            return shown
        return shown if (shown.room_id, shown.account_id) == (room_id, me.account_id) else INVALID

    async def place(self, me: Resident, room_id: int, token: str | None) -> dict[str, Any] | Refusal:
        """Where somebody stands; a gate answers the same from memory."""
        shown = self._own(token, me, room_id)
        if isinstance(shown, Refusal):
            return shown
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/place"), room_id, shown.ticket, shown.person_id)
        if row is None:
            return Refusal("unknown_room")
        if row["room_state"] == "closed":
            return Refusal("room_closed")
        if row["room_state"] == "off" or not row["is_on"]:
            return Refusal("room_off")
        return _standing(row, shown.ticket)

    async def place_event(self, me: Resident, room_id: int, token: str | None) -> str | Refusal:
        """The same as the one event of a stream that ends: whoever listens comes back when a poll would be due."""
        told = await self.place(me, room_id, token)
        if isinstance(told, Refusal):
            return told
        answer = PlaceAnswer.model_validate(told)
        return f"retry: {answer.next_poll_s * 1000}\nid: {answer.version}\ndata: {answer.model_dump_json()}\n\n"

    async def leave(self, me: Resident, room_id: int, token: str | None) -> dict[str, Any] | Refusal:
        """Give a place up; given up before is given up all the same."""
        shown = self._own(token, me, room_id)
        if isinstance(shown, Refusal):
            return shown
        async with self._database.single() as connection:
            await connection.execute(statement("rooms/leave"), shown.ticket, me.account_id, shown.person_id)
        return {"room_id": room_id, "person_id": shown.person_id, "state": "left"}

    async def check(self, token: str | None, me: Resident, person_id: UUID, window_id: int) -> Refusal | None:
        """Why a hold has to wait; None where it may go on. The ledger asks once more, and uses the admission up."""
        shown = self._tokens.read_room_ticket(token) if token else None
        ticket = shown.ticket if isinstance(shown, RoomTicket) else None
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/check"), window_id, self._channel, ticket, person_id)
        if row is None:
            return None
        if shown is None:
            return Refusal("room_needed")
        if isinstance(shown, Refusal) or (shown.account_id, shown.person_id) != (me.account_id, person_id):
            return INVALID
        if shown.room_id != row["room_id"]:
            return Refusal("room_needed")
        if row["state"] == "admitted" and row["still_admitted"]:
            return None
        if row["state"] in (None, "waiting"):
            return Refusal("room_not_yet", retry_at=row["opens_at"] if row["is_early"] else _soon())
        return Refusal("room_ticket_used")

    async def check_move(self, token: str | None, me: Resident, claim_id: UUID, window_id: int) -> Refusal | None:
        """The same for a reservation that would move into a room."""
        async with self._database.read() as connection:
            person_id = await connection.fetchval(statement("rooms/move"), me.account_id, claim_id, window_id)
        return None if person_id is None else await self.check(token, me, person_id, window_id)

    # ---- everybody -----------------------------------------------------------------------------------------------

    async def show(self, room_id: int) -> dict[str, Any] | Refusal:
        """A room."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/show"), room_id)
        return Refusal("unknown_room") if row is None else _room(row)

    async def of_session(self, session_id: int) -> dict[str, Any]:
        """The room that a session's bookings go through, or none."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/of_session"), session_id, self._channel)
        return {"room": None if row is None else _room(row)}

    # ---- the city ------------------------------------------------------------------------------------------------

    async def list(self) -> dict[str, Any]:
        """Rooms that are not closed, and those closed within a day."""
        async with self._database.read() as connection:
            return {"items": [_room(row) for row in await connection.fetch(statement("rooms/list"))]}

    async def open(self, me: Staff, body: RoomInput, key: str) -> dict[str, Any] | Refusal:
        """Open a room over sessions, or over the service; the commitment to its draw is published at once."""
        if refusal := _implausible(body):
            return refusal
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await self._open(connection, me, body)

            answer = await once(
                connection, actor=me.actor, key=key, operation="open_room",
                body_hash=body_hash("open_room", body.model_dump(mode="json")), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.show(answer["room_id"])

    async def _open(self, connection: Any, me: Staff, body: RoomInput) -> dict[str, Any] | Refusal:
        opens_at = (body.opens_at or datetime.now(UTC)).replace(microsecond=0)
        room_id: int = await connection.fetchval(statement("rooms/next_id"))
        secret = new_secret()
        try:
            async with connection.transaction():
                await connection.execute(
                    statement("rooms/open"), room_id, body.scope, body.title, body.state, opens_at,
                    _milli(body.rate_per_minute), body.on_above, body.admit_ttl_s,
                    commitment_of(room_id, opens_at, secret), seal(self._vault, room_id, secret), me.actor,
                )  # fmt: skip
                covered = await connection.fetchval(statement("rooms/cover"), room_id, body.session_ids)
                if covered < len(set(body.session_ids)):
                    raise _Missing
        except asyncpg.UniqueViolationError:
            return Refusal("session_has_room")
        except _Missing:
            return Refusal("unknown_session")
        detail = {"scope": body.scope, "sessions": len(body.session_ids), "rate_per_minute": body.rate_per_minute}
        await write_audit(connection, me.actor, "city", "room.opened", f"room:{room_id}", detail=detail)
        return {"room_id": room_id}

    async def change(self, me: Staff, room_id: int, body: RoomChange, key: str) -> dict[str, Any] | Refusal:
        """Change how a room is run; a closed one stays closed."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await _change(connection, me, room_id, body)

            answer = await once(
                connection, actor=me.actor, key=key, operation="change_room",
                body_hash=body_hash("change_room", {"room": room_id} | body.model_dump(mode="json")), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.show(room_id)


class _Missing(Exception):
    """A session that is to be covered is not there, or is closed."""


def _implausible(body: RoomInput) -> Refusal | None:
    errors = []
    if (body.scope == "service") == bool(body.session_ids):
        errors.append({"field": "session_ids", "message": "全市排队不填场次，其他须填至少一个场次"})
    if body.state == "auto" and body.on_above is None:
        errors.append({"field": "on_above", "message": "自动开启须填每秒占号数"})
    told = [error | {"code": "implausible"} for error in errors]
    return Refusal("invalid_input", extra={"errors": told}) if told else None


async def _change(connection: Any, me: Staff, room_id: int, body: RoomChange) -> dict[str, Any] | Refusal:
    rate = None if body.rate_per_minute is None else _milli(body.rate_per_minute)
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
    await write_audit(
        connection, me.actor, "city", "room.changed", f"room:{room_id}", reason=body.reason, detail=detail
    )
    return {"room_id": room_id}


def _milli(per_minute: int) -> int:
    """People a minute as thousandths a second."""
    return round(per_minute * 1000 / 60)


def _per_minute(milli: int) -> int:
    return round(milli * 60 / 1000)


def _room(row: Any) -> dict[str, Any]:
    told = dict(row)
    for name in ("commitment", "secret", "tickets_digest", "seed"):
        told[name] = None if row[name] is None else bytes(row[name]).hex()
    told |= {"rate_per_minute": _per_minute(row["rate_milli"]), "pace_per_minute": _per_minute(row["pace_milli"])}
    return told | {"holds_per_s": round(row["load"], 1)}


def _standing(row: Any, ticket: UUID) -> dict[str, Any] | Refusal:
    """What is told, as booking-gate/src/waiting.rs tells it."""
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
