"""Who may book: the licence, then the rules, on the day of the appointment."""

from datetime import date

import pytest

from humiao.eligibility.decision import MayBook, MayNot, decide
from humiao.immunizations.book import RuleBook
from humiao.immunizations.models import Person, Record, Sex
from humiao.immunizations.service import read_edition
from humiao.vaccines.load import read_catalogue

EDITION = read_edition()
BOOK = RuleBook([EDITION])
LIMITS = {vaccine.code: vaccine.eligibility for vaccine in read_catalogue().vaccines}
TODAY = date(2026, 11, 24)


def decided(vaccine: str, birth: date, *given: tuple[str, date], sex: Sex = "F", on: date = TODAY) -> MayBook | MayNot:
    return decide(BOOK, Person(birth, sex), [Record(code, day) for code, day in given], vaccine, LIMITS[vaccine], on)


MMR_1, MMR_2 = ("MMR", date(2025, 9, 30)), ("MMR", date(2026, 7, 31))
FIVE = "DTaP-IPV-Hib"


@pytest.mark.parametrize(
    ("vaccine", "birth", "given", "on", "dose", "until"),
    [
        # the rules count the dose
        ("MMR", date(2025, 1, 31), [], TODAY, 1, date(2043, 1, 31)),
        ("MMR", date(2025, 1, 31), [MMR_1], TODAY, 2, date(2043, 1, 31)),
        # on the day of the appointment, not of booking
        ("MMR", date(2026, 3, 30), [], date(2026, 11, 30), 1, date(2044, 3, 30)),
        # a combination, when one of its series asks for it; DTaP is for children under seven
        (FIVE, date(2026, 8, 24), [], TODAY, 1, date(2033, 8, 24)),
        (FIVE, date(2026, 8, 24), [(FIVE, date(2026, 10, 24))], TODAY, 2, date(2033, 8, 24)),
        # DTaP at six, until the seventh birthday
        ("DTaP", date(2020, 11, 24), [("DTaP", date(2021, 2, 24)), ("DTaP", date(2021, 3, 24)),
                                      ("DTaP", date(2021, 4, 24)), ("DTaP", date(2022, 5, 24))],
         TODAY, 5, date(2027, 11, 24)),
        # meningococcal A ends with 24 months
        ("MPSV-A", date(2025, 2, 1), [], TODAY, 1, date(2027, 2, 1)),
        # paid for, by the insert
        ("HPV9", date(2012, 3, 15), [], TODAY, 1, date(2058, 3, 15)),
        # a grown-up's hepatitis B, outside the free programme
        ("HepB", date(1990, 5, 5), [], TODAY, 1, None),
        # what the rules do not count is for the licence alone
        ("IIV4", date(1990, 5, 5), [], TODAY, None, None),
        ("RabV", date(2026, 11, 20), [], TODAY, None, None),
        ("VAR", date(2010, 5, 5), [], TODAY, None, None),
    ],
)  # fmt: skip
def test_who_may_book_and_which_dose(
    vaccine: str, birth: date, given: list[tuple[str, date]], on: date, dose: int | None, until: date | None
) -> None:
    assert decided(vaccine, birth, *given, on=on) == MayBook(dose, EDITION.id, until)


@pytest.mark.parametrize(
    ("vaccine", "birth", "given", "on", "reason", "since"),
    [
        ("MMR", date(2026, 3, 30), [], TODAY, "too_soon", date(2026, 11, 30)),
        ("MMR", date(2026, 3, 30), [], date(2026, 11, 29), "too_soon", date(2026, 11, 30)),
        ("MMR", date(2025, 1, 31), [MMR_1, MMR_2], TODAY, "too_soon", date(2029, 1, 31)),
        # the gap between live vaccines
        ("VAR", date(2025, 10, 1), [("MMR", date(2026, 11, 1))], TODAY, "too_soon", date(2026, 11, 29)),
        # 28 days after the last
        ("IPV", date(2026, 8, 24), [("IPV", date(2026, 10, 30))], TODAY, "too_soon", date(2026, 11, 27)),
        (FIVE, date(2026, 8, 24), [(FIVE, date(2026, 10, 30))], TODAY, "too_soon", date(2026, 11, 27)),
        ("HepA-L", date(2024, 1, 1), [("HepA-L", date(2025, 7, 1))], TODAY, "already_complete", None),
        ("BCG", date(2026, 11, 1), [("BCG", date(2026, 11, 1))], TODAY, "already_complete", None),
        # a tuberculin test first
        ("BCG", date(2026, 1, 1), [], TODAY, "needs_assessment", None),
        # bOPV before two doses with type 2
        ("bOPV", date(2026, 6, 1), [], TODAY, "needs_assessment", None),
        # own-expense before sixty is for risk groups
        ("PPV23", date(1990, 5, 5), [], TODAY, "needs_assessment", date(2050, 5, 5)),
        # two kinds of JE vaccine in one course
        ("JE-I", date(2024, 1, 1), [("JE-L", date(2024, 9, 1))], TODAY, "needs_assessment", None),
        ("BCG", date(2020, 1, 1), [], TODAY, "too_old", None),
        # the licence speaks first
        ("MPSV-A", date(2024, 11, 24), [], TODAY, "too_old", None),
        ("DTaP", date(2019, 11, 24), [], TODAY, "too_old", None),
    ],
)
def test_who_may_not_and_why(
    vaccine: str, birth: date, given: list[tuple[str, date]], on: date, reason: str, since: date | None
) -> None:
    refused = decided(vaccine, birth, *given, on=on)
    assert isinstance(refused, MayNot)
    assert (refused.reason, refused.since) == (reason, since)
    if reason in ("too_soon", "already_complete"):
        assert refused.rule_id
        assert refused.explained


def test_the_day_that_is_told_is_the_first() -> None:
    refused = decided("VAR", date(2025, 10, 1), ("MMR", date(2026, 11, 1)))
    assert isinstance(refused, MayNot)
    assert refused.since
    assert isinstance(decided("VAR", date(2025, 10, 1), ("MMR", date(2026, 11, 1)), on=refused.since), MayBook)


def test_wrong_sex_is_told_by_the_licence() -> None:
    refused = decided("HPV2-NIP", date(2012, 3, 15), sex="M")
    assert isinstance(refused, MayNot)
    assert refused.reason == "wrong_sex"
