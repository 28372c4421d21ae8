"""What an edition would change for whom: the same people under the rules as they are and as they would be. Pure.

Two questions. For a parent's child: which of the typical children (a birth month, a sex, a history) would be told
something else, and what. For the city: how many of the people on record. Neither needs a name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from humiao.immunizations.book import RuleBook
from humiao.immunizations.durations import Duration
from humiao.immunizations.engine import UnknownVaccine, evaluate
from humiao.immunizations.models import Person, Record, SeriesState, Status

YEARS = 18  # free catch-up ends there (rules, C9)
MONTHLY = 24  # months of age up to which every month has its child
HISTORIES = ("none", "on_time")
Differences = Counter[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told of a series: where it stands, which dose is next and from when."""

    status: Status
    next_dose: int | None
    earliest: date | None
    overdue: date | None

    @classmethod
    def of(cls, state: SeriesState) -> "Told":
        """What a state says to its person."""
        return cls(state.status, state.next_dose, state.earliest, state.overdue)


@dataclass(frozen=True, slots=True)
class Moved:
    """One series of one person under both rules; None: the edition does not have the series."""

    series: str
    before: Told | None
    after: Told | None


@dataclass(frozen=True, slots=True)
class TypicalChild:
    """A child of a birth month: nothing given, or everything on its recommended day under the rules as they are."""

    person: Person
    history: str
    moved: tuple[Moved, ...]


@dataclass
class Count:
    """How many people on record are told something else. `by_change` counts (series, status before, status after).

    `unread` are people with a record that no edition knows; nothing is said of them.
    """

    people: int = 0
    changed: int = 0
    by_change: Differences = field(default_factory=Counter)
    unread: int = 0

    def add(self, other: "Count") -> None:
        """Take another part in."""
        self.people += other.people
        self.changed += other.changed
        self.unread += other.unread
        self.by_change.update(other.by_change)


def moved(before: RuleBook, after: RuleBook, person: Person, records: Iterable[Record], on: date) -> list[Moved]:
    """Return the series of which a person would be told something else on a day. Raises `UnknownVaccine`."""
    records = list(records)
    was, now = (evaluate(book, person, records, on).series for book in (before, after))
    found = []
    for code in [*now, *(code for code in was if code not in now)]:
        told = [Told.of(states[code]) if code in states else None for states in (was, now)]
        if told[0] != told[1]:
            found.append(Moved(code, told[0], told[1]))
    return found


def typical(before: RuleBook, after: RuleBook, on: date) -> Iterator[TypicalChild]:
    """Yield the typical children who would be told something else on a day, the oldest first.

    Of the first two years there is one for each month, in which something is asked for nearly every month, then one for
    each half year.
    """
    oldest = date(on.year - YEARS, on.month, min(on.day, 28))
    for months in range(1, YEARS * 12 + 1):
        if months % 6 and YEARS * 12 - months > MONTHLY:
            continue
        born = Duration(months, 0).after(oldest)
        for sex in ("F", "M"):
            person = Person(born, "F" if sex == "F" else "M")
            for history in HISTORIES:
                records = on_time(before, person, on) if history == "on_time" else []
                if found := moved(before, after, person, records, on):
                    yield TypicalChild(person, history, tuple(found))


def on_time(book: RuleBook, person: Person, on: date, visits_max: int = 60) -> list[Record]:
    """Give a child all that the programme pays for, each on the first day it may be given, before `on`."""
    given: list[Record] = []
    day = person.birth_date
    for _ in range(visits_max):
        if day >= on:
            break
        series = book.on(day).series
        asked = [
            state
            for code, state in evaluate(book, person, given, day).series.items()
            if series[code].kind != "non_programme" and state.products
        ]
        due = [s for s in asked if s.status in (Status.DUE, Status.OVERDUE) and s.products[0].earliest <= day]
        given += [Record(vaccine, day) for vaccine in dict.fromkeys(s.products[0].vaccine for s in due)]
        coming = [s.earliest for s in asked if s.earliest is not None and s.earliest > day]
        if not due and not coming:
            break
        # What was given asks for the next dose, whose day is known when asked again.
        day = day + timedelta(days=1) if due else min(coming)
    return given


def counted(before: RuleBook, after: RuleBook, people: Iterable[tuple[Person, list[Record]]], on: date) -> Count:
    """Count the people who would be told something else on a day."""
    count = Count()
    for person, records in people:
        count.people += 1
        try:
            found = moved(before, after, person, records, on)
        except UnknownVaccine:
            count.unread += 1
            continue
        count.changed += bool(found)
        count.by_change.update(
            (one.series, one.before.status if one.before else "—", one.after.status if one.after else "—")
            for one in found
        )
    return count
