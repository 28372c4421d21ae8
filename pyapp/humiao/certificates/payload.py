"""What the QR code of a certificate says: the city's signature over number, masked name, birth date and doses. Pure.

The format is docs/certificate.md: `HMC1.<payload>.<signature>` (kit/signed), alone or as the last part of an address.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from humiao.kit.keys import CertificateKey
from humiao.kit.signed import Fault, Kind, check, sign
from humiao.schoolcheck.verdict import STAGES, Result, Stage

CERTIFICATE = Kind("HMC1", b"humiao certificate 1\n", 2600)
REVOKED = Kind("HML1", b"humiao revocations 1\n", 4_000_000)
ALPHABET_OF_NUMBERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: nothing that looks like something else
NUMBER = re.compile(r"HM[0-9]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}")
TEXT = re.compile(r"HMC1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
DOSES_MAX = 150  # of the QR code: the newest; more than anybody has
PrintKind = Literal["certificate", "records", "school_check"]
KINDS: dict[PrintKind, str] = {
    "certificate": "电子接种证", "records": "预防接种记录", "school_check": "预防接种查验证明",
}  # fmt: skip
_CODES: dict[PrintKind, str] = {"certificate": "c", "records": "r", "school_check": "s"}
_KIND_OF = {code: kind for kind, code in _CODES.items()}
_COURSE = re.compile(r"([A-Za-z0-9-]{1,32}):([0-9]{1,5}(?:,[0-9]{1,5})*)")


@dataclass(frozen=True, slots=True)
class SignedDose:
    """A dose as it was signed."""

    vaccine: str
    given_on: date


@dataclass(frozen=True, slots=True)
class SignedCheck:
    """The verdict of a school check, as it was signed: a school needs no more, so a proof bears no dose."""

    stage: Stage
    result: Result
    day: date | None = None  # by when to check again, or when the catch-up was completed; as Verdict.day


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the city has signed. `doses` are those of the QR code, oldest first; `total` counts all on record then.

    A proof of a school check has `check` and no doses.
    """

    number: str
    kind: PrintKind
    issued_on: date
    name_masked: str
    birth_date: date
    edition: str
    doses: tuple[SignedDose, ...]
    total: int
    check: SignedCheck | None = None


def sign_certificate(one: Certificate, key: CertificateKey) -> str:
    """Return the text of the QR code."""
    members = {
        "n": one.number, "t": _CODES[one.kind], "i": one.issued_on.isoformat(), "m": one.name_masked,
        "b": one.birth_date.isoformat(), "e": one.edition, "c": one.total, "d": _courses(one),
    }  # fmt: skip
    if one.check:
        members |= {"s": one.check.stage, "r": one.check.result.value}
        if one.check.day:
            members["u"] = one.check.day.isoformat()
    return sign(CERTIFICATE, members, key)


def _courses(one: Certificate) -> str:
    """`HepB:0,31,184;BCG:0`: by vaccine, days after birth, which are shorter than dates."""
    days: dict[str, list[int]] = {}
    for dose in one.doses[-DOSES_MAX:]:
        days.setdefault(dose.vaccine, []).append((dose.given_on - one.birth_date).days)
    return ";".join(f"{vaccine}:{','.join(map(str, found))}" for vaccine, found in days.items())


def check_certificate(text: str, published: Mapping[str, str]) -> Certificate | Fault:
    """Check the text of a QR code against the published keys; needs nothing else."""
    members = check(CERTIFICATE, text, published)
    if isinstance(members, str):
        return members
    try:
        return _read(members)
    except (KeyError, TypeError, ValueError, OverflowError):
        return "malformed"


def _read(members: Mapping[str, Any]) -> Certificate:
    born = date.fromisoformat(members["b"])
    courses = [_COURSE.fullmatch(part) for part in members["d"].split(";")] if members["d"] else []
    doses = [
        SignedDose(course[1], born + timedelta(days=int(day)))
        for course in courses
        if course is not None
        for day in course[2].split(",")
    ]
    if None in courses or not NUMBER.fullmatch(members["n"]) or type(members["c"]) is not int:
        raise ValueError("not what a city signs")
    texts, kind = (str(members["m"]), str(members["e"])), _KIND_OF[members["t"]]
    verdict = None
    if kind == "school_check":
        if members["s"] not in STAGES:
            raise ValueError("no stage")
        day = date.fromisoformat(members["u"]) if "u" in members else None
        verdict = SignedCheck(members["s"], Result(members["r"]), day)
    return Certificate(
        members["n"], kind, date.fromisoformat(members["i"]), texts[0], born, texts[1],
        tuple(sorted(doses, key=lambda dose: (dose.given_on, dose.vaccine))), members["c"], verdict,
    )  # fmt: skip


def find_text(shown: str) -> str | None:
    """The certificate's text in what a scanner read: the text itself, or an address that ends with it."""
    found = TEXT.search(shown.strip())
    return found[0] if found else None


def find_number(shown: str) -> str | None:
    """A certificate's number as it was typed: case, spaces and missing hyphens do not matter."""
    plain = re.sub(r"[\s-]", "", shown).upper()
    if len(plain) != 18:
        return None
    number = f"{plain[:6]}-{plain[6:10]}-{plain[10:14]}-{plain[14:]}"
    return number if NUMBER.fullmatch(number) else None


@dataclass(frozen=True, slots=True)
class Revocations:
    """Numbers that no longer count, as the city signed them at an instant (RFC 3339)."""

    at: str
    numbers: Mapping[str, str]  # number -> day of revocation


def sign_revocations(at: str, numbers: Sequence[tuple[str, str]], key: CertificateKey) -> str:
    """Return the list as text; whoever verifies without a network brings it along."""
    return sign(REVOKED, {"at": at, "revoked": [list(pair) for pair in numbers]}, key)


def check_revocations(text: str, published: Mapping[str, str]) -> Revocations | Fault:
    """Check a list against the published keys."""
    members = check(REVOKED, text, published)
    if isinstance(members, str):
        return members
    try:
        return Revocations(str(members["at"]), {str(number): str(day) for number, day in members["revoked"]})
    except (KeyError, TypeError, ValueError):
        return "malformed"
