"""Plans what remains of a series: the next dose, its days and products. Pure."""

from datetime import date

from humiao.immunizations import words
from humiao.immunizations.asking import Ask, Bound, Course, Facts, ask
from humiao.immunizations.models import (
    Explanation,
    JudgedDose,
    Option,
    Series,
    SeriesState,
    Slot,
    Status,
    Version,
)

_RULE_OF_CAUSE = {"live": "CO-2", "blood": "CO-6"}
_Product = tuple[str, Bound]  # a vaccine's code, its first day and what decides it
_CANNOT_PLAN = {Status.COMPLETE, Status.AGED_OUT, Status.NOT_APPLICABLE}


def plan(facts: Facts, series: Series, course: Course, doses: tuple[JudgedDose, ...]) -> SeriesState:
    """The state of a series from the doses that were judged, by the rules in force on the day of evaluation (C5)."""
    version = series.version_on(facts.on)
    outside = _outside(facts, series, version)
    if outside or version is None:
        status, key = outside or (Status.NOT_APPLICABLE, "NOT_IN_FORCE")
        told = Explanation(f"{series.code}-cohort", words.state, (key, series.name_zh, "high"))
        return SeriesState(series.code, status, doses, explanations=(told,))
    asked, limit, possible = _next_ask(facts, course, series, version)
    if asked.status is not Status.COMPLETE and limit and facts.on >= limit and asked.ends_by_age:
        asked = asked.closed("C9")
    if course.under_review and asked.status not in _CANNOT_PLAN:
        asked = asked.for_a_doctor(course.under_review)
    if not asked.status and not possible:
        barred = next((c.id for c in facts.barring if any(_applies(c.applies_to, v) for v in asked.vaccines)), "")
        asked = asked.for_a_doctor(barred or asked.rule_id)
    if asked.status:
        told = Explanation(asked.rule_id, words.state, (asked.status, series.name_zh, asked.certainty))
        return SeriesState(series.code, asked.status, doses, version_id=version.id, explanations=(told,))
    return _planned(facts, series, version, course, doses, asked, possible, limit)


def _planned(
    facts: Facts,
    series: Series,
    version: Version,
    course: Course,
    doses: tuple[JudgedDose, ...],
    asked: Ask,
    possible: list[_Product],
    limit: date | None,
) -> SeriesState:
    slot = asked.slot
    assert slot is not None
    _, (earliest, cause, what, of) = possible[0]
    recommended = max(facts.day(slot.recommended_age), earliest) if slot.recommended_age else earliest
    # An own-expense vaccine is offered, not owed: it is never overdue.
    owed = series.kind != "non_programme"
    overdue = max(_completion_day(facts, course, asked, slot), earliest) if owed else None
    if facts.on < earliest:
        status = Status.NOT_YET_DUE
    else:
        status = Status.OVERDUE if overdue and facts.on >= overdue else Status.DUE
    number = course.total + 1
    about = (series.name_zh, number, earliest, status, overdue, asked.certainty)
    explanations = [
        Explanation(asked.rule_id, words.next_dose, about),
        Explanation(_RULE_OF_CAUSE.get(cause, "C12"), words.because, (cause, what, of)),
    ]
    required = asked.requires if asked.requires not in facts.person.conditions else None
    if required:
        explanations.append(Explanation(asked.rule_id, words.requires, (required,)))
    codes = [code for code, _ in possible]
    return SeriesState(
        series.code,
        status,
        doses,
        number,
        earliest,
        recommended,
        overdue,
        limit,
        tuple(Option(code, bound[0]) for code, bound in possible),
        required,
        tuple(c.id for c in facts.edition.contraindications if any(_applies(c.applies_to, code) for code in codes)),
        version.id,
        tuple(explanations),
    )


def _completion_day(facts: Facts, course: Course, asked: Ask, slot: Slot) -> date:
    """The first day on which the dose is overdue, were it possible from the start (C4, or the convention)."""
    if slot.within_of_first and course.first:
        return slot.within_of_first.after(course.first)
    if slot.before_age:
        return facts.day(slot.before_age)
    bounds = [day for day, _, _, _ in facts.intervals(course, asked, asked.interval, facts.on)]
    if slot.recommended_age:
        bounds.append(facts.day(slot.recommended_age))
    if asked.min_age:
        bounds.append(facts.day(asked.min_age))
    if course.series.programme_start:
        bounds.append(course.series.programme_start)
    return facts.edition.default_overdue.after(max(bounds, default=facts.birth))


def _outside(facts: Facts, series: Series, version: Version | None) -> tuple[Status, str] | None:
    """The status of somebody the series is not for, and the words for it."""
    if version is None:
        return Status.NOT_APPLICABLE, "NOT_IN_FORCE"
    cohort = series.cohort
    if cohort is None:
        return None
    if cohort.sex and cohort.sex != facts.person.sex:
        return Status.NOT_APPLICABLE, "OTHER_SEX"
    if cohort.unresolved_day == facts.birth:
        return Status.MANUAL_REVIEW, "UNRESOLVED"
    if (cohort.born_from and facts.birth < cohort.born_from) or (cohort.born_to and facts.birth > cohort.born_to):
        return Status.NOT_APPLICABLE, "OTHER_COHORT"
    if cohort.residences is not None and facts.person.residence not in cohort.residences:
        return Status.NOT_APPLICABLE, "OTHER_RESIDENCE"
    return None


def _next_ask(
    facts: Facts, course: Course, series: Series, version: Version
) -> tuple[Ask, date | None, list[_Product]]:
    """What is asked next, the first day on which it can no longer be given, and the products with their first days.

    A rule holds up to an age. Where the dose cannot be given before it, what is asked from that age on decides.
    """
    general = facts.day(facts.edition.upper_age) if facts.upper_age_applies(series) else None
    day = facts.on
    while True:
        asked = ask(facts, course, series, version, facts.on, day, None)
        asked.ends_by_age = general is not None
        if asked.status:
            return asked, general, []
        limits = [facts.day(until) for until in asked.ends(facts.edition)]
        until = min(limits, default=None)
        if general and (until is None or general < until):
            until = general
        possible = _possible(facts, course, asked)
        preferred_from = possible[0][1][0] if possible else None
        in_time = preferred_from is not None and (until is None or preferred_from < until)
        if (in_time or _barred(facts, asked)) and (until is None or day < until):
            return asked, until, possible
        if until is None:
            return asked.closed(asked.rule_id), None, []
        if until == general or until <= day:
            return asked.closed("C9" if until == general else asked.rule_id), until, []
        day = until


def _possible(facts: Facts, course: Course, asked: Ask) -> list[_Product]:
    """Acceptable products with their first days and what decides them, what the programme gives first."""
    found: list[_Product] = []
    for code in asked.vaccines:
        vaccine = facts.edition.vaccines[code]
        if vaccine.kind == "historic" or (vaccine.sex and vaccine.sex != facts.person.sex):
            continue
        if any(_applies(barring.applies_to, code) for barring in facts.barring):
            continue
        bound = facts.earliest(course, asked, vaccine)
        if vaccine.max_age and max(bound[0], facts.on) >= facts.day(vaccine.max_age):
            continue
        found.append((code, bound))
    return found


def _barred(facts: Facts, asked: Ask) -> bool:
    """Whether what is known of the person's health takes every product away."""
    return bool(facts.barring) and all(
        any(_applies(c.applies_to, code) for c in facts.barring) for code in asked.vaccines
    )


def _applies(to: frozenset[str] | None, vaccine: str) -> bool:
    return to is None or vaccine in to
