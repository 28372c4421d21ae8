"""The limits on claims, judged: rules and facts in, nothing or a refusal that names the rule and when it ends. Pure.

Days are the city's. Post-exposure rabies is exempt from every rule, whatever the data say: it cannot wait, so a vaccine
of its series is never refused, and a missed dose of it counts against nobody. Where several rules refuse, the one that
lasts longest is told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from humiao.errors import CITY_ZONE

Kind = Literal["no_show", "cancel_deadline", "family_size", "device_accounts", "district"]
Basis = Literal["residence", "work", "either"]
EXEMPT_SERIES = frozenset({"RAB"})  # post-exposure rabies (sql/seed/reference/programme.yaml, CO-5)


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule in force today. `series` None: every vaccine; `until`: the first day without it, None: no end is set.

    Of the numbers those of its kind are set: CHECK claim_limits_numbers.
    """

    code: str
    text_zh: str
    series: str | None = None
    until: date | None = None
    most: int = 0
    within_days: int = 0
    pause_days: int = 0
    before_minutes: int = 0
    districts: frozenset[str] = frozenset()
    basis: Basis | None = None

    def told(self) -> str:
        """The rule in words, with its numbers."""
        text = self.text_zh
        for name in ("most", "within_days", "pause_days", "before_minutes"):
            text = text.replace(f"{{{name}}}", str(getattr(self, name)))
        return text

    def covers(self, series: frozenset[str]) -> bool:
        """Whether the rule is for a vaccine of these series."""
        return not is_exempt(series) and (self.series is None or self.series in series)


@dataclass(frozen=True, slots=True)
class Missed:
    """A reservation that was missed: its day and the series of its vaccine."""

    day: date
    series: frozenset[str]


@dataclass(frozen=True, slots=True)
class Paused:
    """No booking before `until`, the first day on which it is possible again."""

    limit: Limit
    until: date


@dataclass(frozen=True, slots=True)
class Crowded:
    """No new account on a device before `until`, when one of those that count has not been used for long enough."""

    limit: Limit
    until: datetime


@dataclass(frozen=True, slots=True)
class TooLate:
    """Could have been cancelled until `latest`."""

    limit: Limit
    latest: datetime


def is_exempt(series: frozenset[str]) -> bool:
    """Whether no limit may touch a vaccine of these series."""
    return bool(series & EXEMPT_SERIES)


def judge_missed(
    limits: Iterable[Limit], series: frozenset[str], missed: Iterable[Missed], today: date
) -> Paused | None:
    """Whether missed reservations pause the booking of a vaccine of these series today.

    A pause begins with the missed reservation that completes the count and ends `pause_days` after its day, or with the
    rule. A rule for one series counts what was missed of that series alone.
    """
    missed = list(missed)
    pauses = []
    for limit in limits:
        if not limit.covers(series):
            continue
        until = _end_of_pause(limit, sorted(one.day for one in missed if limit.covers(one.series)))
        if until is not None and today < until:
            pauses.append(Paused(limit, until))
    return max(pauses, key=lambda pause: pause.until, default=None)


def _end_of_pause(limit: Limit, days: Sequence[date]) -> date | None:
    """When the last pause ends; `days` in order."""
    for last in range(len(days) - 1, limit.most - 2, -1):
        if (days[last] - days[last - limit.most + 1]).days < limit.within_days:
            end = days[last] + timedelta(days=limit.pause_days)
            return min(end, limit.until) if limit.until else end
    return None


def judge_cancelling(
    limits: Iterable[Limit], series: frozenset[str], starts_at: datetime, now: datetime
) -> TooLate | None:
    """Whether it is too late to cancel or move a reservation; at the latest moment itself it is not."""
    covering = [limit for limit in limits if limit.covers(series)]
    if not covering:
        return None
    limit = max(covering, key=lambda limit: limit.before_minutes)
    latest = starts_at - timedelta(minutes=limit.before_minutes)
    return TooLate(limit, latest) if latest < now else None


def judge_family(limits: Iterable[Limit], people: int) -> Limit | None:
    """Which rule forbids that an account that acts for so many people acts for one more."""
    smallest = min(limits, key=lambda limit: limit.most, default=None)
    return smallest if smallest and people >= smallest.most else None


def judge_device(limits: Iterable[Limit], used: Sequence[datetime], now: datetime) -> Crowded | None:
    """Whether a device makes no new account now; `used`: when each of its accounts logged in there last, newest first.

    Who has an account is never asked: a device may log any number of them in.
    """
    crowded = []
    for limit in limits:
        # The account that has to grow old before there are fewer than `most`.
        ends = [at + timedelta(days=limit.within_days) for at in used[limit.most - 1 : limit.most]]
        crowded += [Crowded(limit, end if limit.until is None else min(end, _midnight(limit.until))) for end in ends]
    return max((one for one in crowded if now < one.until), key=lambda one: one.until, default=None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CITY_ZONE)


def judge_district(
    limits: Iterable[Limit], series: frozenset[str], residence: str | None, work: str | None
) -> Limit | None:
    """Which rule keeps a vaccine of these series for people of other districts; where nothing is declared, it does."""
    for limit in limits:
        asked = {"residence": {residence}, "work": {work}, "either": {residence, work}}[limit.basis or "either"]
        if limit.covers(series) and not asked & limit.districts:
            return limit
    return None
