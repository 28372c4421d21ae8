"""Who lives and works in the demo city: a resident with a family, an administrator, some clinic accounts.

Pure data. Whoever brings the city up hands it to the services that own people and staff, since they
seal personal data and digest passwords: for each of `demo_staff(clinics)` create the account where the
username is free, with a password made for this installation; for `DEMO_PHONE` create the account where
the phone is free and add `DEMO_FAMILY` to it, all with origin 'demo'. No password is written down here.

Nobody real is meant: the area 310100 in the ID numbers is the city as a whole, which no card carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from humiao.demo.city import Clinic
from humiao.immunizations.doses import Route, Site

DEMO_PHONE = "13800000001"
CLINIC_ACCOUNTS = 10


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demo family; `relation` as the account holder sees it."""

    relation: Literal["self", "child", "grandparent"]
    name: str
    document_number: str
    birth_date: date
    sex: Literal["F", "M"]


@dataclass(frozen=True, slots=True)
class DemoStaff:
    """A staff account; `clinic_id` only for clinic staff."""

    username: str
    display_name: str
    role: Literal["city_admin", "clinic_staff"]
    clinic_id: int | None = None


DEMO_FAMILY: tuple[DemoPerson, ...] = (
    DemoPerson("self", "沈佳怡", "310100199005120028", date(1990, 5, 12), "F"),
    DemoPerson("child", "沈小满", "310100202509200018", date(2025, 9, 20), "M"),
    DemoPerson("grandparent", "沈国梁", "310100194510020017", date(1945, 10, 2), "M"),
)

# What the child was given: vaccine, days after birth, maker, site. The doses of the first half year; the rest is due.
DEMO_DOSES: tuple[tuple[str, int, str, Site, Route], ...] = (
    ("HepB", 0, "康泰生物", "right_arm", "IM"),
    ("BCG", 0, "成都生物制品研究所", "left_arm", "ID"),
    ("HepB", 31, "康泰生物", "right_arm", "IM"),
    ("IPV", 61, "北京科兴", "left_thigh", "IM"),
    ("DTaP", 92, "武汉生物制品研究所", "right_thigh", "IM"),
    ("IPV", 92, "北京科兴", "left_thigh", "IM"),
    ("DTaP", 123, "武汉生物制品研究所", "right_thigh", "IM"),
    ("bOPV", 123, "北京生物制品研究所", "oral", "PO"),
    ("HepB", 184, "康泰生物", "right_arm", "IM"),
)


def demo_staff(clinics: Sequence[Clinic]) -> tuple[DemoStaff, ...]:
    """Return the staff accounts: the city's administrator and one account for each of the first clinics."""
    first = sorted(clinics, key=lambda clinic: clinic.clinic_id)[:CLINIC_ACCOUNTS]
    return (
        DemoStaff("demo-admin", "演示市级管理员", "city_admin"),
        *(
            DemoStaff(f"clinic-{clinic.clinic_id}", f"{clinic.name}（演示）", "clinic_staff", clinic.clinic_id)
            for clinic in first
        ),
    )
