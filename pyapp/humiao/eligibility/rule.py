"""The rule of eligibility: a vaccine's age and sex limits against a person, on a day. Pure.

Facts come from the programme's entry of the vaccine (`vaccines.detail`), which keeps its source and certainty. Ages are
calendar ages: reached on the anniversary, a missing day becomes the last of its month (programme.yaml, conventions).
A limit with a condition (a diagnosis, say) is for a clinician to judge and admits nobody here.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from humiao.vaccines.catalogue import Eligibility, Sex, split_duration

Reason = Literal["too_young", "too_old", "wrong_sex", "not_yet_licensed", "needs_assessment"]


@dataclass(frozen=True, slots=True)
class Eligible:
    """May book; `until` is the first day on which that ends, None: it does not end."""

    until: date | None = None


@dataclass(frozen=True, slots=True)
class NotEligible:
    """May not book, why, and between which days the person may: from `since`, before `until`, as far as known."""

    reason: Reason
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """The days on which one limit admits a person: from `opens`, before `closes`."""

    opens: date
    closes: date | None
    by_licence: bool  # it opens when the licence does, not at an age

    def holds(self, today: date) -> bool:
        return self.opens <= today and (self.closes is None or today < self.closes)

    def comes(self, today: date) -> bool:
        return self.opens > today and (self.closes is None or self.opens < self.closes)


def limits_of(entry: Mapping[str, Any]) -> tuple[Eligibility, ...]:
    """The limits of a vaccine's entry as the database keeps it: its `eligibility`, or the entry is the only limit."""
    return tuple(
        Eligibility(
            sex=one.get("sex"),
            min_age=one.get("min_age"),
            max_age_exclusive=one.get("max_age_exclusive"),
            condition=one.get("condition"),
            effective_from=date.fromisoformat(one["effective_from"]) if one.get("effective_from") else None,
        )
        for one in entry.get("eligibility", [entry])
    )


def day_of_age(birth: date, age: str) -> date:
    """The day on which somebody reaches an age given as ISO 8601 duration of one unit (P42D, P8M, P9Y)."""
    count, unit = split_duration(age)
    if unit == "D":
        return birth + timedelta(days=count)
    months = birth.month - 1 + count * (12 if unit == "Y" else 1)
    year, month = birth.year + months // 12, months % 12 + 1
    return date(year, month, min(birth.day, calendar.monthrange(year, month)[1]))


def judge(birth: date, sex: Sex, limits: Sequence[Eligibility], today: date) -> Eligible | NotEligible:
    """Decide for one person and one vaccine; any one limit that admits is enough."""
    of_sex = [limit for limit in limits if limit.sex in (None, sex)]
    if not of_sex:
        return NotEligible("wrong_sex")
    spans = [_span(birth, limit) for limit in of_sex if limit.condition is None]
    holding = [span.closes for span in spans if span.holds(today)]
    if holding:
        return Eligible(until=None if None in holding else max(day for day in holding if day))
    coming = min((span for span in spans if span.comes(today)), key=lambda span: span.opens, default=None)
    if any(_span(birth, limit).holds(today) for limit in of_sex if limit.condition):
        return NotEligible("needs_assessment", since=coming.opens if coming else None)
    if coming:
        return NotEligible("not_yet_licensed" if coming.by_licence else "too_young", coming.opens, coming.closes)
    # What neither holds nor comes has closed, or closes before the licence opens it.
    closing = [span.closes for span in spans if span.closes]
    return NotEligible("too_old", until=max(closing)) if closing else NotEligible("needs_assessment")


def _span(birth: date, limit: Eligibility) -> _Span:
    of_age = day_of_age(birth, limit.min_age) if limit.min_age else birth
    opens = max(of_age, limit.effective_from or of_age)
    closes = day_of_age(birth, limit.max_age_exclusive) if limit.max_age_exclusive else None
    return _Span(opens, closes, by_licence=opens > of_age)
