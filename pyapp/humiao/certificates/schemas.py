"""Shapes of certificates."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from humiao.certificates.payload import PrintKind
from humiao.kit.shapes import Answer, CityTime, PlainText, StrictModel
from humiao.schoolcheck.verdict import Result, Stage

State = Literal["valid", "revoked"]
Reason = Literal["lost", "wrong_record", "wrong_person", "replaced"]


class NewCertificate(StrictModel):
    """电子接种证 (certificate), 预防接种记录 (records) or 预防接种查验证明 (school_check, for a stage)."""

    kind: PrintKind = "certificate"
    stage: Stage | None = Field(None, description="of a school check, and of nothing else")


class CertificateItem(Answer):
    """A certificate in a list."""

    certificate_id: UUID
    number: str
    kind: PrintKind
    kind_label: str
    issued_at: CityTime
    state: State
    revoked_at: CityTime | None
    changed_since: bool = Field(description="records were added or corrected after it was issued: issue another")


class CertificatesAnswer(Answer):
    """The certificates of a person, the newest first."""

    items: list[CertificateItem]


class Qr(Answer):
    """The QR code as an SVG path in a square of `size` units, quiet zone included."""

    size: int
    path: str


class CertificateAnswer(CertificateItem):
    """A certificate with what its QR code says. `…/pdf` is the print."""

    person_id: UUID
    name_masked: str
    total: int = Field(description="doses on it")
    text: str = Field(description="what the QR code says: signed, checked without a network")
    qr: Qr


class RevokeInput(StrictModel):
    """Why a certificate ends."""

    reason: Reason


class VerifyInput(StrictModel):
    """What was scanned (the text, or an address that ends with it), or the number as typed."""

    shown: Annotated[PlainText, Field(min_length=1, max_length=4000)]


class VerifiedDose(Answer):
    """A dose as it was signed."""

    vaccine_code: str
    vaccine_name: str
    given_on: date


class VerifiedCheck(Answer):
    """The verdict of a school check on the day of issue, by the rules of `edition`."""

    stage: Stage
    stage_label: str
    result: Result
    result_label: str
    reason: str = Field(description="why, without a vaccine or a diagnosis")
    edition: str


class VerifiedAnswer(Answer):
    """A certificate that this city issued, with no more than whoever verifies it needs.

    Doses and birth date are told where the signed text was shown: its holder has shown them already.
    """

    state: State
    number: str
    kind: PrintKind
    kind_label: str
    issued_on: date
    name_masked: str
    birth_date: date | None
    total: int
    doses: list[VerifiedDose]
    check: VerifiedCheck | None = Field(description="of a school check")
    changed_since: bool
    revoked_at: CityTime | None
    revoked_for: Reason | None
    by_signature: bool = Field(description="the signed text was checked; false: the number was looked up")


class PublicKey(Answer):
    """An Ed25519 public key, raw, in base64."""

    key_id: str
    public_key: str


class KeysAnswer(Answer):
    """The keys that certificates of this city are signed with."""

    keys: list[PublicKey]


class RevokedAnswer(Answer):
    """Certificates that no longer count, signed: for those who verify without a network."""

    revoked: int
    text: str
