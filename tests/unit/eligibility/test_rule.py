"""The rule of eligibility: laws over generated people, limits and days, and the programme's own entries."""

import calendar
import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humiao.eligibility.rule import Eligible, NotEligible, day_of_age, judge, limits_of
from humiao.vaccines.catalogue import Eligibility, split_duration
from humiao.vaccines.load import read_catalogue

VACCINES = {vaccine.code: vaccine for vaccine in read_catalogue().vaccines}
A_DAY = timedelta(days=1)

days = st.dates(date(1930, 1, 1), date(2060, 12, 31))
sexes = st.sampled_from(["F", "M"])
ages = st.one_of(
    st.integers(0, 400).map("P{}D".format),
    st.integers(0, 240).map("P{}M".format),
    st.integers(0, 90).map("P{}Y".format),
)
limits = st.builds(
    Eligibility,
    sex=st.none() | sexes,
    min_age=st.none() | ages,
    max_age_exclusive=st.none() | ages,
    condition=st.none() | st.just("high_risk"),
    effective_from=st.none() | days,
)
unconditional = limits.map(lambda limit: replace(limit, condition=None))


def is_of_age(birth: date, age: str, today: date) -> bool:
    """The model: counted from the day itself, month by month, and not by finding the anniversary."""
    count, unit = split_duration(age)
    if unit == "D":
        return (today - birth).days >= count
    months = (today.year - birth.year) * 12 + today.month - birth.month
    last_of_month = calendar.monthrange(today.year, today.month)[1]
    completed = months if today.day >= min(birth.day, last_of_month) else months - 1
    return completed >= count * (12 if unit == "Y" else 1)


def admits(limit: Eligibility, birth: date, sex: str, today: date) -> bool:
    """The model of one limit."""
    return (
        limit.condition is None
        and limit.sex in (None, sex)
        and today >= birth
        and (limit.min_age is None or is_of_age(birth, limit.min_age, today))
        and (limit.max_age_exclusive is None or not is_of_age(birth, limit.max_age_exclusive, today))
        and (limit.effective_from is None or today >= limit.effective_from)
    )


@pytest.mark.parametrize(
    ("birth", "age", "reached"),
    [
        # the programme's conventions, example by example
        (date(2026, 1, 31), "P1M", date(2026, 2, 28)),
        (date(2024, 2, 29), "P1Y", date(2025, 2, 28)),
        (date(2024, 2, 29), "P4Y", date(2028, 2, 29)),
        (date(2025, 12, 31), "P2M", date(2026, 2, 28)),
        (date(2026, 1, 1), "P42D", date(2026, 2, 12)),
        (date(2026, 12, 15), "P1M", date(2027, 1, 15)),
        (date(2026, 5, 5), "P0D", date(2026, 5, 5)),
    ],
)
def test_an_age_is_reached_on_its_anniversary(birth: date, age: str, reached: date) -> None:
    assert day_of_age(birth, age) == reached


@given(days, ages)
def test_the_anniversary_is_the_first_day_of_that_age(birth: date, age: str) -> None:
    reached = day_of_age(birth, age)
    assert is_of_age(birth, age, reached)
    assert not is_of_age(birth, age, reached - A_DAY)


@given(days, sexes, st.lists(limits, min_size=1, max_size=4), days)
def test_somebody_may_book_when_any_limit_admits(birth: date, sex: str, some: list[Eligibility], today: date) -> None:
    judged = judge(birth, sex, some, today)  # type: ignore[arg-type]
    assert isinstance(judged, Eligible) == any(admits(limit, birth, sex, today) for limit in some)


@given(days, sexes, st.lists(limits, min_size=1, max_size=4), limits, days)
def test_one_limit_more_takes_nothing_away(
    birth: date, sex: str, some: list[Eligibility], more: Eligibility, today: date
) -> None:
    if isinstance(judge(birth, sex, some, today), Eligible):  # type: ignore[arg-type]
        assert isinstance(judge(birth, sex, [*some, more], today), Eligible)  # type: ignore[arg-type]


@given(days, sexes, st.lists(limits, min_size=1, max_size=4), days)
def test_the_day_that_is_told_is_the_first_on_which_they_may(
    birth: date, sex: str, some: list[Eligibility], today: date
) -> None:
    judged = judge(birth, sex, some, today)  # type: ignore[arg-type]
    if isinstance(judged, Eligible):  # then ask on a day before anybody may
        today = birth - A_DAY
        judged = judge(birth, sex, some, today)  # type: ignore[arg-type]
    if not (isinstance(judged, NotEligible) and judged.since):
        return
    assert judged.since > today
    assert isinstance(judge(birth, sex, some, judged.since), Eligible)  # type: ignore[arg-type]
    assert isinstance(judge(birth, sex, some, judged.since - A_DAY), NotEligible)  # type: ignore[arg-type]


@given(days, sexes, st.lists(limits, min_size=1, max_size=4), days)
def test_who_may_book_may_do_so_until_the_day_that_is_told(
    birth: date, sex: str, some: list[Eligibility], today: date
) -> None:
    judged = judge(birth, sex, some, today)  # type: ignore[arg-type]
    if isinstance(judged, NotEligible) and judged.since:  # then ask on the day that is told
        today = judged.since
        judged = judge(birth, sex, some, today)  # type: ignore[arg-type]
    if isinstance(judged, NotEligible):
        return
    last = judged.until - A_DAY if judged.until else date(2190, 1, 1)
    assert last >= today
    assert isinstance(judge(birth, sex, some, last), Eligible)  # type: ignore[arg-type]


@given(days, sexes, unconditional, days)
def test_a_reason_is_true(birth: date, sex: str, limit: Eligibility, today: date) -> None:
    judged = judge(birth, sex, [limit], today)  # type: ignore[arg-type]
    if isinstance(judged, Eligible):
        return
    match judged.reason:
        case "wrong_sex":
            assert limit.sex not in (None, sex)
        case "too_young":
            assert today < birth or (limit.min_age and not is_of_age(birth, limit.min_age, today))
        case "not_yet_licensed":
            assert limit.effective_from and limit.effective_from > today
        case "too_old":
            assert limit.max_age_exclusive and judged.until == day_of_age(birth, limit.max_age_exclusive)
        case "needs_assessment":
            raise AssertionError("no limit has a condition")


@pytest.mark.parametrize("code", VACCINES)
def test_the_limits_in_the_database_are_those_of_the_programme(code: str) -> None:
    stored = json.loads(json.dumps(VACCINES[code].detail, default=str))
    assert limits_of(stored) == VACCINES[code].eligibility


TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("vaccine", "birth", "sex", "judged"),
    [
        # six months for the flu vaccine, without an end
        ("IIV4", date(2026, 5, 24), "M", Eligible()),
        ("IIV4", date(2026, 5, 25), "M", NotEligible("too_young", date(2026, 11, 25))),
        # nine-valent HPV: girls from 9, boys from 16
        ("HPV9", date(2017, 11, 24), "F", Eligible(until=date(2063, 11, 24))),
        ("HPV9", date(2017, 11, 24), "M", NotEligible("too_young", date(2033, 11, 24), date(2044, 11, 24))),
        ("HPV9", date(1980, 11, 24), "F", NotEligible("too_old", until=date(2026, 11, 24))),
        ("HPV9", date(1980, 11, 25), "F", Eligible(until=date(2026, 11, 25))),
        # bivalent HPV is for women
        ("HPV2-CECOLIN", date(2010, 1, 1), "M", NotEligible("wrong_sex")),
        # zoster: from 50; between 18 and 50 a clinician decides
        ("RZV", date(1976, 11, 24), "M", Eligible()),
        ("RZV", date(1990, 1, 1), "F", NotEligible("needs_assessment", date(2040, 1, 1))),
        ("RZV", date(2010, 1, 1), "F", NotEligible("too_young", date(2060, 1, 1))),
        ("PCV13", date(2026, 10, 14), "F", NotEligible("too_young", date(2026, 11, 25), date(2032, 10, 14))),
        ("PCV13", date(2026, 10, 13), "F", Eligible(until=date(2032, 10, 13))),
    ],
)
def test_the_programme_is_judged_as_it_says(
    vaccine: str, birth: date, sex: str, judged: Eligible | NotEligible
) -> None:
    assert judge(birth, sex, VACCINES[vaccine].eligibility, TODAY) == judged  # type: ignore[arg-type]
