"""Use cases of waiting rooms: join, look, leave; check a hold; open and change a room.

PostgreSQL is the record of every place, so that it survives any process and any cache. Joining needs no idempotency
key: a person has one place, and who asks again is told of it; leaving names the ticket, and a ticket ends once.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from humiao.auth.tokens import Resident, RoomTicket, Staff, Tokens
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.rooms import running
from humiao.rooms.joins import Joins, JoinWish
from humiao.rooms.publishing import announced
from humiao.rooms.schemas import PlaceAnswer, RoomChange, RoomInput
from humiao.rooms.standing import SOON_S, standing

TICKET_TTL = timedelta(hours=24)
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
        self._joins = Joins(database)

    async def drain(self) -> None:
        """Wait until everybody who asked to join is answered."""
        await self._joins.drain()

    # ---- residents -----------------------------------------------------------------------------------------------

    async def join(self, me: Resident, room_id: int, person_id: UUID) -> dict[str, Any] | Refusal:
        """A place for one of the caller's people: a new one, or the one they have."""
        ticket = await self._joins.join(JoinWish(room_id, me.account_id, person_id, self._channel))
        if isinstance(ticket, Refusal):
            return ticket
        expires_at = (datetime.now(UTC) + TICKET_TTL).replace(microsecond=0)
        told = RoomTicket(room_id, ticket, person_id, me.account_id)
        token = self._tokens.for_room(told, expires_at=expires_at)
        about = {"room_id": room_id, "person_id": person_id, "entry": ticket, "expires_at": expires_at}
        return {"ticket": token} | about

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
            return await standing(connection, room_id, shown.ticket, shown.person_id)

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

    async def check_person(self, person_id: UUID, channel: str, window_id: int) -> Refusal | None:
        """The same for somebody for whom staff book: their place counts, whoever took it for them."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/standing_of"), window_id, channel, person_id)
        if row is None or (row["state"] == "admitted" and row["still_admitted"]):
            return None
        if row["state"] is None:
            return Refusal("room_needed")
        if row["state"] == "admitted":
            return Refusal("room_ticket_used")
        return Refusal("room_not_yet", retry_at=row["opens_at"] if row["is_early"] else _soon())

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
        return Refusal("unknown_room") if row is None else running.shown(row)

    async def draw_file(self, room_id: int, part: Literal["announcement", "result"]) -> bytes | Refusal:
        """A published file of a room's draw, or `unknown_room` before its time."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/show"), room_id)
            if row is None:
                return Refusal("unknown_room")
            if part == "announcement":
                return announced(room_id, row["opens_at"], bytes(row["commitment"]))
            result = await connection.fetchval(statement("rooms/published"), room_id)
        return Refusal("unknown_room") if result is None else bytes(result)

    async def of_session(self, session_id: int) -> dict[str, Any]:
        """The room that a session's bookings go through, or none."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("rooms/of_session"), session_id, self._channel)
        return {"room": None if row is None else running.shown(row)}

    # ---- the city ------------------------------------------------------------------------------------------------

    async def list(self) -> dict[str, Any]:
        """Rooms that are not closed, and those closed within a day."""
        async with self._database.read() as connection:
            return {"items": [running.shown(row) for row in await connection.fetch(statement("rooms/list"))]}

    async def open(self, me: Staff, body: RoomInput, key: str) -> dict[str, Any] | Refusal:
        """Open a room over sessions, or over the service; the commitment to its draw is published at once."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await running.open_room(connection, self._vault, body, by=me.actor, source="city")

            answer = await once(
                connection, actor=me.actor, key=key, operation="open_room",
                body_hash=body_hash("open_room", body.model_dump(mode="json")), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.show(answer["room_id"])

    async def change(self, me: Staff, room_id: int, body: RoomChange, key: str) -> dict[str, Any] | Refusal:
        """Change how a room is run; a closed one stays closed."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await running.change_room(connection, room_id, body, by=me.actor, source="city")

            answer = await once(
                connection, actor=me.actor, key=key, operation="change_room",
                body_hash=body_hash("change_room", {"room": room_id} | body.model_dump(mode="json")), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.show(room_id)
