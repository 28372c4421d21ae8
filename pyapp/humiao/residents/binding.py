"""Bind a person to an account: make the person, find them again, or refuse. Runs inside the caller's transaction."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from humiao.auth.accounts import Origin
from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.limits.service import refuse_person
from humiao.residents.documents import DocumentFault, DocumentType, Sex, check_document
from humiao.residents.schemas import NewPerson, Relation

BIRTH_DATE_MIN = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class CheckedPerson:
    """A person whose document was checked; birth date and sex are known."""

    name: str
    document_type: DocumentType
    document_number: str
    birth_date: date
    sex: Sex
    relation: Relation


def _invalid(*errors: tuple[str, str, str]) -> Refusal:
    told = [{"field": field, "code": code, "message": message} for field, code, message in errors]
    return Refusal("invalid_input", extra={"errors": told})


def check_person(person: NewPerson, *, today: date) -> CheckedPerson | Refusal:
    """Check the document and complete birth date and sex from it; refused with `invalid_input` and what is wrong."""
    document = check_document(person.document_type, person.document_number, today=today)
    if isinstance(document, DocumentFault):
        return _invalid(("document_number", document.code, document.message))
    born, sex = document.birth_date or person.birth_date, document.sex or person.sex
    errors = []
    if born is None:
        errors.append(("birth_date", "birth_date_missing", "这种证件需要填写出生日期"))
    elif person.birth_date not in (None, born):
        errors.append(("birth_date", "birth_date_differs", "出生日期与证件号码不一致"))
    elif not BIRTH_DATE_MIN <= born <= today:
        field = "document_number" if document.birth_date else "birth_date"
        errors.append((field, "birth_date_out_of_range", "出生日期不能早于 1900 年，也不能晚于今天"))
    if sex is None:
        errors.append(("sex", "sex_missing", "这种证件需要选择性别"))
    elif person.sex not in (None, sex):
        errors.append(("sex", "sex_differs", "性别与证件号码不一致"))
    if born is None or sex is None or errors:
        return _invalid(*errors)
    return CheckedPerson(person.name, person.document_type, document.number, born, sex, person.relation)


async def bind_person(
    connection: Any, vault: Vault, account_id: UUID, person: CheckedPerson, *, origin: Origin = "resident"
) -> UUID | Refusal:
    """Let an account act for a person; returns the person's id. Binding what is bound already changes nothing."""
    await connection.execute(statement("residents/lock_account"), account_id)
    index = vault.blind_index("document", person.document_number)
    await connection.execute(statement("residents/lock_document"), index)
    found = await connection.fetchrow(statement("residents/find_person"), person.document_type, index, account_id)
    if found is not None and found["bound_here"]:
        return UUID(str(found["person_id"]))
    if found is not None and (found["bound_elsewhere"] or found["status"] != "active"):
        return Refusal("document_taken")
    people = await connection.fetchrow(statement("residents/count_people"), account_id)
    limited = await refuse_person(connection, people["people"])
    if limited is not None:
        return limited
    if person.relation == "self" and people["has_self"]:
        return _invalid(("relation", "self_already_bound", "本账户已登记过本人，请选择其他关系"))

    if found is None:
        person_id = uuid4()
        await connection.execute(
            statement("residents/add_person"),
            person_id,
            vault.seal(person.name, row=person_id, field="name"),
            person.document_type,
            vault.seal(person.document_number, row=person_id, field="document"),
            index,
            person.birth_date,
            person.sex,
            origin,
        )
    else:
        person_id = UUID(str(found["person_id"]))
        name = vault.open(found["name_sealed"], row=person_id, field="name")
        same = (name, found["birth_date"], found["sex"]) == (person.name, person.birth_date, person.sex)
        if not same and not found["correctable"]:
            # knowing a number is not enough to act for somebody who is on record under another name
            return Refusal("document_taken")
        if not same:
            sealed = vault.seal(person.name, row=person_id, field="name")
            await connection.execute(
                statement("residents/correct_person"), person_id, sealed, person.birth_date, person.sex
            )
    await connection.execute(statement("residents/bind_person"), account_id, person_id, person.relation)
    detail = {"relation": person.relation, "new": found is None}
    await write_audit(connection, f"account:{account_id}", "h5", "person.bound", f"person:{person_id}", detail=detail)
    return person_id
