"""Medical exemptions: documented by a clinic for a child of one of its checks, ended by it or by the city."""

from typing import Any
from uuid import UUID, uuid4

from humiao.auth.tokens import Staff
from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.schoolcheck.kept import find_check
from humiao.schoolcheck.schemas import ExemptionInput, ExemptionMade


class Exemptions:
    """Records and ends exemptions. What they change shows at the next check; a check that was made stays as it was."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def record(
        self, me: Staff, check_id: UUID, nth: int, body: ExemptionInput, key: str
    ) -> ExemptionMade | Refusal:
        """Record one for a child of a check within reach, once per key.

        Refused with `unknown_check`, `unknown_child` (not on record), `invalid_input` for a day that is past.
        """
        # grounds are medical: what is kept of the request is a keyed digest
        digest = self._vault.blind_index("request", body.model_dump_json()).hex()
        asked = {"check_id": str(check_id), "nth": nth, "request": digest}
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                if await find_check(connection, me, check_id) is None:
                    return Refusal("unknown_check")
                person = await connection.fetchval(statement("schoolcheck/person_of_child"), check_id, nth)
                if person is None:
                    return Refusal("unknown_child")
                if body.until and body.until <= await connection.fetchval(statement("kit/city_today")):
                    told = {"field": "until", "code": "past", "message": "暂缓的截止日期须晚于今天"}
                    return Refusal("invalid_input", extra={"errors": [told]})
                exemption_id = uuid4()
                sealed = self._vault.seal(body.grounds, row=exemption_id, field="grounds")
                await connection.execute(
                    statement("schoolcheck/add_exemption"), exemption_id, person, body.series, body.until, sealed,
                    me.clinic_id, me.actor,
                )  # fmt: skip
                detail = {"series": body.series, "until": body.until, "check_id": str(check_id)}
                await write_audit(
                    connection, me.actor, "desk", "exemption.recorded", f"exemption:{exemption_id}", detail=detail
                )
                return {"exemption_id": str(exemption_id)}

            answer = await once(
                connection, actor=me.actor, key=key, operation="exemptions.record",
                body_hash=body_hash("exemptions.record", asked), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else ExemptionMade(**answer)

    async def end(self, me: Staff, exemption_id: UUID, key: str) -> Refusal | None:
        """End one, once per key; refused with `unknown_exemption` out of reach or where it has ended."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                ended = await connection.fetchval(
                    statement("schoolcheck/end_exemption"), exemption_id, me.actor, me.role, me.clinic_id
                )
                if ended is None:
                    return Refusal("unknown_exemption")
                await write_audit(connection, me.actor, "desk", "exemption.ended", f"exemption:{exemption_id}")
                return {}

            answer = await once(
                connection, actor=me.actor, key=key, operation="exemptions.end",
                body_hash=body_hash("exemptions.end", {"exemption_id": str(exemption_id)}), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else None
