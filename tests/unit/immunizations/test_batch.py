"""Many people at once: the same answers as one by one, and a bad line stops nothing."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from humiao.cli.immunizations import app
from humiao.immunizations.batch import CHUNK_LINES, CHUNKS_AHEAD, evaluate_lines, read_line
from humiao.immunizations.reading import ProgrammeMistakes
from humiao.immunizations.service import PROGRAMME, shipped_text
from tests.unit.immunizations.histories import BOOK, evaluate
from tests.unit.immunizations.histories import PROGRAMME as SERIES

ON = date(2026, 11, 24)
SOURCES = [(shipped_text(), "programme.yaml")]


def line(n: int) -> bytes:
    born = date(2020 + n % 6, 1 + n % 12, 1 + n % 28)
    doses = [["HepB", born.isoformat()], ["BCG", born.isoformat()], ["MMR", date(born.year + 1, 9, 9).isoformat()]]
    return json.dumps({"birth_date": born.isoformat(), "sex": "FM"[n % 2], "doses": doses[: n % 4]}).encode()


GOOD = [line(n) for n in range(1200)]
BAD = [b"{", b'{"birth_date": "2024-02-30", "sex": "F", "doses": []}', b'{"sex": "F"}', b"[]",
       b'{"birth_date": "2024-02-28", "sex": "X", "doses": []}',
       b'{"birth_date": "2024-02-28", "sex": "F", "doses": [["NOTHING", "2024-03-01"]]}']  # fmt: skip


def test_it_counts_as_one_by_one_would() -> None:
    one_by_one: Counter[tuple[str, str]] = Counter()
    for text in GOOD:
        person, records = read_line(text)
        states = evaluate(BOOK, person, records, ON, SERIES).series
        one_by_one.update((code, state.status.value) for code, state in states.items())
    done: list[int] = []
    summary = evaluate_lines(GOOD, SOURCES, ON, processes=2, progress=done.append)
    assert summary.by_status == one_by_one
    assert (summary.people, summary.unread_count, sum(done)) == (len(GOOD), 0, len(GOOD))


def test_a_line_that_is_none_is_named_and_stops_nothing() -> None:
    summary = evaluate_lines([*GOOD[:3], *BAD, *GOOD[3:5]], SOURCES, ON, processes=1)
    assert (summary.people, summary.unread_count) == (5, len(BAD))
    assert [number for number, _ in summary.unread] == list(range(4, 4 + len(BAD)))


def test_no_lines_are_no_people() -> None:
    assert evaluate_lines([], SOURCES, ON, processes=2).people == 0


def test_a_bad_edition_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(ProgrammeMistakes):
        evaluate_lines(GOOD, [(shipped_text().replace("grace_days: 0 ", "grace_days: x "), "p")], ON, processes=2)


def test_the_command_checks_and_evaluates(tmp_path: Path) -> None:
    run = CliRunner().invoke
    good = run(app, ["check", str(PROGRAMME)])
    assert good.exit_code == 0
    assert "CN-SH-2026.1" in good.output
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(shipped_text().replace("grace_days: 0 ", "grace_days: x "), encoding="utf-8")
    refused = run(app, ["check", str(wrong)])
    assert refused.exit_code == 1
    assert "wrong.yaml:" in refused.output
    people = tmp_path / "people.jsonl"
    people.write_bytes(b"\n".join(GOOD[:20]) + b"\n")
    told = run(app, ["evaluate", str(people), "--on", "2026-11-24", "--processes", "1"])
    assert told.exit_code == 0, told.output
    assert "20 人" in told.output
    people.write_bytes(b"\n".join([*GOOD[:2], BAD[0]]) + b"\n")
    told = run(app, ["evaluate", str(people), "--on", "2026-11-24", "--processes", "1"])
    assert told.exit_code == 1
    assert "people.jsonl:3:" in told.output


def test_no_more_lines_are_held_than_there_is_work_for() -> None:
    """What is read and not yet counted is bounded, however long the file: memory does not grow with it."""
    processes, read, counted = 2, 0, 0
    ahead = 0

    def lines() -> Iterator[bytes]:
        nonlocal read, ahead
        for n in range(8_000):
            read += 1
            ahead = max(ahead, read - counted)
            yield GOOD[n % len(GOOD)]

    def done(people: int) -> None:
        nonlocal counted
        counted += people

    summary = evaluate_lines(lines(), SOURCES, ON, processes=processes, progress=done)
    assert summary.people == 8_000
    assert ahead <= (processes * CHUNKS_AHEAD + 1) * CHUNK_LINES < 8_000
