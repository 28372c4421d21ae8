"""The rules engine: one person, and a city's worth of children over two processes."""

import multiprocessing
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bench.children import children
from bench.conftest import Record as Keep
from humiao.immunizations.batch import Summary, evaluate_lines, read_line
from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.service import PROGRAMME, read_edition

ON = date(2026, 11, 24)
CHILDREN, SAMPLE = 100_000, 1_000
PROCESSES = 2
PERSON_MS_MAX, CHILDREN_S_MAX, MEMORY_MB_MAX = 1.0, 60.0, 1024


def test_one_person(benchmark: Any, record: Keep) -> None:
    book = RuleBook([read_edition()])
    people = [read_line(line) for line in children(SAMPLE, ON)]
    programme = frozenset(code for code, series in book.on(ON).series.items() if series.kind != "non_programme")
    spent_ms: list[float] = []

    def everybody() -> None:
        for person, records in people:
            began = time.perf_counter()
            evaluate(book, person, records, ON, programme)
            spent_ms.append((time.perf_counter() - began) * 1000)

    benchmark.pedantic(everybody, rounds=5, warmup_rounds=1)
    median, p99 = statistics.median(spent_ms), statistics.quantiles(spent_ms, n=100)[98]
    doses = statistics.mean(len(records) for _, records in people)
    record("one person by the rules", median_ms=round(median, 3), p99_ms=round(p99, 3), doses_mean=round(doses, 1))
    assert median <= PERSON_MS_MAX


@dataclass(frozen=True)
class Evaluated:
    """A file evaluated: seconds on the clock and of processors, and the most memory of all processes at once."""

    summary: Summary
    seconds: float
    cpu_s: float
    memory_mb: float


def evaluated(file: Path) -> Evaluated:
    """Evaluate a file of children. Run in a process of its own: what a process ever held and ran stays in its usage."""
    sources = [(PROGRAMME.read_text(encoding="utf-8"), PROGRAMME.name)]
    began = time.perf_counter()
    with file.open("rb") as lines:
        summary = evaluate_lines(lines, sources, ON, processes=PROCESSES)
    seconds = time.perf_counter() - began
    here, workers = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    memory_kb = here.ru_maxrss + PROCESSES * workers.ru_maxrss  # the largest child, as often as there are children
    return Evaluated(summary, seconds, workers.ru_utime + workers.ru_stime, memory_kb / 1024)


def test_a_city_of_children(tmp_path: Path, benchmark: Any, record: Keep) -> None:
    file = tmp_path / "children.jsonl"
    file.write_bytes(b"".join(children(CHILDREN, ON)))

    def everybody() -> Evaluated:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as afresh:
            return afresh.submit(evaluated, file).result()

    done = benchmark.pedantic(everybody, rounds=1)
    record(
        "children evaluated by the rules",
        children=done.summary.people, seconds=round(done.seconds, 1), cpu_s=round(done.cpu_s, 1), processes=PROCESSES,
        memory_mb=round(done.memory_mb),
    )  # fmt: skip
    assert (done.summary.people, done.summary.unread_count) == (CHILDREN, 0)
    assert done.seconds <= CHILDREN_S_MAX
    assert done.memory_mb <= MEMORY_MB_MAX
