"""The document of somebody in a list: the type may be left out, and is then told from the number. Pure."""

import re
from datetime import date
from typing import get_args

from humiao.residents.documents import (
    NAMES,
    Document,
    DocumentFault,
    DocumentType,
    check_document,
    normalise_number,
)

TYPES: dict[str, DocumentType] = {NAMES[code]: code for code in get_args(DocumentType)} | {"身份证": "resident_id"}
ID_AS_NUMBER = DocumentFault("id_as_number", "证件号码被存成了数字，末几位已丢失：请把该列设为文本后重新填写")
_BIRTH_CERTIFICATE = re.compile("[A-Z][0-9]{9}")


def listed_document(text: str, type_text: str, *, today: date) -> Document | DocumentFault:
    """Judge a number of a list and its type in words (may be empty); `today` is the city's date."""
    if not text:
        return DocumentFault("id_missing", "证件号码未填写")
    if type_text and type_text not in TYPES:
        return DocumentFault("document_type_unknown", "证件类型不认识，居民身份证可以不填")
    if type_text:
        return check_document(TYPES[type_text], text, today=today)
    found = check_document("resident_id", text, today=today)
    if isinstance(found, DocumentFault) and found.code == "id_other_type":
        kinds = [check_document(kind, text, today=today) for kind in get_args(DocumentType)[1:3]]
        return next((one for one in kinds if not isinstance(one, DocumentFault)), found)
    if _BIRTH_CERTIFICATE.fullmatch(normalise_number(text)):
        return check_document("birth_certificate", text, today=today)
    return found
