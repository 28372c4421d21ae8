"""Identity documents: is this number one that could have been issued, and what does it say about its holder.

Resident ID, residence permit (Hong Kong, Macau, Taiwan) and foreign permanent resident card share 18 characters: six
for the place, birth date, three for the sequence (odd is male), a check character (GB 11643, ISO 7064 MOD 11-2). Area
codes are never judged: old cards name districts that no longer exist. The other documents carry no public check.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Literal

DocumentType = Literal[
    "resident_id",
    "hmt_residence_permit",
    "foreign_permanent_resident",
    "home_return_permit",
    "taiwan_travel_permit",
    "passport",
    "birth_certificate",
]
Sex = Literal["F", "M"]

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
EIGHTEEN = re.compile(r"[1-9][0-9]{16}[0-9X]")
FIFTEEN = re.compile(r"[1-9][0-9]{14}")
PERMIT_PLACES = ("810000", "820000", "830000")
# Documents without a public check: shape only. The 2017 foreign permanent resident card is among them.
SHAPES = {
    "foreign_permanent_resident": re.compile(r"[A-Z]{3}[0-9]{12}"),
    "home_return_permit": re.compile(r"[HM][0-9]{8}([0-9]{2})?"),
    "taiwan_travel_permit": re.compile(r"[0-9]{8}|[0-9A-Z]{10,12}"),
    "passport": re.compile(r"[A-Z0-9]{5,15}"),
    "birth_certificate": re.compile(r"[A-Z][0-9]{9}"),
}
NAMES = {
    "resident_id": "居民身份证",
    "hmt_residence_permit": "港澳台居民居住证",
    "foreign_permanent_resident": "外国人永久居留身份证",
    "home_return_permit": "港澳居民来往内地通行证",
    "taiwan_travel_permit": "台湾居民来往大陆通行证",
    "passport": "护照",
    "birth_certificate": "出生医学证明",
}
FAULTS = {
    "id_wrong_shape": "证件号码应为 18 位，最后一位可以是 X",
    "id_wrong_checksum": "证件号码校验位不正确，请核对后重新输入",
    "id_impossible_date": "证件号码中的出生日期不存在，请核对后重新输入",
    "id_future_date": "证件号码中的出生日期晚于今天，请核对后重新输入",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A number that could have been issued, in its one spelling; birth date and sex where the number tells them."""

    document_type: DocumentType
    number: str
    birth_date: date | None = None
    sex: Sex | None = None


@dataclass(frozen=True, slots=True)
class DocumentFault:
    """Why a number cannot be right: a stable code and a message for people."""

    code: str
    message: str


def _fault(code: str) -> DocumentFault:
    return DocumentFault(code, FAULTS[code])


def check_character(first_17: str) -> str:
    """Return the check character of the first 17 digits (MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, WEIGHTS, strict=True))
    return CHECK_CHARACTERS[total % 11]


def normalise_number(text: str) -> str:
    """Return a number as it is compared: half-width, upper case, without spaces, hyphens and brackets."""
    return re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text)).upper()


def _kind_of(number: str) -> DocumentType:
    if number[0] == "9":
        return "foreign_permanent_resident"
    return "hmt_residence_permit" if number.startswith(PERMIT_PLACES) else "resident_id"


def _check_eighteen(document_type: DocumentType, number: str, today: date) -> Document | DocumentFault:
    if FIFTEEN.fullmatch(number) and document_type == "resident_id":
        # cards of the first generation: the century and the check character were added later
        number = number[:6] + "19" + number[6:]
        number += check_character(number)
    if not EIGHTEEN.fullmatch(number):
        return _fault("id_wrong_shape")
    if check_character(number[:17]) != number[17]:
        return _fault("id_wrong_checksum")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return _fault("id_impossible_date")
    if born > today:
        return _fault("id_future_date")
    kind = _kind_of(number)
    if kind != document_type:
        return DocumentFault("id_other_type", f"这是{NAMES[kind]}号码，请选择对应的证件类型")
    return Document(kind, number, born, "M" if int(number[16]) % 2 else "F")


def check_document(document_type: DocumentType, text: str, *, today: date) -> Document | DocumentFault:
    """Judge a number as it was typed. `today` is the city's date: nobody is born after it."""
    number = normalise_number(text)
    shape = SHAPES.get(document_type)
    if shape is not None and shape.fullmatch(number):
        return Document(document_type, number)
    if document_type in ("resident_id", "hmt_residence_permit", "foreign_permanent_resident"):
        return _check_eighteen(document_type, number, today)
    return DocumentFault("document_wrong_shape", f"{NAMES[document_type]}号码格式不正确，请核对后重新输入")
