"""Use cases of residents' booking: wishes for the engine, and reservations as their owner sees them."""

import base64
import binascii
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Resident
from humiao.booking.engine import BookingEngine, Result
from humiao.booking.models import Caller, ConfirmWish, EndWish, HoldWish, RescheduleWish
from humiao.booking.schemas import CancelRequest, ConfirmRequest, HoldRequest, ReleaseRequest, RescheduleRequest
from humiao.eligibility.service import EligibilityService
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.masking import mask_name
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.limits.rules import Limit, judge_cancelling
from humiao.limits.service import LimitsService, in_force
from humiao.rooms.service import RoomsService

PAGE = 50
CAMPAIGN = "campaign"
STATE_LABELS = {
    "held": "待确认",
    "confirmed": "已预约",
    "released": "已放弃",
    "expired": "占号已过期",
    "cancelled": "已取消",
    "checked_in": "已签到",
    "fulfilled": "已接种",
    "no_show": "未到",
}
NOT_GIVEN = "已到诊，未接种"


def _position(cursor: str) -> tuple[datetime, UUID] | None:
    """Where a page of claims ended, or None for what no page was ended with."""
    try:
        at, claim_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").split("|")
        position = datetime.fromisoformat(at), UUID(claim_id)
    except (ValueError, binascii.Error):
        return None
    return position if position[0].tzinfo == UTC and 2000 < position[0].year < 2200 else None


class BookingService:
    """What a resident may do with places. Ownership is asked inside every statement."""

    def __init__(
        self,
        engine: BookingEngine,
        database: Database,
        vault: Vault,
        eligibility: EligibilityService,
        limits: LimitsService,
        rooms: RoomsService,
        *,
        channel: str = "h5",
    ) -> None:
        self._engine = engine
        self._eligibility = eligibility
        self._limits = limits
        self._rooms = rooms
        self._database = database
        self._vault = vault
        self._channel = channel

    def _caller(self, me: Resident) -> Caller:
        return Caller(me.actor, me.account_id, self._channel)

    async def hold(
        self, me: Resident, body: HoldRequest, key: str, eligibility_pass: str | None, room_ticket: str | None
    ) -> Result:
        """Hold a place for one of the caller's people. Pass and ticket are no part of what is asked: a retry may renew
        them.
        """
        shown = await self._eligibility.check(
            eligibility_pass, me, person_id=body.person_id, window_id=body.window_id, stock_id=body.stock_id
        )
        if isinstance(shown, Refusal):
            return shown
        waits = await self._rooms.check(room_ticket, me, body.person_id, body.window_id)
        # A repeat is owed its first answer, which may have used the ticket up.
        if waits and not await self._engine.is_answered(me.actor, key):
            return waits
        digest = body_hash("hold", body.model_dump())
        return await self._engine.hold(
            HoldWish(
                self._caller(me), body.person_id, body.window_id, self._channel, body.stock_id, key, digest,
                shown.generation,
            )
        )  # fmt: skip

    async def confirm(self, me: Resident, hold_id: UUID, body: ConfirmRequest, key: str) -> Any:
        """Confirm a hold; the reservation, or a refusal."""
        digest = body_hash("confirm", {"hold": str(hold_id)} | body.model_dump())
        result = await self._engine.confirm(ConfirmWish(self._caller(me), hold_id, body.hold_token, key, digest))
        return await self._shown(me, hold_id, result, "unknown_hold")

    async def release(self, me: Resident, hold_id: UUID, body: ReleaseRequest, key: str) -> Result:
        """Give a held place back."""
        digest = body_hash("release", {"hold": str(hold_id)} | body.model_dump())
        return await self._engine.end(EndWish(self._caller(me), "release", hold_id, body.hold_token, None, key, digest))

    async def cancel(self, me: Resident, reservation_id: UUID, body: CancelRequest, key: str) -> Any:
        """Cancel a reservation before its window begins, and before the deadline where a rule sets one."""
        digest = body_hash("cancel", {"reservation": str(reservation_id)} | body.model_dump())
        refusal = await self._limits.refuse_cancelling(me.account_id, reservation_id)
        # A repeat is owed its first answer, whatever the time is by now.
        if refusal and not await self._engine.is_answered(me.actor, key):
            return refusal
        result = await self._engine.end(
            EndWish(self._caller(me), "cancel", reservation_id, None, body.reason, key, digest)
        )
        return await self._shown(me, reservation_id, result, "unknown_reservation")

    async def reschedule(
        self, me: Resident, reservation_id: UUID, body: RescheduleRequest, key: str, room_ticket: str | None
    ) -> Any:
        """Move a reservation to another window of the same vaccine, on a day on which the person may come."""
        digest = body_hash("reschedule", {"reservation": str(reservation_id)} | body.model_dump())
        # A move gives the place back as a cancelling does: without the same deadline it would be the way around it.
        refusal = (
            await self._limits.refuse_cancelling(me.account_id, reservation_id)
            or await self._eligibility.check_move(me, reservation_id, window_id=body.window_id, stock_id=body.stock_id)
            or await self._rooms.check_move(room_ticket, me, reservation_id, body.window_id)
        )
        # A repeat is owed its first answer, whatever the rules say by now.
        if refusal and not await self._engine.is_answered(me.actor, key):
            return refusal
        # Within its campaign a reservation takes the campaign's places; the dose it won stays the same one (P4).
        async with self._database.read() as connection:
            within = await connection.fetchval(
                statement("booking/moves_in_campaign"), me.account_id, reservation_id, body.window_id, body.stock_id
            )
        channel = CAMPAIGN if within else self._channel
        result = await self._engine.reschedule(
            RescheduleWish(self._caller(me), reservation_id, body.window_id, channel, body.stock_id, key, digest)
        )
        return await self._shown(me, reservation_id, result, "unknown_reservation")

    async def campaign_windows(self, me: Resident, reservation_id: UUID) -> dict[str, Any]:
        """Where a reservation won in a campaign may move; none for any other, or once it may not move."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("booking/campaign_windows"), me.account_id, reservation_id)
        return {"items": [dict(row) for row in rows]}

    async def hold_state(self, me: Resident, hold_id: UUID) -> Result:
        """What became of a hold, without the rest of it."""
        return await self._engine.hold_state(me.account_id, hold_id)

    async def availability(self, session_id: int) -> str | Refusal:
        """What is free in a clinic session, as JSON."""
        state = await self._engine.look(session_id)
        if state is None:
            return Refusal("unknown_session")
        return state.availability(self._channel, time.time_ns() // 1_000_000)

    async def _shown(self, me: Resident, claim_id: UUID, result: Result, missing: str) -> Any:
        return result if isinstance(result, Refusal) else await self.show(me, claim_id, missing=missing)

    async def show(self, me: Resident, claim_id: UUID, *, missing: str) -> dict[str, Any] | Refusal:
        """One claim of the caller's people; somebody else's does not exist."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("booking/show_claim"), me.account_id, claim_id)
            limits = await in_force(connection, "cancel_deadline")
        return Refusal(missing) if row is None else self._reservation(row, limits)

    async def list(self, me: Resident, *, state: str, cursor: str | None) -> dict[str, Any] | Refusal:
        """A page of claims of the caller's people, newest first."""
        after = (None, None) if cursor is None else _position(cursor)
        if after is None:
            errors = [{"field": "cursor", "code": "malformed", "message": "翻页标记不正确"}]
            return Refusal("invalid_input", extra={"errors": errors})
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("booking/list_claims"), me.account_id, state == "live", *after, PAGE + 1
            )
            limits = await in_force(connection, "cancel_deadline")
        following = None
        if len(rows) > PAGE:
            last = rows[PAGE - 1]
            position = f"{last['held_at'].astimezone(UTC).isoformat()}|{last['claim_id']}"
            following = base64.urlsafe_b64encode(position.encode()).decode()
        return {"items": [self._reservation(row, limits) for row in rows[:PAGE]], "next_cursor": following}

    def _reservation(self, row: Any, limits: Sequence[Limit]) -> dict[str, Any]:
        name = self._vault.open(bytes(row["name_sealed"]), row=row["person_id"], field="name")
        late = judge_cancelling(limits, frozenset(row["series"]), row["starts_at"], row["now"])
        before = row["now"] < row["starts_at"] and late is None
        offered = row["channel"] == "campaign" and row["is_offer"]
        return {
            "reservation_id": row["claim_id"],
            "state": row["state"],
            "state_label": NOT_GIVEN if row["outcome"] == "not_given" else STATE_LABELS[row["state"]],
            "person": {"person_id": row["person_id"], "name_masked": mask_name(name)},
            "clinic": {
                "clinic_id": row["clinic_id"],
                "name": row["clinic_name"],
                "address": row["clinic_address"],
                "phone": row["clinic_phone"],
            },
            "vaccine": {"vaccine_code": row["vaccine_code"], "name": row["vaccine_name"]},
            "product": {
                "product_id": row["product_id"],
                "name": row["product_name"],
                "price_fen": row["price_fen"],
            },
            "stock_id": row["stock_id"],
            "window": {
                "window_id": row["window_id"],
                "session_id": row["session_id"],
                "starts_at": row["starts_at"],
                "ends_at": row["ends_at"],
            },
            "held_until": row["held_until"] if row["state"] == "held" else None,
            # An offer is answered as an offer, where the rules are asked once more: its hold's token stays here.
            "hold_token": row["hold_token"] if row["state"] == "held" and not offered else None,
            "offer_id": row["claim_id"] if row["state"] == "held" and offered else None,
            "confirmed_at": row["confirmed_at"],
            "can_cancel": row["state"] == "confirmed" and before,
            "can_reschedule": row["state"] == "confirmed" and before,
            "campaign_id": row["campaign_id"],
        }
