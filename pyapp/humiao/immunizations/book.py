"""The rule book: every edition of the programme with the day from which it is in force. Pure.

An edition is in force from 00:00 of its day in the city (C11) until the next one is. Whoever holds a book with the
coming edition in it needs no restart at midnight, and a verdict of yesterday is the same question with its date.
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from humiao.immunizations.models import Edition

CITY_ZONE = ZoneInfo("Asia/Shanghai")


class RuleBook:
    """Editions in order of their days. The first also speaks for all days before it."""

    def __init__(self, editions: Iterable[Edition]) -> None:
        """Raises ValueError where there is none, or where two share a day or an id."""
        self.editions = tuple(sorted(editions, key=lambda edition: edition.effective_from))
        if not self.editions:
            raise ValueError("a rule book needs an edition")
        for what in ("effective_from", "id"):
            if len({getattr(edition, what) for edition in self.editions}) != len(self.editions):
                raise ValueError(f"two editions have one {what}")
        self._begins = tuple(edition.effective_from for edition in self.editions[1:])

    def on(self, day: date) -> Edition:
        """Return the edition in force on a calendar day of the city."""
        found = self.editions[0]
        for begins, edition in zip(self._begins, self.editions[1:], strict=True):
            if day < begins:
                break
            found = edition
        return found

    def at(self, instant: datetime) -> Edition:
        """Return the edition in force at an instant, which must know its offset."""
        return self.on(city_day(instant))

    def with_edition(self, edition: Edition) -> "RuleBook":
        """Return a book with one edition more; raises ValueError as the constructor does."""
        return RuleBook((*self.editions, edition))


def city_day(instant: datetime) -> date:
    """Return the calendar day of the city at an instant. Raises ValueError for a naive time."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return instant.astimezone(CITY_ZONE).date()
