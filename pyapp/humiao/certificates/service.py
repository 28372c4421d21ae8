"""Use cases of certificates: issue, list, show, print, revoke; for the owner and guardians alone."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from humiao.auth.tokens import Resident, Staff
from humiao.certificates.content import Holder, check_content, content_of
from humiao.certificates.numbers import new_number
from humiao.certificates.payload import KINDS, Certificate, SignedCheck, SignedDose, sign_certificate
from humiao.certificates.printing import print_pdf, printable
from humiao.certificates.qr import qr_code
from humiao.certificates.schemas import (
    CertificateAnswer,
    CertificateItem,
    CertificatesAnswer,
    NewCertificate,
    Qr,
    Reason,
)
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.models import Person
from humiao.immunizations.own import OwnRecordsService
from humiao.immunizations.repository import StoredRecord, records_of
from humiao.immunizations.service import Programmes
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.keys import Keys
from humiao.kit.masking import mask_document, mask_name
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.residents.documents import NAMES
from humiao.schoolcheck.service import known_of
from humiao.schoolcheck.verdict import Stage, Verdict, check

PRINTS_AT_ONCE = 1  # a print takes a core for a moment, and the rest of the API needs it too
PRINTS_WAITING_MAX = 50
PRINT_RETRY_S = 5


class CertificatesService:
    """Certificates of the people an account acts for; others' do not exist here."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        keys: Keys,
        own: OwnRecordsService,
        programmes: Programmes,
        *,
        public_url: str = "",
    ) -> None:
        self._database = database
        self._vault = vault
        self._keys = keys.certificate_keys
        self._own = own
        self._programmes = programmes
        self._public_url = public_url.rstrip("/")
        self._printing = asyncio.Semaphore(PRINTS_AT_ONCE)
        self._prints = 0  # under way or waiting

    async def issue(
        self, me: Resident, person_id: UUID, asked: NewCertificate, key: str
    ) -> CertificateAnswer | Refusal:
        """Issue a certificate or proof, once per key; what would say the same as one of today is that one.

        Refused with `unknown_person`, `nothing_on_record`, `name_not_printable`, `certificate_unavailable` (no key).
        """
        if (asked.kind == "school_check") != (asked.stage is not None):
            return _wrong_stage()
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await self._issue(connection, me, person_id, asked)

            digest = body_hash("certificates.issue", {"person_id": str(person_id)} | asked.model_dump(mode="json"))
            answer = await once(
                connection, actor=me.actor, key=key, operation="certificates.issue", body_hash=digest, work=work
            )
        if isinstance(answer, Refusal):
            return answer
        return await self.show(me, UUID(answer["certificate_id"]))

    async def _issue(
        self, connection: Any, me: Resident, person_id: UUID, asked: NewCertificate
    ) -> dict[str, Any] | Refusal:
        row = await connection.fetchrow(statement("certificates/person_of_account"), me.account_id, person_id)
        if row is None:
            return Refusal("unknown_person")
        if not self._keys:
            return Refusal("certificate_unavailable")
        holder = self._holder(row)
        if not printable(holder.name):
            return Refusal("name_not_printable")
        await connection.execute(statement("certificates/lock_person"), person_id)
        records = await records_of(connection, person_id)
        if not records and asked.stage is None:
            return Refusal("nothing_on_record")
        signed, content = await self._compose(connection, row, holder, records, asked)
        index = self._vault.blind_index("certificate", json.dumps(content, sort_keys=True))
        same = await connection.fetchval(statement("certificates/find_same"), person_id, index)
        if same:
            return {"certificate_id": str(same)}
        certificate_id, key = uuid4(), self._keys[0]
        await connection.execute(
            statement("certificates/add_certificate"), certificate_id, signed.number, signed.kind, person_id, key.kid,
            signed.edition, self._vault.seal(sign_certificate(signed, key), row=certificate_id, field="text"),
            self._vault.seal(json.dumps(content, ensure_ascii=False), row=certificate_id, field="print"), index,
            me.actor, "h5",
        )  # fmt: skip
        return {"certificate_id": str(certificate_id)}

    async def _compose(
        self, connection: Any, row: Any, holder: Holder, records: list[StoredRecord], asked: NewCertificate
    ) -> tuple[Certificate, dict[str, Any]]:
        """What is signed and what is printed."""
        doses, verdict = tuple(SignedDose(one.record.vaccine, one.record.given_on) for one in records), None
        if asked.stage:
            checked = await self._check(connection, row, records, asked.stage)
            content, on, edition = check_content(holder, checked, len(records)), checked.checked_on, checked.edition_id
            doses, verdict = (), SignedCheck(checked.stage, checked.result, checked.day)
        else:
            found, by = await self._own.evaluate(row, records)
            content, on, edition = content_of(asked.kind, holder, by, found, records), found.on, by.id
        return Certificate(
            new_number(on), asked.kind, on, mask_name(holder.name), holder.birth_date, edition, doses, len(records),
            verdict,
        ), content  # fmt: skip

    async def _check(self, connection: Any, row: Any, records: list[StoredRecord], stage: Stage) -> Verdict:
        """The verdict of today, beside the event loop."""
        person, given = Person(row["birth_date"], row["sex"]), [one.record for one in records]
        today = datetime.now(CITY_ZONE).date()
        known = await known_of(connection, row["person_id"], stage, today)
        return await asyncio.to_thread(check, self._programmes.book, person, given, today, stage, known)

    def _holder(self, row: Any) -> Holder:
        number = self._vault.open(row["document_sealed"], row=row["person_id"], field="document")
        name = self._vault.open(row["name_sealed"], row=row["person_id"], field="name")
        return Holder(name, row["sex"], row["birth_date"], NAMES[row["document_type"]], mask_document(number))

    async def list_own(self, me: Resident, person_id: UUID) -> CertificatesAnswer | Refusal:
        """The certificates of a person, or `unknown_person`."""
        async with self._database.read() as connection:
            known = await connection.fetchrow(statement("certificates/person_of_account"), me.account_id, person_id)
            rows = await connection.fetch(statement("certificates/list_own"), me.account_id, person_id)
        if known is None:
            return Refusal("unknown_person")
        return CertificatesAnswer(items=[CertificateItem(**_item(row)) for row in rows])

    async def _row(self, me: Resident, certificate_id: UUID) -> Any:
        async with self._database.read() as connection:
            return await connection.fetchrow(statement("certificates/show_own"), me.account_id, certificate_id)

    async def show(self, me: Resident, certificate_id: UUID) -> CertificateAnswer | Refusal:
        """One certificate with its QR code, or `unknown_certificate`."""
        row = await self._row(me, certificate_id)
        if row is None:
            return Refusal("unknown_certificate")
        text = self._vault.open(row["text_sealed"], row=certificate_id, field="text")
        name = self._vault.open(row["name_sealed"], row=row["person_id"], field="name")
        content = json.loads(self._vault.open(row["print_sealed"], row=certificate_id, field="print"))
        code = qr_code(self.address(text))
        return CertificateAnswer(
            **_item(row), person_id=row["person_id"], name_masked=mask_name(name), total=content["total"], text=text,
            qr=Qr(size=code.size, path=code.path),
        )  # fmt: skip

    def address(self, text: str) -> str:
        """What the QR code says: the page that verifies, where it is known, and the text. Behind the hash, so that no
        server's log ever has it.
        """
        return f"{self._public_url}/h5/#/verify/{text}" if self._public_url else text

    async def pdf(self, me: Resident, certificate_id: UUID) -> tuple[str, bytes] | Refusal:
        """A file name and the print as it was on its day; refused with `unknown_certificate`, `busy`."""
        row = await self._row(me, certificate_id)
        if row is None:
            return Refusal("unknown_certificate")
        text = self._vault.open(row["text_sealed"], row=certificate_id, field="text")
        content = json.loads(self._vault.open(row["print_sealed"], row=certificate_id, field="print"))
        day = row["issued_at"].astimezone(CITY_ZONE).date()
        page = f"{self._public_url}/h5/#/verify" if self._public_url else "“沪苗”首页 → 核验接种证"
        if self._prints >= PRINTS_WAITING_MAX:
            return Refusal("busy", datetime.now(CITY_ZONE) + timedelta(seconds=PRINT_RETRY_S))
        self._prints += 1
        try:
            async with self._printing:
                made = await asyncio.to_thread(
                    print_pdf, content, number=row["number"], issued_on=day.isoformat(), text=text, page=page,
                    qr_svg=qr_code(self.address(text)).svg,
                )  # fmt: skip
        finally:
            self._prints -= 1
        return f"{row['number']}.pdf", made

    async def revoke_own(self, me: Resident, certificate_id: UUID, key: str) -> CertificateAnswer | Refusal:
        """End a certificate that was lost, once per key."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                row = await connection.fetchrow(statement("certificates/show_own"), me.account_id, certificate_id)
                if row is None:
                    return Refusal("unknown_certificate")
                return await _revoke(connection, certificate_id, "lost", me.actor, "h5")

            digest = body_hash("certificates.revoke", {"certificate_id": str(certificate_id)})
            answer = await once(
                connection, actor=me.actor, key=key, operation="certificates.revoke", body_hash=digest, work=work
            )
        return answer if isinstance(answer, Refusal) else await self.show(me, certificate_id)

    async def revoke(self, me: Staff, number: str, reason: Reason, key: str) -> dict[str, Any] | Refusal:
        """End a certificate by its number, once per key; for city administrators, as the route sees to."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await revoke_number(connection, number, reason, me.actor, "desk")

            digest = body_hash("certificates.revoke", {"number": number, "reason": reason})
            return await once(
                connection, actor=me.actor, key=key, operation="certificates.revoke", body_hash=digest, work=work
            )


def _wrong_stage() -> Refusal:
    message = "查验证明须选择入托、入园或入学，其他证明不填"
    return Refusal("invalid_input", extra={"errors": [{"field": "stage", "code": "differs", "message": message}]})


async def revoke_number(connection: Any, number: str, reason: Reason, by: str, source: str) -> dict[str, Any] | Refusal:
    """End the certificate of a number, in the caller's transaction; refused where there is none or it has ended."""
    found = await connection.fetchval(statement("certificates/find_to_revoke"), number)
    return await _revoke(connection, found, reason, by, source) if found else Refusal("unknown_certificate")


async def _revoke(
    connection: Any, certificate_id: UUID, reason: Reason, by: str, source: str
) -> dict[str, Any] | Refusal:
    ended = await connection.fetchval(statement("certificates/revoke"), certificate_id, reason, by, source)
    return {"certificate_id": str(certificate_id)} if ended else Refusal("certificate_already_revoked")


def _item(row: Any) -> dict[str, Any]:
    return {
        "certificate_id": row["certificate_id"],
        "number": row["number"],
        "kind": row["kind"],
        "kind_label": KINDS[row["kind"]],
        "issued_at": row["issued_at"],
        "state": "revoked" if row["revoked_at"] else "valid",
        "revoked_at": row["revoked_at"],
        "changed_since": row["changed_since"],
    }
