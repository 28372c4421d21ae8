"""Request and response shapes of the people an account acts for."""

import re
import unicodedata
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from humiao.kit.shapes import Answer, InputDate, PlainText, StrictModel
from humiao.residents.documents import DocumentType, Sex

Relation = Literal["self", "child", "parent", "spouse", "grandparent", "grandchild", "other"]


def _name(text: str) -> str:
    name = re.sub(r"[•・‧∙]", "·", " ".join(unicodedata.normalize("NFC", text).split())).replace("’", "'")
    if not 2 <= len(name) <= 40:
        raise ValueError("姓名应为 2 至 40 个字")
    # 〇 is a Chinese numeral used in names; letters with marks may need their mark as a character of its own; passports
    # carry Mary-Ann O'Neil
    if not name[0].isalpha() or not all(c.isalpha() or c in "·〇 -'" or unicodedata.combining(c) for c in name):
        raise ValueError("姓名只能包含汉字、字母、“·”、连字符、撇号和空格")
    return name


PersonName = Annotated[PlainText, Field(max_length=80), AfterValidator(_name)]


class NewPerson(StrictModel):
    """A person to act for. Birth date and sex are needed where the document does not tell them."""

    name: PersonName
    document_type: DocumentType
    document_number: Annotated[PlainText, Field(min_length=1, max_length=40)]
    birth_date: InputDate | None = None
    sex: Sex | None = None
    relation: Relation


District = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class DistrictsInput(StrictModel):
    """Where a person lives and works, by GB/T 2260 code; null: not said. What rules by district go by."""

    residence_district: District | None
    work_district: District | None


class PersonAnswer(Answer):
    """A person the account acts for; the document is never shown whole."""

    person_id: UUID
    name: str
    name_masked: str
    document_type: DocumentType
    document_masked: str
    birth_date: date
    sex: Sex
    relation: Relation
    residence_district: str | None
    work_district: str | None


class PeopleAnswer(Answer):
    """Everybody the account acts for."""

    items: list[PersonAnswer]


class MeAnswer(Answer):
    """The account that is logged in."""

    account_id: UUID
    phone_masked: str
