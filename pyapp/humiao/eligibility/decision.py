"""Who may book: the licence of the vaccine (`rule`), then the rules of the programme (`immunizations`). Pure.

The licence says whom a vaccine may be given to at all; the rules say whether this dose would count on that day and
which dose it is. A vaccine whose series the rules do not describe (influenza, rabies) is decided by its licence alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from humiao.eligibility.rule import Eligible, NotEligible, Reason, judge
from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import JudgedDose, Person, Record, SeriesState, Status
from humiao.immunizations.models import Reason as NotCounted
from humiao.vaccines.catalogue import Eligibility

Why = Reason | Literal["too_soon", "already_complete"]
FREE = frozenset({"nip", "local"})


@dataclass(frozen=True, slots=True)
class MayBook:
    """May book `dose` of the series (None: the rules count none) for a day before `until`."""

    dose: int | None
    rules: str  # the edition that decided
    until: date | None


@dataclass(frozen=True, slots=True)
class MayNot:
    """May not book, why, and between which days the person may, as far as known. `explained` is the rule's own text."""

    reason: Why
    since: date | None = None
    until: date | None = None
    explained: str | None = None
    rule_id: str | None = None


def decide(
    book: RuleBook, person: Person, records: Sequence[Record], vaccine: str, limits: Sequence[Eligibility], on: date
) -> MayBook | MayNot:
    """Decide for a person and a vaccine on the day of the appointment."""
    licensed = judge(person.birth_date, person.sex, limits, on)
    if isinstance(licensed, NotEligible):
        return MayNot(licensed.reason, licensed.since, licensed.until)
    edition = book.on(on)
    known = edition.vaccines.get(vaccine)
    codes = frozenset(code for code, _, _ in known.series if code in edition.series) if known else frozenset[str]()
    if known is None or not codes:
        return MayBook(None, edition.id, licensed.until)
    states = evaluate(book, person, records, on, codes).series
    asked = [states[code] for code in codes if states[code].status is not Status.NOT_APPLICABLE]
    if not asked:
        return MayBook(None, edition.id, licensed.until)
    if_given = evaluate(book, person, [*records, Record(vaccine, on)], on, codes).series
    refusals = []
    for state in sorted(asked, key=lambda state: [code for code, _, _ in known.series].index(state.series)):
        dose = if_given[state.series].doses[-1] if if_given[state.series].doses else None
        answer = _of_series(state, dose, vaccine, on, licensed, free=known.kind in FREE)
        if isinstance(answer, MayBook):
            return MayBook(answer.dose, edition.id, answer.until)
        refusals.append(answer)
    # A combination is refused by every one of its series: the one that opens first is told.
    return min(refusals, key=lambda refusal: refusal.since or date.max)


def _of_series(
    state: SeriesState, dose: JudgedDose | None, vaccine: str, on: date, licensed: Eligible, *, free: bool
) -> MayBook | MayNot:
    offered = next((option for option in state.products if option.vaccine == vaccine), None)
    text = state.explanations[0] if state.explanations else None
    explained, rule_id = (text.text_zh, text.rule_id) if text else (None, None)
    if offered and state.requires:
        return MayNot("needs_assessment", explained=explained, rule_id=rule_id)
    if offered and offered.earliest <= on:
        return MayBook(state.next_dose, "", _first(licensed.until, state.closes))
    # Paid for, or past the age of free catch-up: what would count may be booked.
    by_licence = not free or state.status is Status.AGED_OUT
    if by_licence and dose and (dose.vaccine, dose.given_on) == (vaccine, on) and dose.valid and dose.number:
        return MayBook(dose.number, "", licensed.until)
    if offered and dose and (dose.vaccine, dose.given_on) == (vaccine, on) and dose.valid is None:
        return MayNot("needs_assessment", offered.earliest, state.closes, explained, rule_id)
    if offered:
        return MayNot("too_soon", offered.earliest, state.closes, explained, rule_id)
    if state.status is Status.COMPLETE:
        return MayNot("already_complete", explained=explained, rule_id=rule_id)
    if state.status is Status.AGED_OUT or (dose and NotCounted.TOO_LATE_AGE in dose.reasons):
        return MayNot("too_old", explained=explained, rule_id=rule_id)
    return MayNot("needs_assessment", explained=explained, rule_id=rule_id)


def _first(*days: date | None) -> date | None:
    return min((day for day in days if day), default=None)
