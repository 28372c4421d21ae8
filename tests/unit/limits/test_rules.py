"""The limits, judged: laws over generated rules, histories and days."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from humiao.limits.rules import (
    EXEMPT_SERIES,
    Basis,
    Limit,
    Missed,
    judge_cancelling,
    judge_device,
    judge_district,
    judge_family,
    judge_missed,
)

FLU, RABIES = frozenset({"FLU"}), EXEMPT_SERIES
A_DAY = timedelta(days=1)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
series = st.sampled_from([FLU, frozenset({"MMR"}), frozenset({"FLU", "MMR"}), RABIES, RABIES | FLU])
histories = st.lists(st.builds(Missed, days, series), max_size=12)
limits = st.builds(
    Limit,
    code=st.just("no_show"),
    text_zh=st.just("{within_days}天内{most}次"),
    series=st.sampled_from([None, "FLU", "MMR", "RAB"]),
    until=st.none() | days,
    most=st.integers(1, 5),
    within_days=st.integers(1, 400),
    pause_days=st.integers(1, 400),
    before_minutes=st.integers(0, 5000),
)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def end(rules: list[Limit], of: frozenset[str], missed: list[Missed], today: date) -> date:
    paused = judge_missed(rules, of, missed, today)
    return paused.until if paused else date.min


@given(st.lists(limits, max_size=3), series, histories, st.builds(Missed, days, series), days)
def test_one_more_missed_never_helps(
    rules: list[Limit], of: frozenset[str], missed: list[Missed], more: Missed, today: date
) -> None:
    assert end(rules, of, [*missed, more], today) >= end(rules, of, missed, today)


@given(limits, st.data())
def test_a_pause_ends_pause_days_after_the_one_that_completed_the_count(limit: Limit, data: st.DataObject) -> None:
    limit = replace(limit, series=None, until=None)
    last = data.draw(days)
    offsets = data.draw(
        st.lists(st.integers(0, limit.within_days - 1), min_size=limit.most - 1, max_size=limit.most - 1)
    )
    missed = [Missed(last - timedelta(days=offset), FLU) for offset in offsets]
    until = last + timedelta(days=limit.pause_days)
    complete = [Missed(last, FLU), *missed]
    paused = judge_missed([limit], FLU, complete, until - A_DAY)
    assert paused and paused.until == until
    assert judge_missed([limit], FLU, complete, until) is None
    assert judge_missed([limit], FLU, complete[1:], last) is None, "one fewer does not complete the count"


@given(limits, days)
def test_what_lies_further_apart_is_not_counted_together(limit: Limit, last: date) -> None:
    limit = replace(limit, series=None, until=None, most=2)
    apart = [Missed(last, FLU), Missed(last - timedelta(days=limit.within_days), FLU)]
    assert judge_missed([limit], FLU, apart, last) is None
    together = [apart[0], Missed(apart[1].day + A_DAY, FLU)]
    assert judge_missed([limit], FLU, together, last) is not None


@given(st.lists(limits, max_size=3), st.sampled_from([RABIES, RABIES | FLU]), histories, days, instants, instants)
def test_rabies_is_never_refused(
    rules: list[Limit], of: frozenset[str], missed: list[Missed], today: date, starts_at: datetime, now: datetime
) -> None:
    assert judge_missed(rules, of, missed, today) is None
    assert judge_cancelling(rules, of, starts_at, now) is None


@given(st.lists(limits, max_size=3), histories, days, days)
def test_a_missed_dose_against_rabies_counts_against_nobody(
    rules: list[Limit], missed: list[Missed], day: date, today: date
) -> None:
    assert judge_missed(rules, FLU, [*missed, Missed(day, RABIES)], today) == judge_missed(rules, FLU, missed, today)


@given(limits, histories, days)
def test_no_pause_outlasts_its_rule(limit: Limit, missed: list[Missed], today: date) -> None:
    paused = judge_missed([limit], FLU, missed, today)
    assert paused is None or limit.until is None or paused.until <= limit.until


@given(limits, instants)
def test_the_latest_moment_is_still_good_and_a_microsecond_later_is_not(limit: Limit, starts_at: datetime) -> None:
    limit = replace(limit, series=None)
    latest = starts_at - timedelta(minutes=limit.before_minutes)
    assert judge_cancelling([limit], FLU, starts_at, latest) is None
    late = judge_cancelling([limit], FLU, starts_at, latest + timedelta(microseconds=1))
    assert late and (late.limit, late.latest) == (limit, latest)


@given(st.lists(limits, min_size=1, max_size=3), st.integers(0, 6))
def test_the_smallest_family_counts(rules: list[Limit], people: int) -> None:
    assert (judge_family(rules, people) is not None) == (people >= min(rule.most for rule in rules))


def test_the_rule_is_told_with_its_numbers_and_odd_braces_do_no_harm() -> None:
    told = Limit("no_show", "{within_days}天内{most}次{其他}{", most=3, within_days=180).told()
    assert told == "180天内3次{其他}{"


@given(limits, st.lists(instants, max_size=12), instants)
def test_a_device_makes_no_account_while_as_many_as_the_rule_says_are_young(
    limit: Limit, used: list[datetime], now: datetime
) -> None:
    used = sorted((at for at in used if at <= now), reverse=True)
    limit = replace(limit, until=None)
    young = sum(now < at + limit.within_days * A_DAY for at in used)
    crowded = judge_device([limit], used, now)
    assert (crowded is not None) == (young >= limit.most)
    if crowded:
        assert now < crowded.until <= now + limit.within_days * A_DAY
        assert judge_device([limit], used, crowded.until) is None, "and on that moment it does"


codes = st.none() | st.sampled_from(["310101", "310104", "310115"])


@given(
    limits, st.frozensets(st.sampled_from(["310101", "310104"]), min_size=1),
    st.sampled_from(["residence", "work", "either"]), series, codes, codes,
)  # fmt: skip
def test_who_lives_or_works_there_is_never_refused_and_rabies_is_exempt(
    limit: Limit, districts: frozenset[str], basis: Basis, of: frozenset[str], residence: str | None, work: str | None
) -> None:
    limit = replace(limit, districts=districts, basis=basis)
    refused = judge_district([limit], of, residence, work) is not None
    there = {"residence": residence in districts, "work": work in districts}
    fits = any(there.values()) if basis == "either" else there[basis]
    assert refused == (limit.covers(of) and not fits)
    assert not (refused and of & EXEMPT_SERIES)
