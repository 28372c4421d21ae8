"""Use cases of the desk: check a reservation in, say how its visit ended. The worker says who did not come.

Each is one conditional change of the claim's state under its lock, with its audit entry by the claim's trigger. Staff
reach a claim as they reach its clinic; to others it does not exist.
"""

from typing import Any
from uuid import UUID

from humiao.auth.tokens import Staff
from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import read_counters
from humiao.booking.models import Counter
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.masking import mask_name
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.visits.schemas import OutcomeInput

LISTED_MAX = 500


class VisitsService:
    """What the desk may do with a reservation."""

    def __init__(self, database: Database, vault: Vault, gatekeeper: Gatekeeper) -> None:
        self._database = database
        self._vault = vault
        self._gatekeeper = gatekeeper

    async def show(self, claim_id: UUID) -> dict[str, Any]:
        """A reservation that was just made or changed by whoever asks."""
        async with self._database.read() as connection:
            return self._told(await connection.fetchrow(statement("visits/show_visit"), claim_id))

    async def list_window(self, me: Staff, window_id: int) -> dict[str, Any] | Refusal:
        """Reservations of a window, LISTED_MAX at most; out of reach it does not exist."""
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("visits/list_window"), window_id, me.role, me.clinic_id, me.district_code, LISTED_MAX
            )
        if not rows:
            return Refusal("unknown_window")
        return {"items": [self._told(row) for row in rows if row["reservation_id"] is not None]}

    async def check_in(self, me: Staff, claim_id: UUID, key: str) -> dict[str, Any] | Refusal:
        """`visit_too_early` with the time, `visit_day_over`, `not_a_reservation`; who is checked in stays so."""

        async def change(connection: Any, claim: Any) -> Refusal | None:
            if claim["state"] in ("checked_in", "fulfilled"):
                return None
            if refusal := _refuse_check_in(claim):
                return refusal
            await connection.fetchval(statement("visits/check_in"), claim_id, me.actor)
            return None

        return await self._change(me, claim_id, key, "visit.check_in", {}, change)

    async def end(self, me: Staff, claim_id: UUID, body: OutcomeInput, key: str) -> dict[str, Any] | Refusal:
        """`not_checked_in`; `visit_ended` where it ended otherwise. A visit that ended so already stays as it is."""
        if (body.outcome == "not_given") != (body.reason is not None):
            told = {"field": "reason", "code": "implausible", "message": "未接种须写明原因，已接种不填原因"}
            return Refusal("invalid_input", extra={"errors": [told]})

        async def change(connection: Any, claim: Any) -> Refusal | None:
            if claim["state"] == "fulfilled":
                ended = await connection.fetchval(statement("visits/find_outcome"), claim_id)
                return None if ended == body.outcome else Refusal("visit_ended")
            if claim["state"] != "checked_in":
                return Refusal("not_checked_in")
            await connection.fetchval(statement("visits/end_visit"), claim_id, me.actor, body.outcome, body.reason)
            return None

        return await self._change(me, claim_id, key, "visit.end", body.model_dump(), change)

    async def _change(
        self, me: Staff, claim_id: UUID, key: str, operation: str, body: dict[str, Any], change: Any
    ) -> dict[str, Any] | Refusal:
        """One change of a claim in reach, in one transaction; then the cache copies the counters' new versions."""
        counters: list[Counter] = []
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                claim = await connection.fetchrow(
                    statement("visits/lock_claim"), claim_id, me.role, me.clinic_id, me.district_code
                )
                if claim is None:
                    return Refusal("unknown_reservation")
                refusal = await change(connection, claim)
                if isinstance(refusal, Refusal):
                    return refusal
                places = {(claim["window_id"], claim["channel"], claim["stock_id"])}
                counters.extend(await read_counters(connection, places))
                return {"reservation_id": str(claim_id)}

            digest = body_hash(operation, {"reservation": str(claim_id)} | body)
            answer = await once(connection, actor=me.actor, key=key, operation=operation, body_hash=digest, work=work)
            if isinstance(answer, Refusal):
                return answer
            row = await connection.fetchrow(statement("visits/show_visit"), claim_id)
        if counters:
            self._gatekeeper.settle_later(counters)
        return self._told(row)

    def _told(self, row: Any) -> dict[str, Any]:
        name = self._vault.open(bytes(row["name_sealed"]), row=row["person_id"], field="name")
        return dict(row) | {"person": {"person_id": row["person_id"], "name_masked": mask_name(name)}}


def _refuse_check_in(claim: Any) -> Refusal | None:
    if claim["state"] != "confirmed":
        return Refusal("not_a_reservation")
    if claim["over"]:
        return Refusal("visit_day_over")
    if claim["early"]:
        return Refusal("visit_too_early", retry_at=claim["opens_at"])
    return None


async def mark_no_shows(database: Database, gatekeeper: Gatekeeper, *, at_most: int) -> int:
    """Say of reservations whose day has ended that nobody came, at most so many at once; returns how many."""
    async with database.transaction() as connection:
        rows = await connection.fetch(statement("visits/mark_no_shows"), at_most)
        places = {(row["window_id"], row["channel"], row["stock_id"]) for row in rows}
        counters = await read_counters(connection, places)
    if counters:
        await gatekeeper.settle(counters)
    return len(rows)
