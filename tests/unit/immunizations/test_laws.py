"""The laws of the engine over generated people and histories."""

import random
from datetime import date, timedelta

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Person, Record, Status
from tests.unit.immunizations.histories import (
    A_DAY,
    BOOK,
    MAY_GIVE,
    PROGRAMME,
    VACCINES,
    asked,
    follow,
    histories,
    people,
)

# One version of every series is in force over these days, so that nothing changes but what the law speaks of.
LATE = date(2026, 6, 17)
HISTORY = histories(date(2016, 1, 1), date(2026, 6, 17), date(2034, 12, 31))
History = tuple[Person, list[Record], date]


@settings(deadline=None)
@given(HISTORY, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(history: History, shuffle: random.Random) -> None:
    person, records, on = history
    mixed = list(records)
    shuffle.shuffle(mixed)
    assert asked(person, mixed, on) == asked(person, records, on)


@settings(deadline=None)
@given(HISTORY, st.sampled_from(VACCINES), st.integers(1, 4000))
def test_what_comes_later_changes_nothing_of_before(history: History, vaccine: str, days: int) -> None:
    person, records, on = history
    later = Record(vaccine, on + timedelta(days=days))
    assert asked(person, [*records, later], on) == asked(person, records, on)


@settings(max_examples=200, deadline=None)
@given(HISTORY, st.sampled_from(VACCINES), st.integers(0, 400))
def test_a_valid_dose_more_never_makes_less_complete(history: History, vaccine: str, wait: int) -> None:
    person, records, on = history
    day = max([record.given_on for record in records if record.given_on <= on], default=person.birth_date)
    day = min(day + timedelta(days=wait), on)
    known = [record for record in records if record.given_on <= day]
    before, after = asked(person, known, on), asked(person, [*known, Record(vaccine, day)], on)
    for code, state in after.series.items():
        old = before.series[code]
        assert state.counted >= old.counted
        if old.status is Status.COMPLETE:
            assert state.status is Status.COMPLETE
        if state.counted > old.counted:
            event(f"counted for {code}")
            assert state.counted == old.counted + 1


@settings(max_examples=20, deadline=None)
@given(HISTORY)
def test_a_dose_that_was_due_leaves_fewer_to_give(history: History) -> None:
    person, records, on = history
    known = [record for record in records if record.given_on <= on]
    due = [state for code, state in asked(person, known, on).series.items() if code in PROGRAMME]
    due = [state for state in due if state.status in MAY_GIVE and state.products[0].earliest <= on]
    assume(due)
    series = due[0].series
    added = Record(due[0].products[0].vaccine, on)

    def to_come(records: list[Record]) -> int:
        given_then, end = follow(person, records, on)
        return asked(person, given_then, end).series[series].counted - asked(person, records, on).series[series].counted

    assert to_come([*known, added]) == to_come(known) - 1


@settings(max_examples=200, deadline=None)
@given(HISTORY)
def test_what_is_due_counts_when_it_is_given(history: History) -> None:
    person, records, on = history
    known = [record for record in records if record.given_on <= on]
    for state in asked(person, known, on).series.values():
        if state.status not in MAY_GIVE:
            continue
        for option in state.products:
            if option.earliest <= on:
                judged = asked(person, [*known, Record(option.vaccine, on)], on).series[state.series].doses[-1]
                same_day = any(r.given_on == on for r in known)
                assert judged.valid is not False or same_day, (state.series, option, judged)
                if judged.valid and not same_day:
                    assert judged.number == state.next_dose
                    event(f"given: {state.series}")


@settings(max_examples=200, deadline=None)
@given(HISTORY)
def test_before_its_first_day_a_dose_does_not_count(history: History) -> None:
    person, records, on = history
    known = [record for record in records if record.given_on <= on]
    for state in asked(person, known, on).series.values():
        if state.status is not Status.NOT_YET_DUE or state.series not in PROGRAMME:
            continue
        for option in state.products:
            # Four IPV-containing doses may end the polio series early (PV-E2): the one dose that has two first days.
            if option.earliest > on and not (state.series == "PV" and state.next_dose == 4):
                # A programme's start is about who pays; a paid dose before it is judged by its age.
                if state.series in ("HPV", "VAR", "PPV") and on < date(2026, 1, 20):
                    continue
                dose = asked(person, [*known, Record(option.vaccine, on)], on).series[state.series].doses
                here = [d for d in dose if d.given_on == on and d.vaccine == option.vaccine]
                assert not any(d.valid and d.number == state.next_dose for d in here), (state.series, option)


@settings(max_examples=200, deadline=None)
@given(HISTORY, st.integers(1, 3000))
def test_a_later_day_loses_nothing_before_the_upper_age(history: History, days: int) -> None:
    person, records, on = history
    on = max(on, LATE)
    known = [record for record in records if record.given_on < on]  # the pair of one day is for that day only (C12)
    later = on + timedelta(days=days)
    then = asked(person, known, later)
    for code, state in asked(person, known, on).series.items():
        if state.status in MAY_GIVE and (state.closes is None or later < state.closes):
            assert then.series[code].status in MAY_GIVE, code
        if state.status is Status.COMPLETE:
            assert then.series[code].status is Status.COMPLETE, code
        if state.status is Status.OVERDUE and (state.closes is None or later < state.closes):
            assert then.series[code].status is Status.OVERDUE, code


@settings(max_examples=30, deadline=None)
@given(people(date(2026, 6, 17), date(2032, 12, 31)))
def test_a_plan_followed_from_birth_ends_complete(person: Person) -> None:
    records, end = follow(person, [], person.birth_date)
    states = asked(person, records, end).series
    for code in PROGRAMME:
        state = states[code]
        assert state.status in (Status.COMPLETE, Status.NOT_APPLICABLE), (code, state)
        assert all(dose.valid and dose.number for dose in state.doses), code
    assert states["DTP"].counted == 5
    assert states["MCV"].counted == (2 if person.residence == "elsewhere" else 3)
    assert states["VAR"].status is (Status.NOT_APPLICABLE if person.residence == "elsewhere" else Status.COMPLETE)
    assert states["HPV"].status is (Status.COMPLETE if person.sex == "F" else Status.NOT_APPLICABLE)


@settings(max_examples=30, deadline=None)
@given(people(date(2012, 1, 1), date(2026, 6, 17)), st.integers(0, 5000))
def test_a_plan_begun_late_is_counted_dose_by_dose(person: Person, wait: int) -> None:
    begun = max(LATE, person.birth_date + timedelta(days=wait))
    records, end = follow(person, [], begun)
    states = asked(person, records, end).series
    for code in PROGRAMME:
        assert all(dose.valid is not False for dose in states[code].doses), code
        assert states[code].status not in MAY_GIVE | {Status.NOT_YET_DUE}


@settings(deadline=None)
@given(HISTORY)
def test_the_days_of_a_plan_are_in_order(history: History) -> None:
    person, records, on = history
    for state in asked(person, records, on).series.values():
        if state.status in MAY_GIVE | {Status.NOT_YET_DUE}:
            assert state.earliest
            assert state.recommended
            assert person.birth_date <= state.earliest <= state.recommended
            assert state.next_dose == state.counted + 1
            assert (state.status is Status.NOT_YET_DUE) == (on < state.earliest)
            assert state.closes is None or (state.earliest < state.closes and on < state.closes)
            if state.series in PROGRAMME:
                assert state.overdue
                assert state.earliest <= state.overdue
                assert (state.status is Status.OVERDUE) == (on >= state.overdue)
            assert state.products
        else:
            assert (state.next_dose, state.earliest, state.recommended, state.overdue) == (None, None, None, None)
        assert all(e.rule_id and e.text_zh.endswith(("。", "）")) for e in state.explanations)
        assert all(dose.explanation.text_zh for dose in state.doses)


@settings(deadline=None)
@given(HISTORY)
def test_a_series_asked_alone_answers_the_same(history: History) -> None:
    person, records, on = history
    whole = asked(person, records, on).series
    for code in ("MenAC", "DTP", "PV"):
        assert evaluate(BOOK, person, records, on, frozenset({code})).series[code] == whole[code]


# ---------------------------------------------------------------------------- a model of one series, counted by hand


def of_age(birth: date, months: int, day: date) -> bool:
    """Whether `months` have passed since `birth`, counted month by month and not by finding the day."""
    passed = (day.year - birth.year) * 12 + day.month - birth.month
    last = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - A_DAY).day
    return passed > months or (passed == months and day.day >= min(birth.day, last))


def model_of_hepatitis_b(birth: date, days: list[date]) -> list[bool]:
    """Which doses count: 0, 1, 6 months; 28 days, 60 days, 4 months from the first; 28 days after one that does not."""
    valid: list[date] = []
    verdicts = []
    refused: date | None = None
    for day in days:
        n = len(valid)
        if valid and day == (max(valid)):
            verdicts.append(False)
            continue
        good = n >= 3 or (
            of_age(birth, (0, 1, 6)[n], day)
            and (n == 0 or (day - valid[-1]).days >= (0, 28, 60)[n])
            and (n < 2 or of_age(valid[0], 4, day))
            and (refused is None or refused == day or (day - refused).days >= 28)
        )
        if good and n < 3:
            valid.append(day)
        elif not good:
            refused = day
        verdicts.append(good)
    return verdicts


@settings(max_examples=200, deadline=None)
@given(st.dates(date(2023, 1, 1), date(2025, 1, 1)), st.lists(st.integers(0, 300), max_size=6))
def test_hepatitis_b_agrees_with_a_model(birth: date, ages: list[int]) -> None:
    days = [birth + timedelta(days=age) for age in sorted(set(ages))]
    person = Person(birth, "F")
    doses = asked(person, [Record("HepB", day) for day in days], date(2026, 11, 24)).series["HepB"].doses
    assert [bool(dose.valid) for dose in doses] == model_of_hepatitis_b(birth, days)
