"""A control of the worked cases: move any age, interval or limit of the programme by a day, and a case must notice."""

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from humiao.immunizations.book import RuleBook
from humiao.immunizations.durations import Duration
from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Edition, Rule, Series, Slot, Version
from humiao.immunizations.service import read_edition
from tests.unit.immunizations.cases import Case, found, parse_expected, read_cases

EDITION = read_edition()
CASES = read_cases()
AGES = ("min_age", "min_interval", "before_age", "within_of_first", "max_age", "recommended_age")


# Moves that change no answer, and why: another fact says the same.
SAID_TWICE = {
    "HepB: HepB-C1 age_before": "the 18th birthday ends free catch-up in any case",
    "DTP: DTP-old#5 min_age": "from 6 years DTP-O4 and DTP-O5 decide",
    "DTP: DTP-old#5 min_interval": "from 6 years DTP-O5 decides",
    "DTP: DTP-O5 age_from": "the table asks for the same DT on the 6th birthday",
    "DTP: DTP-N2 age_before": "DTP-N4 says the same from 7 years",
    "JE: JE-I-base#2 min_age": "7 days after a dose at 8 months",
    "JE: JE-I-base#2 recommended_age": "7 days after a dose at 8 months",
    "MenA: MenA-C1 age_before": "the vaccine's own upper age is 24 months",
    "MenA: MenA-C2 age_from": "the vaccine's own upper age is 24 months",
}


def a_day_more(age: Duration) -> Duration:
    return Duration(age.months, age.days + 1)


def moved_slots(slot: Slot) -> Iterator[tuple[str, Slot]]:
    for name in AGES:
        age = getattr(slot, name)
        if age is not None:
            yield f"{slot.label} {name}", replace(slot, **{name: a_day_more(age)})
    for n, (number, gap) in enumerate(slot.from_doses):
        moved = (*slot.from_doses[:n], (number, a_day_more(gap)), *slot.from_doses[n + 1 :])
        yield f"{slot.label} from dose {number}", replace(slot, from_doses=moved)


def moved_rules(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for part in fields(rule.when):
        age = getattr(rule.when, part.name)
        if isinstance(age, Duration):
            yield part.name, replace(rule, when=replace(rule.when, **{part.name: a_day_more(age)}))
    for name in ("interval", "min_age"):
        age = getattr(rule.then, name)
        if age is not None:
            yield f"then {name}", replace(rule, then=replace(rule.then, **{name: a_day_more(age)}))
    for number, gap in rule.then.intervals.items():
        intervals = {**rule.then.intervals, number: a_day_more(gap)}
        yield f"then interval {number}", replace(rule, then=replace(rule.then, intervals=intervals))
    for place, slot in enumerate(rule.then.schedule):
        for what, moved in moved_slots(slot):
            schedule = (*rule.then.schedule[:place], moved, *rule.then.schedule[place + 1 :])
            yield f"then {what}", replace(rule, then=replace(rule.then, schedule=schedule))


def moved_versions(version: Version) -> Iterator[tuple[str, Version]]:
    for n, (option, name, slots) in enumerate(version.options):
        for place, slot in enumerate(slots):
            for what, moved in moved_slots(slot):
                others = (*slots[:place], moved, *slots[place + 1 :])
                options = (*version.options[:n], (option, name, others), *version.options[n + 1 :])
                yield what, replace(version, options=options)
    for n, rule in enumerate(version.rules):
        for part in fields(rule.when):
            age = getattr(rule.when, part.name)
            if isinstance(age, Duration):
                moved_rule = replace(rule, when=replace(rule.when, **{part.name: a_day_more(age)}))
                yield (
                    f"{rule.id} {part.name}",
                    replace(version, rules=(*version.rules[:n], moved_rule, *version.rules[n + 1 :])),
                )
        for name in ("interval", "min_age"):
            age = getattr(rule.then, name)
            if age is not None:
                moved_rule = replace(rule, then=replace(rule.then, **{name: a_day_more(age)}))
                yield (
                    f"{rule.id} then {name}",
                    replace(version, rules=(*version.rules[:n], moved_rule, *version.rules[n + 1 :])),
                )


def moved_series(series: Series) -> Iterator[tuple[str, Series]]:
    for n, version in enumerate(series.versions):
        for what, moved in moved_versions(version):
            yield (
                f"{series.code}: {what}",
                replace(series, versions=(*series.versions[:n], moved, *series.versions[n + 1 :])),
            )


def editions() -> Iterator[tuple[str, str, Edition]]:
    for code, series in EDITION.series.items():
        if series.kind == "non_programme":
            continue
        for what, moved in moved_series(series):
            yield what, code, replace(EDITION, series={**EDITION.series, code: moved})
    for name in ("live_gap", "upper_age", "repeat_after_invalid", "default_overdue"):
        yield name, "", replace(EDITION, **{name: a_day_more(getattr(EDITION, name))})


MOVED = list(editions())


def notices(case: Case, edition: Edition) -> bool:
    only = frozenset(case.expected)
    states = evaluate(RuleBook([edition]), case.person, case.records, case.on, only).series
    return any(
        found(states[series], parse_expected(text)) != parse_expected(text) for series, text in case.expected.items()
    )


def noticed(series: str, edition: Edition) -> bool:
    return any(notices(case, edition) for case in CASES if not series or series in case.expected)


@pytest.mark.parametrize(("what", "series", "edition"), MOVED, ids=[what for what, _, _ in MOVED])
def test_a_case_notices(what: str, series: str, edition: Edition) -> None:
    assert noticed(series, edition) is (what not in SAID_TWICE)


def test_what_is_said_twice_is_in_the_data() -> None:
    assert {what for what, _, _ in MOVED} >= SAID_TWICE.keys()
