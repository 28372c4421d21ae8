"""The rules engine: one person, and a city's worth of children over two processes."""

import resource
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

from bench.children import children
from bench.conftest import Record as Keep
from humiao.immunizations.batch import evaluate_lines, read_line
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


def test_a_city_of_children(tmp_path: Path, benchmark: Any, record: Keep) -> None:
    file = tmp_path / "children.jsonl"
    file.write_bytes(b"".join(children(CHILDREN, ON)))
    sources = [(PROGRAMME.read_text(encoding="utf-8"), PROGRAMME.name)]

    def everybody() -> Any:
        with file.open("rb") as lines:
            return evaluate_lines(lines, sources, ON, processes=PROCESSES)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    summary = benchmark.pedantic(everybody, rounds=1)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    here_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    memory_mb = here_mb + PROCESSES * after.ru_maxrss / 1024  # the largest child, as often as there are children
    record(
        "children evaluated by the rules",
        children=summary.people, seconds=round(seconds, 1), cpu_s=round(cpu_s, 1), processes=PROCESSES,
        memory_mb=round(memory_mb),
    )  # fmt: skip
    assert (summary.people, summary.unread_count) == (CHILDREN, 0)
    assert seconds <= CHILDREN_S_MAX
    assert memory_mb <= MEMORY_MB_MAX
