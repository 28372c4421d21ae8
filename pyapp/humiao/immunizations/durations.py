"""Ages and intervals as the programme counts them (immunization-rules.md, C1 to C3). Pure.

Months and years go to the matching calendar day; a missing day becomes the last of its month, so 31 January and a month
is 28 or 29 February, and who was born on 29 February is a year older on 28 February. Days are date differences.
"""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

_PARTS = re.compile(r"P(?:([0-9]{1,3})Y)?(?:([0-9]{1,3})M)?(?:([0-9]{1,3})D)?")
_LONGEST_DAYS = 200 * 366
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Duration:
    """An age or an interval: whole months and days. What is asked of it by the million is worked out once."""

    months: int
    days: int
    key: int = field(init=False, repr=False, compare=False)  # equal for equal durations
    words: str = field(init=False, repr=False, compare=False)  # in Chinese, as a parent reads it
    rough_days: float = field(init=False, repr=False, compare=False)  # good enough to put durations in order
    difference: timedelta = field(init=False, repr=False, compare=False)  # its days

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.months * 100_000 + self.days)
        object.__setattr__(self, "words", _words(self.months, self.days))
        object.__setattr__(self, "rough_days", self.months * 30.4375 + self.days)
        object.__setattr__(self, "difference", timedelta(days=self.days))

    def after(self, start: date) -> date:
        """Return the day on which this much time has passed since `start`."""
        if self.months:
            years, month = divmod(start.month - 1 + self.months, 12)
            year, day = start.year + years, start.day
            if day > 28:
                leap = month == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
                day = min(day, _LENGTHS[month] + leap)
            start = date(year, month + 1, day)
        return start + self.difference if self.days else start

    def __str__(self) -> str:
        years, months = divmod(self.months, 12)
        parts = ((years, "Y"), (months, "M"), (self.days, "D"))
        return "P" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0D")


def _words(months: int, days: int) -> str:
    """28天, 8个月, 18个月, 4周岁, 13周岁6个月."""
    years, rest = divmod(months, 12)
    if days or not months:
        return (f"{months}个月" if months else "") + f"{days}天"
    if years < 3 and rest:
        return f"{months}个月"
    return f"{years}周岁" + (f"{rest}个月" if rest else "")


def parse_duration(text: str) -> Duration:
    """Read an ISO 8601 duration of years, months and days (P28D, P8M, P13Y6M). Raises ValueError for any other text."""
    match = _PARTS.fullmatch(text)
    if match is None or text == "P":
        raise ValueError(f"not a duration of years, months and days: {text!r}")
    years, months, days = (int(part or 0) for part in match.groups())
    duration = Duration(years * 12 + months, days)
    if duration.rough_days > _LONGEST_DAYS:
        raise ValueError(f"longer than anybody lives: {text!r}")
    return duration
