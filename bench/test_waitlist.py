"""A waitlist of a million: ordered by arrival and by draw, published and verified, its ranks copied and asked."""

import asyncio
import hashlib
import resource
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from bench.conftest import Record
from bench.town import Town
from humiao import _core
from humiao.lottery.models import Entrants, Terms
from humiao.lottery.protocol import commit, draw, seal
from humiao.lottery.published import result_file
from humiao.lottery.verify import verify
from humiao.waitlist.ranks import Page, Ranks

ENTRIES = 1_000_000
PAGE = 50_000
ROUNDS = 5
ASKED = 2000
TIERS = bytes(1 + digest % 3 for digest in hashlib.shake_256(b"tiers").digest(ENTRIES))
# Numbers with gaps, in no order, as many writers leave them.
SEQUENCES = array("Q", (7 * ((i * 48_271) % 1_000_003) + i % 7 for i in range(ENTRIES)))
ROOT = Path(__file__).resolve().parents[1]

# One list in a process of its own: how far ordering it raises the process above what it held before.
WEIGH = """
import sys
from pathlib import Path
from bench import test_waitlist as bench
work = (bench.by_draw if sys.argv[1] == "drawn" else bench.by_arrival)()
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
def kib(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0])
before = kib("VmRSS")
work()
print(kib("VmHWM") - before)
"""


def tickets() -> bytes:
    """A million tickets of twenty letters, one a line."""
    text = hashlib.shake_256(b"tickets").hexdigest(ENTRIES * 10).upper().encode()
    return b"\n".join(text[at : at + 20] for at in range(0, len(text), 20)) + b"\n"


def weigh(what: str) -> int:
    """MiB that ordering a million adds at its highest."""
    command = [sys.executable, "-c", WEIGH, what]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return round(int(told.stdout) / 1024)


def by_arrival() -> Callable[[], bytes]:
    sequences = SEQUENCES.tobytes()
    return lambda: _core.waitlist_order(TIERS, sequences)


def by_draw() -> Callable[[], bytes]:
    column = tickets()
    return lambda: _core.draw_order(bytes(32), TIERS, column)


@pytest.mark.parametrize(("kind", "made"), [("arrived", by_arrival), ("drawn", by_draw)])
def test_a_million_ordered(kind: str, made: Callable[[], Callable[[], bytes]], benchmark: Any, record: Record) -> None:
    work = made()
    cpu_s: list[float] = []

    def ordered() -> None:
        # Seconds of this thread: one core, whoever else is on the machine.
        began = time.thread_time()
        assert len(work()) == 4 * ENTRIES
        cpu_s.append(time.thread_time() - began)

    benchmark.pedantic(ordered, rounds=ROUNDS, warmup_rounds=1)
    median_s = statistics.median(cpu_s[1:])
    record(
        f"a million entries ordered, {kind}",
        core_s=round(median_s, 3), per_s=round(ENTRIES / median_s), memory_mb=weigh(kind),
        rounds_s=[round(s, 3) for s in cpu_s[1:]],
    )  # fmt: skip
    assert median_s <= 1


def test_a_million_published_and_verified(record: Record) -> None:
    terms = Terms("测量", "2026-11-20T18:00:00+08:00", "测量用")
    sealed = seal(terms.campaign, Entrants(TIERS, tickets()))
    began = time.perf_counter()
    data = b"".join(result_file(draw(commit(terms, bytes(32)), sealed, bytes(32), "1 2 3")))
    drawn_s = time.perf_counter() - began
    began = time.perf_counter()
    verdict = verify(data)
    verified_s = time.perf_counter() - began
    assert verdict.sound
    at = data.index(b'"', len(data) // 2) + 3
    changed = verify(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])
    assert [finding.line for finding in changed.findings] == [data.count(b"\n", 0, at) + 1]
    record(
        "a draw of a million, published and verified",
        draw_and_write_s=round(drawn_s, 1), verify_s=round(verified_s, 1), file_mb=round(len(data) / 2**20),
        process_peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    )  # fmt: skip


def test_a_million_ranks_in_valkey(town: Town, loop: asyncio.AbstractEventLoop, benchmark: Any, record: Record) -> None:
    run = loop.run_until_complete
    server = redis.asyncio.Redis.from_url(town.valkey.url)

    async def used() -> int:
        await server.execute_command("MEMORY", "PURGE")
        return int((await server.info("memory"))["used_memory"])

    async def pages() -> AsyncIterator[Page]:
        for at in range(0, ENTRIES, PAGE):
            ids = array("q", range(at + 1, at + 1 + PAGE))
            yield Page("arrived", ids, TIERS[at : at + PAGE], SEQUENCES[at : at + PAGE])

    async def imported() -> tuple[Ranks, _core.Admitter, float, int]:
        admitter = _core.Admitter(town.valkey.url, loop, lambda _: None)
        ranks = Ranks(admitter)
        before = await used()
        began = time.perf_counter()
        assert await ranks.begin(1, 1)
        assert await ranks.copy(1, 1, pages())
        return ranks, admitter, time.perf_counter() - began, await used() - before

    ranks, admitter, import_s, grown = run(imported())
    order = memoryview(_core.waitlist_order(TIERS, SEQUENCES.tobytes())).cast("I")
    places = [at * (ENTRIES // ASKED) for at in range(ASKED)]
    asked_s: list[float] = []

    async def ask() -> None:
        for place in places:
            entry = order[place] + 1
            began = time.perf_counter()
            answer = await ranks.rank(1, [entry])
            asked_s.append(time.perf_counter() - began)
            assert answer and answer[0] and answer[0].ahead == place
            assert answer[0].next == order[place + 1] + 1

    benchmark.pedantic(lambda: run(ask()), rounds=3)
    run(ranks.forget(1))
    admitter.close()
    run(server.aclose())
    asked_s.sort()
    record(
        "ranks of a million in Valkey",
        import_s=round(import_s, 1), bytes_per_entry=round(grown / ENTRIES),
        rank_with_neighbours_median_ms=round(statistics.median(asked_s) * 1000, 3),
        rank_with_neighbours_p99_ms=round(asked_s[len(asked_s) * 99 // 100] * 1000, 3),
    )  # fmt: skip
    assert import_s < 60
    assert statistics.median(asked_s) <= 0.001
