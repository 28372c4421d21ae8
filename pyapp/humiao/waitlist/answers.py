"""Use cases of an offer: see it, accept it in a window, decline it. The hold's own rules decide; see migration 0017."""

from typing import Any
from uuid import UUID

from humiao.auth.tokens import Resident
from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import read_counters
from humiao.booking.models import Counter
from humiao.eligibility.service import EligibilityService
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.masking import mask_name
from humiao.kit.sql import statement
from humiao.kit.web import body_hash

SOURCE = "h5"


class OffersService:
    """What a resident may do with an offer. Ownership is asked inside every statement."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        gatekeeper: Gatekeeper,
        eligibility: EligibilityService,
        *,
        grace_ms: int,
    ) -> None:
        self._eligibility = eligibility
        self._database = database
        self._vault = vault
        self._gatekeeper = gatekeeper
        self._grace_ms = grace_ms

    async def show(self, me: Resident, offer_id: UUID) -> dict[str, Any] | Refusal:
        """An offer with the windows to choose from while it is open."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("waitlist/show_offer"), me.account_id, offer_id)
            if row is None:
                return Refusal("unknown_offer")
            windows = []
            if row["state"] == "open":
                windows = await connection.fetch(
                    statement("waitlist/offer_windows"), row["session_id"], row["window_id"]
                )
        name = mask_name(self._vault.open(bytes(row["name_sealed"]), row=row["person_id"], field="name"))
        own = ("offer_id", "entry_id", "campaign_id", "title", "state", "leftover", "made_at", "answer_by")
        return {one: row[one] for one in own} | {
            "person": {"person_id": row["person_id"], "name_masked": name},
            "clinic": {
                "clinic_id": row["clinic_id"], "name": row["clinic_name"], "address": row["clinic_address"],
                "phone": row["clinic_phone"],
            },
            "vaccine": {
                "vaccine_code": row["vaccine_code"], "name": row["vaccine_name"], "product_id": row["product_id"],
                "product_name": row["product_name"], "price_fen": row["price_fen"],
            },
            "windows": [dict(window) for window in windows],
            "reservation_id": offer_id if row["state"] == "accepted" else None,
        }  # fmt: skip

    async def accept(self, me: Resident, offer_id: UUID, window_id: int, key: str) -> Any:
        """Turn an offer into a reservation in the chosen window, or refuse and leave it open.

        The rules of immunization are asked for the day of the session; a repeat is owed its first answer all the same.
        """
        unfit = await self._refuse_day(me, offer_id)
        counters: list[Counter] = []
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                claim = await self._open_claim(connection, me, offer_id)
                if isinstance(claim, Refusal):
                    return claim
                if unfit is not None:
                    return unfit
                places = {(claim["window_id"], claim["channel"], claim["stock_id"])}
                if claim["window_id"] != window_id:
                    refusal = await _choose(connection, me, offer_id, claim, window_id)
                    if refusal is not None:
                        return refusal
                place = await connection.fetchrow(statement("waitlist/accept_offer"), offer_id, me.actor, SOURCE)
                counters.extend(await read_counters(connection, places | {tuple(place)}))
                return {"offer_id": str(offer_id)}

            answer = await self._once(connection, me, key, "offer.accept", offer_id, {"window": window_id}, work)
        return await self._shown(me, offer_id, answer, counters)

    async def decline(self, me: Resident, offer_id: UUID, key: str) -> Any:
        """Give the dose back for the next in line; the entry ends."""
        counters: list[Counter] = []
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                claim = await self._open_claim(connection, me, offer_id)
                if isinstance(claim, Refusal):
                    return claim
                place = await connection.fetchrow(
                    statement("waitlist/give_back_offer"), offer_id, "declined", me.actor, SOURCE
                )
                counters.extend(await read_counters(connection, {tuple(place)}))
                return {"offer_id": str(offer_id)}

            answer = await self._once(connection, me, key, "offer.decline", offer_id, {}, work)
        return await self._shown(me, offer_id, answer, counters)

    async def _refuse_day(self, me: Resident, offer_id: UUID) -> Refusal | None:
        """`not_eligible` where the person may not have this vaccine on the day of the offer's session."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("waitlist/show_offer"), me.account_id, offer_id)
        if row is None:
            return None
        return await self._eligibility.check_day(
            me.account_id, row["person_id"], row["vaccine_code"], row["session_date"]
        )

    async def _open_claim(self, connection: Any, me: Resident, offer_id: UUID) -> Any | Refusal:
        """The claim of an offer that may still be answered, locked."""
        claim = await connection.fetchrow(statement("waitlist/lock_offer"), me.account_id, offer_id, self._grace_ms)
        if claim is None:
            return Refusal("unknown_offer")
        if claim["claim_state"] == "expired" or (claim["claim_state"] == "held" and claim["late"]):
            return Refusal("offer_expired")
        return claim if claim["claim_state"] == "held" else Refusal("offer_ended")

    async def _once(
        self, connection: Any, me: Resident, key: str, operation: str, offer_id: UUID, body: dict[str, Any], work: Any
    ) -> dict[str, Any] | Refusal:
        digest = body_hash(operation, body | {"offer": str(offer_id)})
        return await once(connection, actor=me.actor, key=key, operation=operation, body_hash=digest, work=work)

    async def _shown(self, me: Resident, offer_id: UUID, answer: Any, counters: list[Counter]) -> Any:
        if isinstance(answer, Refusal):
            return answer
        if counters:
            self._gatekeeper.settle_later(counters)
        return await self.show(me, offer_id)


async def _choose(connection: Any, me: Resident, offer_id: UUID, claim: Any, window_id: int) -> Refusal | None:
    """Move the hold to another window of its clinic session, or say why not."""
    wanted = await connection.fetchrow(statement("waitlist/lock_places"), claim["window_id"], window_id)
    if wanted is None or wanted["session_id"] != claim["session_id"]:
        return Refusal("unknown_window")
    if wanted["over"]:
        return Refusal("booking_ended")
    if wanted["free"] <= 0:
        return Refusal("window_full")
    await connection.execute(statement("waitlist/move_offer"), offer_id, window_id, me.actor, SOURCE)
    return None
