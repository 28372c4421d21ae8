"""Conditions of rules: comparisons joined by "and", as `when` of the programme data spells them. Pure.

    age >= P3M and age < P4Y and total == 0

`age` is the age on the day in question, `start_age` the age at the first counted dose (or on the day, where there is
none); both are compared with `<` or `>=` to a duration. Every other name is a count and is compared to a whole number.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from humiao.immunizations.durations import Duration, parse_duration

AGES = ("age", "start_age")
_COMPARISON = re.compile(r"([A-Za-z_]\w*)\s*(<=|>=|==|<|>)\s*(\w+)")
_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class When:
    """A condition, made ready: half-open age ranges and comparisons of counts."""

    age_from: Duration | None = None
    age_before: Duration | None = None
    start_from: Duration | None = None
    start_before: Duration | None = None
    counts: tuple[tuple[str, Callable[[int, int], bool], int], ...] = ()


ALWAYS = When()


def parse_when(text: str, known: frozenset[str]) -> When:
    """Read a condition; `known` are the counts a series has. Raises ValueError with what is wrong."""
    ages: dict[str, Duration] = {}
    counts = []
    for part in text.split(" and "):
        match = _COMPARISON.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"not a comparison: {part.strip()!r}")
        name, sign, value = match.groups()
        if name in AGES:
            if sign not in ("<", ">="):
                raise ValueError(f"{name} is compared with < or >=, not {sign}")
            bound = f"{name}{sign}"
            if bound in ages:
                raise ValueError(f"{name} {sign} stands twice")
            ages[bound] = parse_duration(value)
        elif name in known:
            if not value.isdecimal():
                raise ValueError(f"{name} is compared to a whole number, not {value!r}")
            counts.append((name, _OPERATORS[sign], int(value)))
        else:
            raise ValueError(f"{name!r} is none of {', '.join(sorted({*AGES, *known}))}")
    for name in AGES:
        low, high = ages.get(f"{name}>="), ages.get(f"{name}<")
        if low and high and low.rough_days >= high.rough_days:
            raise ValueError(f"no {name} is {low} or above and below {high}")
    return When(ages.get("age>="), ages.get("age<"), ages.get("start_age>="), ages.get("start_age<"), tuple(counts))
