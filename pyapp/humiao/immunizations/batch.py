"""Evaluates many people at once: lines of a file, over several processes, in bounded memory.

A line is one person as JSON: birth_date, sex, doses as [vaccine, date] pairs; residence, conditions, blood_products
where there are any. What comes back is a count of people by series and status; who is behind is for whoever holds the
records to ask one by one.
"""

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import UnknownVaccine, evaluate
from humiao.immunizations.loader import load_edition
from humiao.immunizations.models import Person, Record

CHUNK_LINES = 500
CHUNKS_AHEAD = 2  # for each process: enough to keep it busy, few enough to bound memory

Progress = Callable[[int], None]
Source = tuple[str, str]  # text of an edition, name of its file


@dataclass
class Summary:
    """How many people stand where. `by_status` counts by (series, status)."""

    people: int = 0
    doses: int = 0
    by_status: Counter[tuple[str, str]] = field(default_factory=Counter)
    unread: list[tuple[int, str]] = field(default_factory=list)  # line, why; the first few
    unread_count: int = 0

    def add(self, other: "Summary", unread_max: int = 20) -> None:
        """Take another part in."""
        self.people += other.people
        self.doses += other.doses
        self.by_status.update(other.by_status)
        self.unread_count += other.unread_count
        self.unread = sorted([*self.unread, *other.unread])[:unread_max]


def evaluate_lines(
    lines: Iterable[bytes],
    sources: list[Source],
    on: date,
    *,
    processes: int,
    progress: Progress = lambda _: None,
) -> Summary:
    """Evaluate every line by the programme's series on `on`; `progress` is told how many lines were just done.

    A line that cannot be read is counted and named, and stops nothing. Raises `ProgrammeMistakes` for a bad edition.
    """
    for text, name in sources:
        load_edition(text, name)  # refused here, not in every process
    summary, waiting = Summary(), set[Future[Summary]]()
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawning, initializer=_begin, initargs=(sources, on)) as pool:
        chunks = _chunks(lines)
        for first, chunk in islice(chunks, processes * CHUNKS_AHEAD):
            waiting.add(pool.submit(_evaluate_chunk, first, chunk))
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                part = future.result()
                summary.add(part)
                progress(part.people + part.unread_count)
                following = next(chunks, None)
                if following:
                    waiting.add(pool.submit(_evaluate_chunk, *following))
    return summary


def _chunks(lines: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    source, first = iter(lines), 1
    while chunk := list(islice(source, CHUNK_LINES)):
        yield first, chunk
        first += len(chunk)


@dataclass
class _Held:
    """What a process holds while it works."""

    book: RuleBook
    on: date
    series: frozenset[str]


_held: list[_Held] = []


def _begin(sources: list[Source], on: date) -> None:
    book = RuleBook(load_edition(text, name) for text, name in sources)
    series = frozenset(code for code, one in book.on(on).series.items() if one.kind != "non_programme")
    _held[:] = [_Held(book, on, series)]


def _evaluate_chunk(first: int, chunk: list[bytes]) -> Summary:
    (held,) = _held
    part = Summary()
    for number, line in enumerate(chunk, start=first):
        try:
            person, records = read_line(line)
            states = evaluate(held.book, person, records, held.on, held.series).series
        except (ValueError, KeyError, TypeError, UnknownVaccine) as error:
            part.unread_count += 1
            part.unread.append((number, f"{type(error).__name__}: {error}"))
            continue
        part.people += 1
        part.doses += len(records)
        part.by_status.update((code, state.status.value) for code, state in states.items())
    return part


def read_line(line: bytes) -> tuple[Person, list[Record]]:
    """Read a person and the doses. Raises ValueError, KeyError or TypeError for a line that is none."""
    entry: dict[str, Any] = json.loads(line)
    if entry["sex"] not in ("F", "M"):
        raise ValueError("sex is F or M")
    person = Person(
        birth_date=date.fromisoformat(entry["birth_date"]),
        sex=entry["sex"],
        residence=entry.get("residence", "household"),
        conditions=frozenset(entry.get("conditions", ())),
        blood_products=tuple(date.fromisoformat(day) for day in entry.get("blood_products", ())),
    )
    return person, [Record(vaccine, date.fromisoformat(day)) for vaccine, day in entry["doses"]]
