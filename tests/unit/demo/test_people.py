"""The demo people are well-formed, and nobody real."""

import re
from datetime import date, timedelta

from humiao.demo.load import read_clinics
from humiao.demo.people import CLINIC_ACCOUNTS, DEMO_DOSES, DEMO_FAMILY, DEMO_PHONE, demo_staff
from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Person, Record
from humiao.immunizations.service import read_edition

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def test_the_family_has_valid_numbers_of_no_real_area() -> None:
    assert [person.relation for person in DEMO_FAMILY] == ["self", "child", "grandparent"]
    for person in DEMO_FAMILY:
        number = person.document_number
        total = sum(int(sign) * weight for sign, weight in zip(number, WEIGHTS, strict=False))
        assert number[17] == "10X98765432"[total % 11]
        assert number[:6] == "310100"
        assert number[6:14] == person.birth_date.strftime("%Y%m%d")
        assert (int(number[16]) % 2 == 1) == (person.sex == "M")
    assert re.fullmatch(r"1[3-9][0-9]{9}", DEMO_PHONE)


def test_staff_are_one_administrator_and_the_first_clinics() -> None:
    clinics = read_clinics()
    admin, *others = demo_staff(clinics)
    assert (admin.role, admin.clinic_id) == ("city_admin", None)
    assert len({member.username for member in others}) == CLINIC_ACCOUNTS
    assert all(re.fullmatch(r"[a-z][a-z0-9._-]{2,31}", m.username) for m in (admin, *others))
    assert {m.clinic_id for m in others} <= {c.clinic_id for c in clinics}


def test_every_dose_of_the_child_counts() -> None:
    child = next(one for one in DEMO_FAMILY if one.relation == "child")
    doses = [Record(vaccine, child.birth_date + timedelta(days=days)) for vaccine, days, *_ in DEMO_DOSES]
    found = evaluate(RuleBook([read_edition()]), Person(child.birth_date, child.sex), doses, date(2026, 11, 28))
    judged = [dose for state in found.series.values() for dose in state.doses]
    assert len(judged) == len(DEMO_DOSES) and all(dose.valid and dose.number for dose in judged)
