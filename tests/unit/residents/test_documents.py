"""Which document numbers are accepted, and what a person with one of them is told."""

from datetime import date

import pytest

from humiao.errors import Refusal
from humiao.residents.binding import CheckedPerson, check_person
from humiao.residents.documents import Document, DocumentFault, check_character, check_document
from humiao.residents.schemas import NewPerson

TODAY = date(2026, 11, 24)


def born_with(first_17: str) -> str:
    return first_17 + check_character(first_17)


@pytest.mark.parametrize(
    ("document_type", "text", "number", "birth_date", "sex"),
    [
        # check character X
        ("resident_id", "11010519491231002X", "11010519491231002X", date(1949, 12, 31), "F"),
        # born on a leap day
        ("resident_id", "310101202002290014", "310101202002290014", date(2020, 2, 29), "M"),
        ("resident_id", "310104201806300024", "310104201806300024", date(2018, 6, 30), "F"),
        ("resident_id", "31011520120515004X", "31011520120515004X", date(2012, 5, 15), "F"),
        # lower-case x
        ("resident_id", "31011520120515004x", "31011520120515004X", date(2012, 5, 15), "F"),
        # a district that no longer exists
        ("resident_id", "31010319800808002X", "31010319800808002X", date(1980, 8, 8), "F"),
        # spaces and full-width digits, as phones type them
        ("resident_id", " 310101 20200229 0014", "310101202002290014", date(2020, 2, 29), "M"),
        ("resident_id", "３１０１０１２０２００２２９００１４", "310101202002290014", date(2020, 2, 29), "M"),
        # a first-generation card gets its century and check character
        ("resident_id", "310101800101001", born_with("31010119800101001"), date(1980, 1, 1), "M"),
        ("hmt_residence_permit", "810000199003070015", "810000199003070015", date(1990, 3, 7), "M"),
        ("hmt_residence_permit", "830000198512120024", "830000198512120024", date(1985, 12, 12), "F"),
        ("foreign_permanent_resident", "903840198001150016", "903840198001150016", date(1980, 1, 15), "M"),
        # the 2017 card tells neither birth date nor sex in a public way
        ("foreign_permanent_resident", "usa310080011501", "USA310080011501", None, None),
        ("home_return_permit", "h12345678", "H12345678", None, None),
        ("home_return_permit", "M1234567801", "M1234567801", None, None),
        ("taiwan_travel_permit", "12345678", "12345678", None, None),
        ("taiwan_travel_permit", "0123456701(B)", "0123456701B", None, None),
        ("passport", "e12345678", "E12345678", None, None),
        ("birth_certificate", "V310123456", "V310123456", None, None),
    ],
)
def test_accepts(document_type, text, number, birth_date, sex):
    assert check_document(document_type, text, today=TODAY) == Document(document_type, number, birth_date, sex)


@pytest.mark.parametrize(
    ("document_type", "text", "code"),
    [
        ("resident_id", "310101202002290013", "id_wrong_checksum"),
        # right check character, but 2019 had no 29 February
        ("resident_id", "310101201902290015", "id_impossible_date"),
        ("resident_id", born_with("31010120261125001"), "id_future_date"),
        ("resident_id", born_with("31010100000101001"), "id_impossible_date"),
        ("resident_id", "31010120200229001", "id_wrong_shape"),
        ("resident_id", "3101012020022900140", "id_wrong_shape"),
        ("resident_id", "31010120200229O014", "id_wrong_shape"),
        # digits of another script are not digits here
        ("resident_id", "٣١٠١٠١٢٠٢٠٠٢٢٩٠٠١٤", "id_wrong_shape"),
        ("resident_id", "", "id_wrong_shape"),
        # the leading digits tell the document's kind
        ("resident_id", "810000199003070015", "id_other_type"),
        ("resident_id", "903840198001150016", "id_other_type"),
        ("hmt_residence_permit", "310101202002290014", "id_other_type"),
        ("foreign_permanent_resident", "310101202002290014", "id_other_type"),
        ("hmt_residence_permit", "810000900307001", "id_wrong_shape"),
        ("home_return_permit", "A12345678", "document_wrong_shape"),
        ("taiwan_travel_permit", "1234567", "document_wrong_shape"),
        ("passport", "E1", "document_wrong_shape"),
        ("birth_certificate", "310123456", "document_wrong_shape"),
    ],
)
def test_refuses(document_type, text, code):
    fault = check_document(document_type, text, today=TODAY)
    assert isinstance(fault, DocumentFault)
    assert fault.code == code
    assert fault.message


def test_every_wrong_check_character_is_found():
    right = "310101202002290014"
    for character in "0123456789X":
        if character != right[17]:
            fault = check_document("resident_id", right[:17] + character, today=TODAY)
            assert isinstance(fault, DocumentFault)
            assert fault.code == "id_wrong_checksum"


def test_somebody_may_be_born_today():
    assert isinstance(check_document("resident_id", born_with("31010120261124001"), today=TODAY), Document)


def person(**changes: object) -> NewPerson:
    members = {"name": "王小明", "document_type": "passport", "document_number": "E12345678", "relation": "child"}
    return NewPerson.model_validate(members | {"birth_date": "2020-02-29", "sex": "M"} | changes)


def codes_of(result: CheckedPerson | Refusal) -> list[str]:
    assert isinstance(result, Refusal)
    return [error["code"] for error in result.extra["errors"]]


def test_a_document_that_tells_nothing_needs_birth_date_and_sex():
    refused = check_person(person(birth_date=None, sex=None), today=TODAY)
    assert codes_of(refused) == ["birth_date_missing", "sex_missing"]
    assert isinstance(check_person(person(), today=TODAY), CheckedPerson)


def test_what_is_typed_must_agree_with_the_number():
    resident_id = {"document_type": "resident_id", "document_number": "310101202002290014"}
    refused = check_person(person(**resident_id, birth_date="2020-02-28", sex="F"), today=TODAY)
    assert codes_of(refused) == ["birth_date_differs", "sex_differs"]
    checked = check_person(person(**resident_id, birth_date=None, sex=None), today=TODAY)
    assert isinstance(checked, CheckedPerson)
    assert (checked.birth_date, checked.sex) == (date(2020, 2, 29), "M")


@pytest.mark.parametrize("birth_date", ["2026-11-25", "1899-12-31"])
def test_a_birth_date_lies_between_1900_and_today(birth_date):
    assert codes_of(check_person(person(birth_date=birth_date), today=TODAY)) == ["birth_date_out_of_range"]


@pytest.mark.parametrize("name", ["王小明", "阿卜杜拉·买买提", "Anna Müller", " 王 明 ", "林〇〇", "𠮷田"])
def test_names(name):
    assert person(name=name).name == name.strip()


@pytest.mark.parametrize("name", ["王", "王小明1", "王\u202e明", "王\x00明", "<b>王</b>", "·明", "王" * 41, "🙂🙂"])
def test_what_is_not_a_name(name):
    with pytest.raises(ValueError, match="name"):
        person(name=name)
