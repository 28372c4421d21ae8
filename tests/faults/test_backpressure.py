"""A ledger that stands still: the gate turns away at once what it cannot queue, and goes on by itself afterwards."""

import asyncio
import time
from pathlib import Path

import asyncpg

from humiao.embedded.process import free_port
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.factories import make_residents, make_session
from tests.faults.test_gate_leaving import locked
from tests.gates import Answer, Line, gate, holds_of

BOUND, CROWD, LATER = 20, 300, 10
AT_ONCE_S = 0.5  # with the ledger a hold takes its patience of six seconds; a refusal takes none of it
DEPTH, SHED = 'humiao_gate_queue_depth{queue="ledger"}', 'humiao_gate_shed_total{reason="ledger_full"}'


async def timed(line: Line, request: bytes) -> tuple[Answer, float]:
    sent = time.monotonic()
    answer = await line.ask(request)
    return answer, time.monotonic() - sent


async def test_a_ledger_that_stands_still_is_felt_at_the_door(
    settings: Settings, connection: asyncpg.Connection, keys: Keys, tmp_path: Path
) -> None:
    world = await make_session(connection, capacity=BOUND + CROWD + LATER)
    people = await make_residents(connection, keys.vault(), BOUND + CROWD + LATER)
    requests = holds_of(keys, people, world)
    first, crowd, later = requests[:BOUND], requests[BOUND : BOUND + CROWD], requests[BOUND + CROWD :]
    log = tmp_path / "gate.log"
    # Without the pause for who was turned away, which has a test of its own: each line of the crowd asks thirty times.
    bounds = {"gate_ledger_waiting_max": BOUND, "gate_shed_pause_s": 0.001}
    async with gate(settings, port=free_port(), log=log, **bounds) as door:
        lines = [await Line.open(door.port) for _ in range(BOUND)]
        try:
            async with locked(settings, world):
                waiting = [asyncio.create_task(line.ask(request)) for line, request in zip(lines, first, strict=True)]
                reached = asyncio.create_task(door.until(DEPTH, BOUND))
                done, _ = await asyncio.wait([reached, *waiting], return_when=asyncio.FIRST_COMPLETED)
                assert done == {reached}, [task.result() for task in waiting if task.done()]
                others = [await Line.open(door.port) for _ in range(10)]
                refused: list[tuple[Answer, float]] = []
                for start in range(0, CROWD, len(others)):
                    part = crowd[start : start + len(others)]
                    refused += await asyncio.gather(*map(timed, others, part))
                assert await door.metric(DEPTH) == BOUND, "nobody got in, and nobody who was in has been dropped"
                assert not any(task.done() for task in waiting)
            assert [(await task).status for task in waiting] == [201] * BOUND, "whoever was in has a place"
            assert {(answer.status, answer.code) for answer, _ in refused} == {(503, "busy")}
            assert all(int(answer.headers["retry-after"]) >= 1 for answer, _ in refused)
            assert await door.metric(SHED) == CROWD
            durations = [duration for _, duration in refused]
            assert max(durations) < AT_ONCE_S
            assert sum(durations[-100:]) < 5 * sum(durations[:100]) + 0.5, "the last wait no longer than the first"
            assert await door.metric(DEPTH) == 0
            served = [await line.ask(request) for line, request in zip(lines, [*later, *crowd[:LATER]], strict=True)]
            assert {answer.status for answer in served} == {201}, "as soon as the ledger goes on, so does the gate"
        finally:
            for line in lines:
                line.close()
