"""Verification for anybody: is a certificate of this city, and does it still count. Shows no more than that needs."""

from datetime import datetime
from uuid import UUID

from humiao.certificates.payload import (
    KINDS,
    Certificate,
    SignedCheck,
    check_certificate,
    find_number,
    find_text,
    sign_revocations,
)
from humiao.certificates.schemas import (
    KeysAnswer,
    PublicKey,
    RevokedAnswer,
    VerifiedAnswer,
    VerifiedCheck,
    VerifiedDose,
)
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.service import Programmes
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.signed import public_keys
from humiao.kit.sql import statement
from humiao.schoolcheck.service import RESULTS
from humiao.schoolcheck.verdict import STAGES, Result, reason_of


class VerifyingService:
    """Verifies what is shown, publishes keys and revocations."""

    def __init__(self, database: Database, vault: Vault, keys: Keys, programmes: Programmes) -> None:
        self._database = database
        self._vault = vault
        self._keys = keys.certificate_keys
        self._published = public_keys(keys.certificate_keys)
        self._programmes = programmes

    async def verify(self, shown: str) -> VerifiedAnswer | Refusal:
        """Verify a scanned text by its signature, or look a number up.

        Refused with `certificate_not_genuine` (the text proves nothing) or `unknown_certificate` (no such number).
        """
        text, number = find_text(shown), find_number(shown)
        if text is None and number is None:
            return Refusal("certificate_not_genuine" if "HMC1." in shown else "unknown_certificate")
        signed = None
        if text is not None:
            checked = check_certificate(text, self._published)
            if not isinstance(checked, Certificate):
                return Refusal("certificate_not_genuine")
            signed, number = checked, checked.number
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("certificates/state_of"), number)
        if row is None:
            return Refusal("unknown_certificate")
        told = signed or self._stored(row["text_sealed"], row["certificate_id"])
        if not isinstance(told, Certificate):
            return Refusal("certificate_not_genuine")
        return VerifiedAnswer(
            state="revoked" if row["revoked_at"] else "valid", number=told.number, kind=told.kind,
            kind_label=KINDS[told.kind], issued_on=told.issued_on, name_masked=told.name_masked,
            birth_date=told.birth_date if signed else None, total=told.total,
            doses=self._doses(told) if signed else [], check=_check(told), changed_since=row["changed_since"],
            revoked_at=row["revoked_at"], revoked_for=row["revoked_for"], by_signature=signed is not None,
        )  # fmt: skip

    def _stored(self, sealed: bytes, certificate_id: UUID) -> Certificate | str:
        return check_certificate(self._vault.open(sealed, row=certificate_id, field="text"), self._published)

    def _doses(self, told: Certificate) -> list[VerifiedDose]:
        names = self._programmes.book.on(told.issued_on).vaccines
        return [
            VerifiedDose(
                vaccine_code=one.vaccine, given_on=one.given_on,
                vaccine_name=names[one.vaccine].name_zh if one.vaccine in names else one.vaccine,
            )
            for one in told.doses
        ]  # fmt: skip

    def keys(self) -> KeysAnswer:
        """The public keys, the newest first."""
        return KeysAnswer(keys=[PublicKey(key_id=kid, public_key=key) for kid, key in self._published.items()])

    async def revoked(self) -> RevokedAnswer | Refusal:
        """The revocation list of this moment, signed."""
        if not self._keys:
            return Refusal("certificate_unavailable")
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("certificates/revoked"))
        pairs = [(row["number"], row["revoked_on"].isoformat()) for row in rows]
        at = datetime.now(CITY_ZONE).isoformat(timespec="seconds")
        return RevokedAnswer(revoked=len(pairs), text=sign_revocations(at, pairs, self._keys[0]))


def _check(told: Certificate) -> VerifiedCheck | None:
    if told.check is None:
        return None
    return VerifiedCheck(
        stage=told.check.stage, stage_label=STAGES[told.check.stage], result=told.check.result,
        result_label=RESULTS[told.check.result.value], reason=_reason(told.check), edition=told.edition,
    )  # fmt: skip


def _reason(told: SignedCheck) -> str:
    """In words; a proof to catch up from before days were signed has none."""
    if told.result is Result.NEEDS_CATCH_UP and told.day is None:
        return "尚有应种的疫苗未完成，请按证上的计划补种；不影响入托、入园、入学。"
    return reason_of(told.result, told.day)
