"""Reads typed fields out of YAML and names file and line of whatever is wrong. Pure: takes text, opens nothing.

YAML's own loader forgets where a value stood and lets a key stand twice; this one reads the nodes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

import yaml

from humiao.immunizations.durations import Duration, parse_duration

# libyaml reads ten times faster where it was built in.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong on a line (counted from 1)."""

    line: int
    problem: str


class ProgrammeMistakes(ValueError):
    """The programme data is refused; the text has a line `file:line: problem` for every mistake found."""

    def __init__(self, file: str, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(f"{file}:{mistake.line}: {mistake.problem}" for mistake in self.mistakes))


class WrongField(ValueError):
    """One mistake on its way to the list."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.mistake = Mistake(line, problem)


class Mistakes:
    """Collects mistakes, so that one reading finds them all."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Note the mistake of a part and go on behind it."""
        try:
            yield
        except WrongField as wrong:
            self.found.append(wrong.mistake)

    def note(self, line: int, problem: str) -> None:
        """Note a mistake."""
        self.found.append(Mistake(line, problem))


def read_document(text: str, file: str) -> "Entry":
    """Parse one YAML document whose top is a mapping. Raises `ProgrammeMistakes` where it is none."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        # What is opened and never closed is noticed far behind; it is to be mended where it was opened.
        opened = error.context_mark if "flow" in (error.context or "") else None
        mark = opened or error.problem_mark or error.context_mark
        problem = f"not YAML: {error.problem or error.context}"
        raise ProgrammeMistakes(file, [Mistake(mark.line + 1 if mark else 1, problem)]) from None
    except yaml.YAMLError as error:
        raise ProgrammeMistakes(file, [Mistake(1, f"not YAML: {error}")]) from None
    try:
        return Value(node, "the document").entry() if node else _raise(1, "the document is empty")
    except WrongField as wrong:
        raise ProgrammeMistakes(file, [wrong.mistake]) from None


def _raise(line: int, problem: str) -> Any:
    raise WrongField(line, problem)


class Value:
    """A value of the document with its line; each method returns it as one type or raises `WrongField`."""

    def __init__(self, node: yaml.Node, name: str) -> None:
        self.node = node
        self.name = name
        self.line: int = node.start_mark.line + 1

    def wrong(self, problem: str) -> WrongField:
        """Name what is wrong with this value."""
        return WrongField(self.line, f"{self.name} {problem}")

    def entry(self) -> "Entry":
        """A mapping."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("must be a mapping")
        return Entry(self.node, self.name)

    def items(self) -> list["Value"]:
        """A list with at least one item."""
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise self.wrong("must be a list with at least one item")
        return [Value(item, self.name) for item in self.node.value]

    def _scalar(self) -> tuple[str, str]:
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("must be a single value")
        return self.node.value, self.node.tag.removeprefix("tag:yaml.org,2002:")

    def is_null(self) -> bool:
        """Whether it is null."""
        return isinstance(self.node, yaml.ScalarNode) and self._scalar()[1] == "null"

    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    def text(self) -> str:
        """A text that is not blank."""
        value, tag = self._scalar()
        if tag != "str" or not value.strip():
            raise self.wrong(f"must be a text, not {value!r}")
        return value

    def one_of(self, allowed: Any) -> Any:
        """A text that is one of a Literal's values or of a collection."""
        value = self.text()
        choices = get_args(allowed) or tuple(allowed)
        if value not in choices:
            raise self.wrong(f"{value!r} is none of {', '.join(sorted(map(str, choices)))}")
        return value

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value, tag = self._scalar()
        if tag != "int" or not value.lstrip("-").isdecimal() or not low <= int(value) <= high:
            raise self.wrong(f"must be a whole number {low} to {high}, not {value!r}")
        return int(value)

    def flag(self) -> bool:
        """True or false."""
        value, tag = self._scalar()
        if tag != "bool":
            raise self.wrong(f"must be true or false, not {value!r}")
        return value.lower() in ("true", "yes", "on")

    def day(self) -> date:
        """A calendar date, YYYY-MM-DD."""
        value, _ = self._scalar()
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise self.wrong(f"must be a date like 2026-06-17, not {value!r}") from None

    def duration(self) -> Duration:
        """An ISO 8601 duration."""
        value, _ = self._scalar()
        try:
            return parse_duration(value)
        except ValueError as error:
            raise self.wrong(f"is {error}") from None

    def names(self) -> tuple[str, ...]:
        """A list of different texts, at least one."""
        names = tuple(item.text() for item in self.items())
        if len(set(names)) != len(names):
            raise self.wrong(f"names something twice: {', '.join(names)}")
        return names


class Entry:
    """A mapping of the document."""

    def __init__(self, node: yaml.MappingNode, name: str) -> None:
        self.line: int = node.start_mark.line + 1
        self.name = name
        self.fields: dict[str, Value] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise WrongField(line, f"{name}: a key must be a single value")
            if key.value in self.fields:
                raise WrongField(line, f"{name}: {key.value} stands twice")
            self.fields[key.value] = Value(value, f"{name}.{key.value}" if name != "the document" else key.value)

    def named(self, name: str) -> "Entry":
        """Call it by a better name in what is told about it."""
        for key, value in self.fields.items():
            value.name = f"{name}.{key}"
        self.name = name
        return self

    def wrong(self, problem: str) -> WrongField:
        """Name what is wrong with this mapping."""
        return WrongField(self.line, f"{self.name}: {problem}")

    def get(self, field: str) -> Value | None:
        """A field, or None where it is absent or null."""
        value = self.fields.get(field)
        return None if value is None or value.is_null() else value

    def need(self, field: str) -> Value:
        """A field that must be there."""
        value = self.fields.get(field)
        if value is None:
            raise self.wrong(f"{field} is missing")
        return value

    def only(self, allowed: frozenset[str]) -> None:
        """Refuse a key that means nothing here: mostly one that is misspelled."""
        for key, value in self.fields.items():
            if key not in allowed:
                raise WrongField(value.line, f"{self.name}: {key} is not known here")

    def duration(self, field: str) -> Duration | None:
        """A duration, or None where the field is absent."""
        value = self.get(field)
        return value.duration() if value else None

    def day(self, field: str) -> date | None:
        """A date, or None where the field is absent."""
        value = self.get(field)
        return value.day() if value else None
