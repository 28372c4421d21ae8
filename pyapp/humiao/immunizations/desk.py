"""What staff write: doses taken in and corrections. Reach (city, district, clinic) is asked inside the transaction."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from humiao.auth.tokens import Staff
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.doses import DoseList, ReportedDose
from humiao.immunizations.intake import Intake, take_in
from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version, stored_record
from humiao.immunizations.schemas import (
    CorrectionInput,
    ImportAnswer,
    ImportInput,
    RowRecorded,
    RowTold,
    VersionAnswer,
    VersionsAnswer,
)
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sheets import RowError
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.residents.documents import DocumentFault, check_document

_MEMBERS = {"姓名": "name", "证件号码": "document_number", "疫苗": "vaccine_code", "接种日期": "given_on"}
_PLAIN = ("dose_recorded", "lot", "tracing_code", "manufacturer", "site", "route", "place", "vaccinator", "verified")


def _invalid(*errors: tuple[str, str, str]) -> Refusal:
    told = [{"field": field, "code": code, "message": message} for field, code, message in errors]
    return Refusal("invalid_input", extra={"errors": told})


def reported(body: ImportInput, today: date) -> DoseList:
    """The doses of a request with their numbers in one spelling, and what is wrong with the others. Pure."""
    doses, errors = [], []
    for row, one in enumerate(body.doses, start=1):
        document = check_document(one.document_type, one.document_number, today=today)
        if isinstance(document, DocumentFault):
            errors.append(RowError(row, "证件号码", document.code, document.message))
        elif one.given_on > today:
            errors.append(RowError(row, "接种日期", "day_future", "接种日期晚于今天"))
        else:
            plain = one.model_dump(exclude={"document_type", "document_number", "vaccine_code"})
            doses.append(
                ReportedDose(
                    row, document_type=one.document_type, document_number=document.number, vaccine=one.vaccine_code,
                    **plain,
                )
            )  # fmt: skip
    return DoseList(tuple(doses), tuple(errors))


class RecordsDesk:
    """Recording and correcting for staff."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def import_doses(self, me: Staff, body: ImportInput, key: str) -> ImportAnswer | Refusal:
        """Take doses in, once per key. Refused with `invalid_input` and every bad row unless the good are accepted."""
        listed = reported(body, datetime.now(CITY_ZONE).date())
        # ID numbers can be enumerated: what is kept of the request is a keyed digest
        digest = self._vault.blind_index("request", body.model_dump_json())
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                reach = (body.clinic_id, me.role, me.clinic_id, me.district_code)
                if await connection.fetchval(statement("immunizations/clinic_in_reach"), *reach) is None:
                    return Refusal("unknown_clinic")
                found = await take_in(
                    connection, self._vault, listed.doses, source=body.source, clinic_id=body.clinic_id, by=me.actor,
                    sent_from="desk", unread=listed.errors, accept_good=body.accept_good,
                )  # fmt: skip
                if found.errors and not body.accept_good:
                    return _invalid(*(_told(error) for error in found.errors))
                return _answer(found).model_dump(mode="json")

            answer = await once(
                connection, actor=me.actor, key=key, operation="records.import",
                body_hash=body_hash("records.import", {"request": digest.hex()}), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else ImportAnswer.model_validate(answer)

    async def versions(self, me: Staff, record_id: UUID) -> VersionsAnswer | Refusal:
        """A record with its versions, or `unknown_record`."""
        async with self._database.read() as connection:
            if await self._in_reach(connection, me, record_id) is None:
                return Refusal("unknown_record")
            rows = await connection.fetch(statement("immunizations/versions_of"), record_id)
        return VersionsAnswer(record_id=record_id, versions=[VersionAnswer(**dict(row)) for row in rows])

    async def correct(self, me: Staff, record_id: UUID, body: CorrectionInput, key: str) -> VersionsAnswer | Refusal:
        """Write the next version, once per key.

        Refused with `record_changed` where somebody else was faster, `duplicate_dose` where the new day is taken.
        """
        digest = self._vault.blind_index("request", f"{record_id}{body.model_dump_json()}")
        try:
            async with self._database.transaction() as connection:

                async def work() -> dict[str, Any] | Refusal:
                    return await self._write_version(connection, me, record_id, body)

                answer = await once(
                    connection, actor=me.actor, key=key, operation="records.correct",
                    body_hash=body_hash("records.correct", {"request": digest.hex()}), work=work,
                )  # fmt: skip
        except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError) as taken:
            if taken.table_name == "immunization_days":
                return Refusal("duplicate_dose")
            if isinstance(taken, asyncpg.CheckViolationError):
                raise
            return Refusal("record_changed")
        if isinstance(answer, Refusal):
            return answer
        versions = [VersionAnswer.model_validate(one) for one in answer["versions"]]
        return VersionsAnswer(record_id=record_id, versions=versions)

    async def _write_version(
        self, connection: Any, me: Staff, record_id: UUID, body: CorrectionInput
    ) -> dict[str, Any] | Refusal:
        row = await self._in_reach(connection, me, record_id)
        if row is None:
            return Refusal("unknown_record")
        if row["version"] != body.version:
            return Refusal("record_changed")
        refused = await self._check(connection, row, body)
        if refused:
            return refused
        corrected = _corrected(stored_record(row), body)
        if body.note:
            sealed = self._vault.seal(body.note, row=record_id, field=f"note:{corrected.version}")
            corrected = replace(corrected, note_sealed=sealed)
        await add_version(connection, corrected, by=me.actor, source="desk")
        rows = await connection.fetch(statement("immunizations/versions_of"), record_id)
        return {"versions": [VersionAnswer(**dict(one)).model_dump(mode="json") for one in rows]}

    async def _check(self, connection: Any, row: Any, body: CorrectionInput) -> Refusal | None:
        if (body.override is None) == (body.reason == "clinical_decision") and not body.void:
            return _invalid(("override", "reason_differs", "医生判定须同时给出判定结果和理由 clinical_decision"))
        if row["override"] and body.reason in ("wrong_entry", "verified_later"):
            # the next version would silently lose the decision
            return _invalid(("reason", "decision_stands", "这条记录有医生判定，更正时须由医生重新判定"))
        if body.given_on and body.given_on > datetime.now(CITY_ZONE).date():
            return _invalid(("given_on", "day_future", "接种日期晚于今天"))
        if body.given_on and body.given_on < row["birth_date"]:
            return _invalid(("given_on", "day_before_birth", "接种日期早于出生日期"))
        vaccines = await connection.fetch(statement("immunizations/series_of_vaccines"))
        if body.vaccine_code and body.vaccine_code not in {one["vaccine_code"] for one in vaccines}:
            return Refusal("unknown_vaccine")
        return None

    async def _in_reach(self, connection: Any, me: Staff, record_id: UUID) -> Any:
        return await connection.fetchrow(
            statement("immunizations/record_in_reach"), record_id, me.role, me.clinic_id, me.district_code
        )


def _corrected(one: StoredRecord, body: CorrectionInput) -> StoredRecord:
    judged = one.record
    changes: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(body, name)) is not None}
    if body.reason == "verified_later":
        changes["verified"] = True
    override = body.override if body.reason == "clinical_decision" else None
    record = Record(
        body.vaccine_code or judged.vaccine, body.given_on or judged.given_on, judged.campaign, judged.course_complete,
        override,
    )  # fmt: skip
    return replace(one, version=one.version + 1, record=record, void=body.void, reason=body.reason, **changes)


def _told(error: RowError) -> tuple[str, str, str]:
    member = _MEMBERS.get(error.column or "", "")
    return f"doses.{(error.row or 1) - 1}.{member}".rstrip("."), error.code, f"第 {error.row} 条：{error.message}"


def _answer(found: Intake) -> ImportAnswer:
    return ImportAnswer(
        import_id=found.import_id,
        recorded=[RowRecorded(row=one.row, record_id=one.record_id) for one in found.recorded],
        duplicates=[
            RowTold(row=one.row, code="duplicate", message=one.message, record_id=one.record_id)
            for one in found.duplicates
        ],
        errors=[RowTold(row=one.row or 0, code=one.code, message=one.message) for one in found.errors],
    )
