"""Booking at the desk or by the hotline: the road of everybody's booking, asked by staff for a person with a document.

Rules, limits and the waiting room are asked as they are of residents. A hold is made and confirmed at once; if the
second step does not come about, the same request does it later, or the hold ends at its time. No number is kept.
"""

import hashlib
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Staff
from humiao.booking.engine import BookingEngine, Result
from humiao.booking.models import Caller, ConfirmWish, HoldWish
from humiao.eligibility.service import EligibilityService
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.residents.naming import index_of, person_named
from humiao.rooms.service import RoomsService
from humiao.visits.schemas import DeskBooking


class DeskBookings:
    """What staff book for people at the clinics in their reach."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        engine: BookingEngine,
        eligibility: EligibilityService,
        rooms: RoomsService,
    ) -> None:
        self._database = database
        self._vault = vault
        self._engine = engine
        self._eligibility = eligibility
        self._rooms = rooms

    async def book(self, me: Staff, body: DeskBooking, key: str) -> Result:
        """{reservation_id, …}, or a refusal: `unknown_window` beyond one's reach, `unknown_person` where number and
        name name nobody on record, and whatever residents are refused with.
        """
        index = index_of(self._vault, body.document_type, body.document_number)
        if isinstance(index, Refusal):
            return index
        async with self._database.read() as connection:
            reach = (body.window_id, body.stock_id, me.role, me.clinic_id, me.district_code)
            place = await connection.fetchrow(statement("visits/window_in_reach"), *reach)
            if place is None:
                return Refusal("unknown_window")
            if place["vaccine_code"] is None:
                return Refusal("no_such_stock")
            person_id = await person_named(connection, self._vault, body.document_type, index, body.name)
            if isinstance(person_id, Refusal):
                return person_id
        refusal = await self._refuse(person_id, body, place)
        # A repeat is owed its first answer, whatever the rules say by now.
        if refusal and not await self._engine.is_answered(me.actor, key):
            return refusal
        return await self._hold_and_confirm(Caller(me.actor, None, body.channel), person_id, body, key)

    async def _refuse(self, person_id: UUID, body: DeskBooking, place: Any) -> Refusal | None:
        # Whom a limit pauses is told to come to the clinic, whose own places are then for the clinic to give.
        limited = (body.channel, body.quota) != ("desk", "desk")
        return await self._eligibility.check_person(
            person_id, place["vaccine_code"], place["day"], limited=limited
        ) or await self._rooms.check_person(person_id, body.quota, body.window_id)

    async def _hold_and_confirm(self, caller: Caller, person_id: UUID, body: DeskBooking, key: str) -> Result:
        # ID numbers can be enumerated: what is kept of the request is a keyed digest.
        digest = self._vault.blind_index("request", body.model_dump_json())
        held = await self._engine.hold(
            HoldWish(caller, person_id, body.window_id, body.quota, body.stock_id, key, digest)
        )
        if isinstance(held, Refusal):
            return held
        second = hashlib.sha256(f"{key}:confirm".encode()).hexdigest()
        hold_id, hold_token = UUID(held["hold_id"]), UUID(held["hold_token"])
        return await self._engine.confirm(ConfirmWish(caller, hold_id, hold_token, second, digest))
