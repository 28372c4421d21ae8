"""Joining by hotline or desk: staff take a place for a person who stands before them or calls, and see where it is.

It is the person's one place: their own device, joining later, shows the same, and asking again shows it again. Who was
entered so counts as present. Each time is on record; the document number is never kept.
"""

from typing import Any
from uuid import UUID

from humiao.auth.tokens import Staff
from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.masking import mask_name
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.residents.naming import index_of, person_named
from humiao.rooms.joins import JoinWish, join_many
from humiao.rooms.schemas import DeskJoin
from humiao.rooms.standing import standing

OPERATION = "rooms.join_by_desk"


class RoomsDesk:
    """What staff do for people who wait. Reach (city, district, clinic) is asked inside the transaction."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def join(self, me: Staff, room_id: int, body: DeskJoin, key: str) -> dict[str, Any] | Refusal:
        """The place of a person, new or old, as it is now.

        Refused with `unknown_room` beyond one's reach, `unknown_person` where number and name name nobody on record.
        """
        index = index_of(self._vault, body.document_type, body.document_number)
        if isinstance(index, Refusal):
            return index
        # ID numbers can be enumerated: what is kept of the request is a keyed digest.
        digest = self._vault.blind_index("request", body.model_dump_json())
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await self._join(connection, me, room_id, body, index)

            entry = await once(
                connection, actor=me.actor, key=key, operation=OPERATION,
                body_hash=body_hash(OPERATION, {"room": room_id, "request": digest.hex()}), work=work,
            )  # fmt: skip
            if isinstance(entry, Refusal):
                return entry
            told = await standing(connection, room_id, UUID(entry["ticket"]), UUID(entry["person_id"]))
        if isinstance(told, Refusal):
            return told
        about = {"room_id": room_id, "person_id": entry["person_id"], "name_masked": mask_name(body.name)}
        return told | about | {"is_new": entry["is_new"]}

    async def _join(
        self, connection: Any, me: Staff, room_id: int, body: DeskJoin, index: bytes
    ) -> dict[str, Any] | Refusal:
        reach = (room_id, me.role, me.clinic_id, me.district_code)
        if await connection.fetchval(statement("rooms/in_reach"), *reach) is None:
            return Refusal("unknown_room")
        person_id = await person_named(connection, self._vault, body.document_type, index, body.name)
        if isinstance(person_id, Refusal):
            return person_id
        (joined,) = await join_many(connection, [JoinWish(room_id, None, person_id, body.channel)])
        if joined.ticket is None:
            return Refusal(joined.code)
        detail = {"entry": joined.ticket, "is_new": joined.is_new}
        await write_audit(connection, me.actor, body.channel, "room.joined", f"room:{room_id}", detail=detail)
        return {"ticket": str(joined.ticket), "person_id": str(person_id), "is_new": joined.is_new}
