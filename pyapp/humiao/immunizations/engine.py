"""The rules engine: what each series asks of a person on a day. Pure: no clock, no store; one question has one answer.

A dose is judged by asking what the series asked for on the day it was given: the same question whose answer, on the day
of evaluation, is the next dose. So a plan that is followed is counted, and there is one place where a rule is read.

    evaluate(book, person, records, on)             the state of every series
    may_give(book, person, records, vaccine, on)    would a dose of this vaccine count on that day
"""

from collections.abc import Iterable, Sequence
from datetime import date

from humiao.immunizations.asking import Course, Facts
from humiao.immunizations.book import RuleBook
from humiao.immunizations.judging import judge_all
from humiao.immunizations.models import Edition, Evaluation, JudgedDose, Person, Record, SeriesState, Vaccine
from humiao.immunizations.planning import plan


class UnknownVaccine(ValueError):
    """A record names a vaccine that no edition knows; it must be mapped when it is taken in."""


def evaluate(
    book: RuleBook, person: Person, records: Iterable[Record], on: date, only: frozenset[str] | None = None
) -> Evaluation:
    """Judge the records given up to `on` and plan what remains, for every series or `only` some and those they rest on.

    The order of records does not matter. Records after `on` are left out, so an evaluation of the past can be repeated.
    Raises `UnknownVaccine`.
    """
    edition = book.on(on)
    history = _history(edition, records, on)
    facts = Facts(edition, person, on, [(r.given_on, v) for r, v in history if v.live])
    by_series = _by_series(facts, history)
    states: dict[str, SeriesState] = {}
    if only is not None:
        only = only.union(*(edition.series[code].counts_of_series.values() for code in only & edition.series.keys()))
    for code, series in edition.series.items():
        if only is not None and code not in only:
            continue
        course = facts.courses[code] = Course(series)
        judged = judge_all(book, facts, course, by_series.get(code, ()))
        states[code] = plan(facts, series, course, judged)
    return Evaluation(on, edition.id, states)


def _history(edition: Edition, records: Iterable[Record], on: date) -> list[tuple[Record, Vaccine]]:
    known = []
    for record in records:
        vaccine = edition.vaccines.get(record.vaccine)
        if vaccine is None:
            raise UnknownVaccine(record.vaccine)
        if record.given_on <= on:
            known.append((record, vaccine))
    known.sort(key=lambda pair: (pair[0].given_on, pair[1].place, pair[0].override or "", pair[0].campaign,
                                 pair[0].course_complete))  # fmt: skip
    return known


def _by_series(facts: Facts, history: Sequence[tuple[Record, Vaccine]]) -> dict[str, list[tuple[Record, Vaccine]]]:
    """Combination vaccines count once for each series they take part in at that age (C7)."""
    found: dict[str, list[tuple[Record, Vaccine]]] = {}
    for record, vaccine in history:
        for name, since, before in vaccine.series:
            if (since is None or facts.day(since) <= record.given_on) and (
                before is None or record.given_on < facts.day(before)
            ):
                found.setdefault(name, []).append((record, vaccine))
    return found


def may_give(
    book: RuleBook, person: Person, records: Sequence[Record], vaccine: str, on: date
) -> tuple[JudgedDose, ...]:
    """Judge a dose of `vaccine` as if it were given on `on`, once for every series it would count for then."""
    asked = Record(vaccine, on)
    found = evaluate(book, person, [*records, asked], on).series
    return tuple(
        dose for state in found.values() for dose in state.doses[-1:] if dose.vaccine == vaccine and dose.given_on == on
    )
