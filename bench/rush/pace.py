"""The open loop: requests leave when they are due, whatever the answers do (core_rs/booking-gate/examples/pace.rs)."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

from bench.rush.processes import ANYWHERE, ROOT, allow_files, on
from bench.rush.requests import Plan

GRANTED = "201"


@dataclass(frozen=True)
class Pace:
    """What came of a paced load. Times (ms) are from when a request was due, of requests after the lead."""

    due: int
    seconds: float
    broken: int
    unanswered: int
    by_status: dict[str, dict[str, int]]
    p50_ms: float
    p99_ms: float
    granted_p50_ms: float
    granted_p99_ms: float

    @property
    def granted(self) -> int:
        """Answers of 201, of repeats as well."""
        return self.by_status.get(GRANTED, {"count": 0})["count"]


@dataclass(frozen=True)
class Answer:
    """One answer: the request's place in the file, and the hold it names."""

    request: int
    status: int
    took_ms: float
    hold: UUID | None


@cache
def built() -> Path:
    """The tool, built where its sources changed."""
    command = "cargo build --release --locked --quiet -p booking-gate --example pace"
    subprocess.run(command.split(), cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "examples" / "pace"


async def paced(
    tool: Path,
    port: int,
    plan: Plan,
    *,
    rate: int,
    connections: int,
    seconds: int,
    lead: int,
    cpus: Iterable[int],
) -> tuple[Pace, list[Answer]]:
    """Send `rate` requests a second over so many connections; times are of those after `lead` seconds."""
    answers = plan.path.with_suffix(".answers")
    process = await asyncio.create_subprocess_exec(
        *on(cpus), tool, "port", str(port), "requests", plan.path, "rate", str(rate),
        "connections", str(connections), "seconds", str(seconds), "lead", str(lead), "answers", answers,
        stdout=asyncio.subprocess.PIPE, preexec_fn=allow_files,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    told = json.loads(output)
    granted = told["by_status"].get(GRANTED, {}).get("ms", {"p50": 0.0, "p99": 0.0})
    pace = Pace(
        told["due"], told["seconds"], told["broken"], told["unanswered"], told["by_status"],
        told["ms"]["p50"], told["ms"]["p99"], granted["p50"], granted["p99"],
    )  # fmt: skip
    return pace, [answer_of(line) for line in answers.read_text().splitlines()]


def answer_of(line: str) -> Answer:
    """A line of the file of answers."""
    request, status, took_us, hold = line.split()
    return Answer(int(request), int(status), int(took_us) / 1000, None if hold == "-" else UUID(hold))


def faults_of(plan: Plan, pace: Pace, answers: list[Answer], claims: Mapping[UUID, UUID], ids: list[UUID]) -> list[str]:
    """Hold every answer against the ledger (`claims`: hold to person): exact, since each was read."""
    faults = []
    told: dict[int, set[UUID]] = {}
    for answer in answers:
        if answer.status == int(GRANTED):
            assert answer.hold is not None
            told.setdefault(plan.persons[answer.request], set()).add(answer.hold)
    if torn := sum(len(holds) > 1 for holds in told.values()):
        faults.append(f"{torn} persons were told of two holds")
    if lost := sum(claims.get(hold) != ids[person] for person, holds in told.items() for hold in holds):
        faults.append(f"{lost} holds that were told of are not in the ledger")
    untold = len(claims) - len(told)
    # Only who had no answer, or was told that the outcome is not known, may have a hold without having heard of it.
    if untold > pace.unanswered + pace.broken + sum(answer.status == 503 for answer in answers):
        faults.append(f"{untold} holds that nobody was told of")
    return faults


@asynccontextmanager
async def crowd(tool: Path, port: int, *, idle: int, slow: int) -> AsyncIterator[None]:
    """Connections that only sit there, and clients that send a head byte by byte, while the block runs."""
    process = await asyncio.create_subprocess_exec(
        *on(ANYWHERE), tool, "port", str(port), "idle", str(idle), "slow", str(slow),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, preexec_fn=allow_files,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        await process.wait()
