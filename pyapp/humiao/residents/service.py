"""The people an account acts for. Every query asks the guardianship; another account's people do not exist here."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Resident
from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.masking import mask_document, mask_name, mask_phone
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.residents.binding import bind_person, check_person
from humiao.residents.schemas import DistrictsInput, MeAnswer, NewPerson, PeopleAnswer, PersonAnswer


class ResidentsService:
    """List, bind and unbind people."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def _person(self, row: Any) -> PersonAnswer:
        name = self._vault.open(row["name_sealed"], row=row["person_id"], field="name")
        number = self._vault.open(row["document_sealed"], row=row["person_id"], field="document")
        return PersonAnswer(
            person_id=row["person_id"],
            name=name,
            name_masked=mask_name(name),
            document_type=row["document_type"],
            document_masked=mask_document(number),
            birth_date=row["birth_date"],
            sex=row["sex"],
            relation=row["relation"],
            residence_district=row["residence_district"],
            work_district=row["work_district"],
        )

    async def me(self, resident: Resident) -> MeAnswer | Refusal:
        """Return the account that is logged in."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("residents/get_account"), resident.account_id)
        if row is None:
            return Refusal("not_logged_in")
        phone = self._vault.open(row["phone_sealed"], row=row["account_id"], field="phone")
        return MeAnswer(account_id=row["account_id"], phone_masked=mask_phone(phone))

    async def list_people(self, resident: Resident) -> PeopleAnswer:
        """Return everybody the account acts for, the account holder first."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("residents/list_people"), resident.account_id)
        return PeopleAnswer(items=[self._person(row) for row in rows])

    async def get_person(self, resident: Resident, person_id: UUID) -> PersonAnswer | Refusal:
        """Return one person the account acts for, or `unknown_person`."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("residents/get_person"), resident.account_id, person_id, False)
        return self._person(row) if row else Refusal("unknown_person")

    async def add_person(self, resident: Resident, new: NewPerson, key: str) -> PersonAnswer | Refusal:
        """Bind a person, once per key; refused where the document is wrong or taken, or the account is full."""
        checked = check_person(new, today=datetime.now(CITY_ZONE).date())
        if isinstance(checked, Refusal):
            return checked
        # ID numbers can be enumerated: what is kept of the request is a keyed digest
        body = self._vault.blind_index("request", json.dumps(new.model_dump(mode="json"), sort_keys=True))
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                bound = await bind_person(connection, self._vault, resident.account_id, checked)
                return bound if isinstance(bound, Refusal) else {"person_id": str(bound)}

            answer = await once(
                connection,
                actor=resident.actor,
                key=key,
                operation="people.add",
                body_hash=body_hash("people.add", {"request": body.hex()}),
                work=work,
            )
            if isinstance(answer, Refusal):
                return answer
            row = await connection.fetchrow(
                statement("residents/get_person"), resident.account_id, UUID(answer["person_id"]), True
            )
        return self._person(row)

    async def set_districts(
        self, resident: Resident, person_id: UUID, body: DistrictsInput, key: str
    ) -> PersonAnswer | Refusal:
        """Declare where a person lives and works, once; `unknown_person`, or `invalid_input` for no district."""
        said = {"residence_district": body.residence_district, "work_district": body.work_district}
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                for field, code in said.items():
                    if code and not await connection.fetchval(statement("residents/known_districts"), [code]):
                        wrong = {"field": field, "code": "unknown_district", "message": "没有这个区，请重新选择"}
                        return Refusal("invalid_input", extra={"errors": [wrong]})
                changed = await connection.fetchval(
                    statement("residents/set_districts"), resident.account_id, person_id, *said.values()
                )
                if changed is None:
                    return Refusal("unknown_person")
                await write_audit(
                    connection, resident.actor, "h5", "person.districts", f"person:{person_id}", detail=said
                )
                return {"person_id": str(person_id)}

            answer = await once(
                connection, actor=resident.actor, key=key, operation="people.districts",
                body_hash=body_hash("people.districts", {"person_id": str(person_id)} | said), work=work,
            )  # fmt: skip
            if isinstance(answer, Refusal):
                return answer
            row = await connection.fetchrow(statement("residents/get_person"), resident.account_id, person_id, True)
        return self._person(row)

    async def unbind_person(self, resident: Resident, person_id: UUID, key: str) -> dict[str, Any] | Refusal:
        """Stop acting for a person, once per key; refused with `person_has_claims` while a live claim exists."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                await connection.execute(statement("residents/lock_account"), resident.account_id)
                await connection.execute(statement("residents/lock_person"), person_id)
                bound = await connection.fetchrow(
                    statement("residents/get_person"), resident.account_id, person_id, False
                )
                if bound is None:
                    return Refusal("unknown_person")
                if await connection.fetchval(statement("residents/has_live_claim"), person_id):
                    return Refusal("person_has_claims")
                await connection.execute(statement("residents/unbind_person"), resident.account_id, person_id)
                await write_audit(connection, resident.actor, "h5", "person.unbound", f"person:{person_id}")
                return {"person_id": str(person_id)}

            return await once(
                connection,
                actor=resident.actor,
                key=key,
                operation="people.unbind",
                body_hash=body_hash("people.unbind", {"person_id": str(person_id)}),
                work=work,
            )
