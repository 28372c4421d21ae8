"""The verdict of a school check: cases written from the rules, and laws."""

from datetime import date, timedelta
from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from humiao.immunizations.models import Person, Record
from humiao.immunizations.service import shipped_text
from humiao.schoolcheck.schemas import CheckedSeries
from humiao.schoolcheck.verdict import CHECKED, Exemption, Known, Result, Verdict, check, reason_of
from tests.unit.immunizations.histories import BOOK, histories

AUTUMN = date(2026, 9, 1)
# A child born on 2022-03-10 who came on time by the programme; 4 years old in autumn 2026. MMR 3, polio 4 and
# varicella 2 are asked from four years on.
BORN = date(2022, 3, 10)
AT_FOUR = (
    "HepB 2022-03-10, BCG 2022-03-10, HepB 2022-04-10, HepB 2022-09-10, IPV 2022-05-10, IPV 2022-06-10, "
    "bOPV 2022-07-10, bOPV 2026-03-10, DTaP 2022-06-10, DTaP 2022-07-10, DTaP 2022-08-10, DTaP 2023-09-10, "
    "MMR 2022-11-10, MMR 2023-09-10, MMR 2026-03-10, JE-L 2022-11-10, JE-L 2024-03-10, MPSV-A 2022-09-10, "
    "MPSV-A 2022-12-10, MPSV-AC 2025-03-10, HepA-I 2023-09-10, HepA-I 2024-03-10, VAR 2023-03-10, VAR 2026-03-10"
)


def records(text: str) -> list[Record]:
    return [Record(one.split()[0], date.fromisoformat(one.split()[1])) for one in text.split(",") if one.strip()]


def without(*doses: str) -> list[Record]:
    left = [one.strip() for one in AT_FOUR.split(",")]
    for dose in doses:
        left.remove(dose)
    return records(",".join(left))


def judged(given: list[Record], on: date = AUTUMN, person: Person | None = None) -> Verdict:
    return check(BOOK, person or Person(BORN, "F"), given, on, "kindergarten")


def lacking(verdict: Verdict) -> str:
    return " ".join(
        f"{dose.series}{dose.number}" for dose in sorted(verdict.missing, key=lambda d: (d.series, d.number))
    )


CASES = [
    # what was left out, day of the check, what is missing
    ((), AUTUMN, ""),
    # the age of the fifth DTaP and of the second MenAC is six years: not asked the day before, asked on the day
    ((), date(2028, 3, 9), ""),
    ((), date(2028, 3, 10), "DTP5 MenAC2"),
    # a last dose that is not there is the only thing asked
    (("HepB 2022-09-10",), AUTUMN, "HepB3"),
    (("bOPV 2026-03-10",), AUTUMN, "PV4"),
    (("bOPV 2026-03-10",), date(2026, 3, 9), ""),
    (("DTaP 2023-09-10",), AUTUMN, "DTP4"),
    (("MMR 2026-03-10",), AUTUMN, "MCV3"),
    (("MMR 2026-03-10", "MMR 2023-09-10"), AUTUMN, "MCV2 MCV3"),
    (("JE-L 2024-03-10",), AUTUMN, "JE2"),
    (("JE-L 2024-03-10",), date(2024, 3, 9), ""),
    (("JE-L 2024-03-10", "JE-L 2022-11-10"), AUTUMN, "JE1 JE2"),
    (("HepA-I 2024-03-10",), AUTUMN, "HepA2"),
    (("HepA-I 2024-03-10", "HepA-I 2023-09-10"), AUTUMN, "HepA1 HepA2"),
    (("VAR 2026-03-10",), AUTUMN, "VAR2"),
    (("VAR 2026-03-10", "VAR 2023-03-10"), AUTUMN, "VAR1 VAR2"),
    (("MPSV-AC 2025-03-10",), AUTUMN, "MenAC1"),
    (("MPSV-AC 2025-03-10",), date(2025, 3, 9), ""),
    # meningococcal A is not given from 24 months, BCG not from four years: not asked any more
    (("MPSV-A 2022-12-10",), AUTUMN, ""),
    (("BCG 2022-03-10",), AUTUMN, ""),
    (("BCG 2022-03-10",), date(2025, 9, 1), "BCG1"),
    # a school asks every dose of a child whose first doses are all that is there
    (("HepB 2022-04-10", "HepB 2022-09-10"), AUTUMN, "HepB2 HepB3"),
]  # fmt: skip


@pytest.mark.parametrize(("left_out", "on", "missing"), CASES)
def test_what_is_missing(left_out: tuple[str, ...], on: date, missing: str) -> None:
    verdict = judged([record for record in without(*left_out) if record.given_on <= on], on)
    assert lacking(verdict) == missing
    assert verdict.result is (Result.NEEDS_CATCH_UP if missing else Result.PASSED)
    assert verdict.recheck_by == (date(on.year, 12, 31) if missing else None)


def test_without_any_record_everything_of_the_age_is_asked() -> None:
    verdict = judged([])
    assert lacking(verdict) == (
        "DTP1 DTP2 DTP3 DTP4 HepA1 HepA2 HepB1 HepB2 HepB3 JE1 JE2 MCV1 MCV2 MCV3 MenAC1 PV1 PV2 PV3 PV4 VAR1 VAR2"
    )


def test_the_plan_keeps_the_intervals() -> None:
    days = {(dose.series, dose.number): dose.planned_on for dose in judged([]).missing}
    assert days["HepB", 1] == AUTUMN
    assert days["HepB", 2] == date(2026, 9, 29)  # 28 days
    assert days["HepB", 3] == date(2027, 1, 1)  # four months after the first
    assert days["JE", 2] == date(2027, 9, 1)  # twelve months
    assert days["VAR", 2] == date(2026, 12, 1)  # three months


def test_a_dose_whose_interval_is_not_over_is_missing_with_its_day() -> None:
    given = [*without("JE-L 2024-03-10", "JE-L 2022-11-10"), Record("JE-L", date(2026, 8, 1))]
    (dose,) = judged(given).missing
    assert (dose.series, dose.number, dose.planned_on) == ("JE", 2, date(2027, 8, 1))


def test_it_says_since_when_a_dose_is_overdue_with_its_rule() -> None:
    (dose,) = judged(without("HepB 2022-09-10")).missing
    assert dose.overdue_since == date(2023, 3, 10)  # before twelve months
    assert dose.rule_id
    assert "第3剂" in dose.text_zh and "2023年3月10日" in dose.text_zh and "已逾期" in dose.text_zh


def test_a_dose_that_is_due_and_not_late_is_not_called_overdue() -> None:
    (dose,) = judged(without("bOPV 2026-03-10")).missing
    assert dose.overdue_since is None and "逾期" not in dose.text_zh


def test_what_a_child_of_elsewhere_is_not_offered_is_not_asked() -> None:
    person = Person(BORN, "F", residence="elsewhere")
    assert lacking(judged(without("VAR 2023-03-10", "VAR 2026-03-10"), person=person)) == ""


def test_an_early_dose_does_not_count() -> None:
    given = [*without("MMR 2022-11-10", "MMR 2023-09-10"), Record("MMR", date(2022, 9, 10))]  # at six months
    assert lacking(judged(given)) == "MCV2 MCV3"


def test_what_the_rules_leave_open_goes_to_a_doctor() -> None:
    given = [*without("JE-L 2024-03-10"), Record("JE-I", date(2024, 3, 10))]  # live, then inactivated
    verdict = judged(given)
    assert [one.series for one in verdict.for_doctor] == ["JE"] and verdict.result is Result.NEEDS_CATCH_UP
    assert "医生" in verdict.text_zh


def test_the_words_name_the_stage_and_the_day_of_the_next_check() -> None:
    told = judged([]).text_zh
    assert "入园查验" in told and "2026年12月31日" in told and "不影响入学" in told
    assert "通过" in judged(records(AT_FOUR)).text_zh


def test_the_series_are_those_of_the_programme() -> None:
    assert list(CHECKED) == yaml.safe_load(shipped_text())["school_check"]["checked_series"]["CN-SH"]


LACKS_VARICELLA = without("VAR 2026-03-10")


def known_to(exempt: str = "", until: date | None = None, asked_on: date | None = None) -> Known:
    return Known(tuple(Exemption(code, until) for code in exempt.split()), asked_on)


@pytest.mark.parametrize(
    ("given_doses", "known", "result", "recheck_by"),
    [
        # exempt from the one dose that is lacking: put off, or for good
        (LACKS_VARICELLA, known_to("VAR", date(2027, 3, 1)), Result.EXEMPT, date(2027, 3, 1)),
        (LACKS_VARICELLA, known_to("VAR"), Result.EXEMPT, None),
        # the day until which it is put off is a day on which it is asked
        (LACKS_VARICELLA, known_to("VAR", date(2026, 9, 2)), Result.EXEMPT, date(2026, 9, 2)),
        (LACKS_VARICELLA, known_to("VAR", date(2026, 9, 1)), Result.NEEDS_CATCH_UP, date(2026, 12, 31)),
        # exempt from something else, or from a series that lacks nothing
        (LACKS_VARICELLA, known_to("PV"), Result.NEEDS_CATCH_UP, date(2026, 12, 31)),
        (records(AT_FOUR), known_to("VAR"), Result.PASSED, None),
        # one series exempt and another one lacking: that one is to be caught up
        (without("VAR 2026-03-10", "MMR 2026-03-10"), known_to("VAR"), Result.NEEDS_CATCH_UP, date(2026, 12, 31)),
        # two exemptions: checked again when the first ends
        (without("VAR 2026-03-10", "MMR 2026-03-10"), known_to("VAR MCV", date(2027, 1, 5)), Result.EXEMPT,
         date(2027, 1, 5)),
        # asked to catch up before
        (records(AT_FOUR), known_to(asked_on=date(2026, 3, 1)), Result.CATCH_UP_COMPLETED, None),
        (LACKS_VARICELLA, known_to(asked_on=date(2026, 3, 1)), Result.NEEDS_CATCH_UP, date(2026, 12, 31)),
        (LACKS_VARICELLA, known_to("VAR", asked_on=date(2026, 3, 1)), Result.EXEMPT, None),
    ],
)  # fmt: skip
def test_exemptions_and_completed_catch_ups(
    given_doses: list[Record], known: Known, result: Result, recheck_by: date | None
) -> None:
    verdict = check(BOOK, Person(BORN, "F"), given_doses, AUTUMN, "kindergarten", known)
    assert (verdict.result, verdict.recheck_by) == (result, recheck_by)
    assert bool(verdict.missing) is (result is Result.NEEDS_CATCH_UP)


def test_a_completed_catch_up_names_the_day_of_its_last_dose() -> None:
    """VAR, MMR and bOPV of 2026-03-10 came after a check of 1 March; after one of 1 April nothing did."""
    for asked_on, day in ((date(2026, 3, 1), date(2026, 3, 10)), (date(2026, 4, 1), None)):
        verdict = check(BOOK, Person(BORN, "F"), records(AT_FOUR), AUTUMN, "kindergarten", known_to(asked_on=asked_on))
        assert verdict.day == verdict.caught_up_on == day
        assert ("2026年3月10日" in verdict.text_zh) is (day is not None)


def test_a_school_reads_neither_vaccine_nor_diagnosis() -> None:
    for result in Result:
        for day in (AUTUMN, None):
            if result is Result.NEEDS_CATCH_UP and day is None:
                continue
            told = reason_of(result, day)
            assert not any(name in told for name in ("水痘", "脊灰", "麻", "乙", "流脑", "百白破"))


def test_the_input_names_the_series_that_are_checked() -> None:
    assert get_args(CheckedSeries) == CHECKED


SCHOOL_AGE = histories(date(2019, 10, 1), date(2023, 6, 30), date(2026, 12, 31))


@settings(max_examples=60, deadline=None)
@given(SCHOOL_AGE, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(history: tuple[Person, list[Record], date], shuffle: object) -> None:
    person, given, on = history
    mixed = list(given)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    assert judged(mixed, on, person) == judged(given, on, person)


@settings(max_examples=60, deadline=None)
@given(SCHOOL_AGE)
def test_a_dose_that_is_given_as_planned_takes_itself_away_and_adds_nothing(
    history: tuple[Person, list[Record], date],
) -> None:
    person, given, on = history
    before = judged(given, on, person)
    left = {(dose.series, dose.number) for dose in before.missing}
    for dose in before.missing:
        if dose.planned_on == on:
            after = judged([*given, Record(dose.vaccine, on)], on, person)
            now = {(one.series, one.number) for one in after.missing}
            assert now <= left - {(dose.series, dose.number)}


@settings(max_examples=60, deadline=None)
@given(SCHOOL_AGE)
def test_who_follows_the_plan_passes(history: tuple[Person, list[Record], date]) -> None:
    person, given, on = history
    verdict = judged(given, on, person)
    followed = [*(r for r in given if r.given_on <= on), *(Record(d.vaccine, d.planned_on) for d in verdict.missing)]
    end = max([on, *(dose.planned_on for dose in verdict.missing)])
    later = {(dose.series, dose.number) for dose in judged(followed, end, person).missing}
    assert not later & {(dose.series, dose.number) for dose in verdict.missing}
    assert all(dose.planned_on >= on for dose in verdict.missing)


def test_a_check_looks_at_the_day_and_not_beyond() -> None:
    given = without("HepB 2022-09-10")
    late = Record("HepB", AUTUMN + timedelta(days=1))
    assert lacking(judged([*given, late])) == "HepB3"
