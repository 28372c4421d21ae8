"""The demo people are well-formed, and nobody real."""

import re

from humiao.demo.load import read_clinics
from humiao.demo.people import CLINIC_ACCOUNTS, DEMO_FAMILY, DEMO_PHONE, demo_staff

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
