"""Reads the worked cases: tables written by hand from the rules, one thought a row."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from humiao.immunizations.models import Person, Reason, Record, SeriesState, Status

FOLDER = Path(__file__).parent / "cases"
WORDS = ("dose", "from", "best", "late", "counted", "with", "needs", "bad", "doctor")


@dataclass(frozen=True)
class Case:
    """One row: who, which doses, asked on which day, and what is expected of which series."""

    id: str
    person: Person
    records: tuple[Record, ...]
    on: date
    expected: dict[str, str]
    why: str


@dataclass
class Expected:
    """An expectation, word by word: what is not said is not compared."""

    status: str
    said: dict[str, Any] = field(default_factory=dict)
    bad: dict[str, set[str]] = field(default_factory=dict)
    doctor: set[str] = field(default_factory=set)


def read_cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.yaml")) for case in _of_file(path)]


def _of_file(path: Path) -> list[Case]:
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [_case(row, table["series"]) for row in table["cases"]]


def _case(row: list[Any], series: str) -> Case:
    name, born, doses, on, expected, why, *more = row
    about = more[0] if more else {}
    person = Person(
        birth_date=born,
        sex=about.get("sex", "F"),
        residence=about.get("residence", "household"),
        conditions=frozenset(about.get("conditions", ())),
        blood_products=tuple(about.get("blood", ())),
    )
    parts = [part.strip() for part in expected.split("|")]
    named = dict(part.split(": ", 1) if ": " in part else (series, part) for part in parts)
    return Case(name, person, tuple(_records(doses)), on, named, why)


def _records(text: str) -> list[Record]:
    pairs = [one.split() for one in text.split(",") if one.strip()]
    return [Record(code.rstrip("*"), date.fromisoformat(day), campaign=code.endswith("*")) for code, day in pairs]


def parse_expected(text: str) -> Expected:
    words = text.split()
    expected = Expected(Status(words[0]).value)
    position = 1
    while position < len(words):
        word = words[position]
        assert word in WORDS, f"{word!r} is no word of a case"
        if word == "bad":
            reasons = {Reason(reason).value for reason in words[position + 2].split("+")}
            expected.bad[words[position + 1]] = reasons
            position += 3
            continue
        if word == "doctor":
            expected.doctor.add(words[position + 1])
        else:
            expected.said[word] = words[position + 1]
        position += 2
    return expected


def found(state: SeriesState, expected: Expected) -> Expected:
    """What the engine said, in the words of the expectation."""
    words: dict[str, Any] = {
        "dose": str(state.next_dose),
        "from": str(state.earliest),
        "best": str(state.recommended),
        "late": str(state.overdue),
        "counted": str(state.counted),
        "with": "/".join(option.vaccine for option in state.products),
        "needs": state.requires or "none",
    }
    bad = {str(d.given_on): {r.value for r in d.reasons} for d in state.doses if d.valid is False}
    doctor = {str(d.given_on) for d in state.doses if d.valid is None}
    return Expected(state.status.value, {word: words[word] for word in expected.said}, bad, doctor)
