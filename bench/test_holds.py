"""Committed holds: the engine, which commits them in groups, against one transaction for each. Rounds alternate."""

import asyncio
import time
from typing import Any

import pytest

from bench.conftest import Record, median_rate
from bench.peers import OneTransactionPerHold
from bench.town import Spot, Town, together, wish_of

PLACES = 100_000  # beyond what is asked for, so that nobody is refused
ENGINE_HOLDS, PEER_HOLDS = 16_000, 1500
ROUNDS = 5  # after one that warms plans and caches
AT_A_TIME = 1024  # requests that wait for an answer at a time


@pytest.mark.parametrize("windows", [1, 20])
def test_group_commit_against_one_transaction_per_hold(
    windows: int, town: Town, loop: asyncio.AbstractEventLoop, benchmark: Any, record: Record
) -> None:
    run = loop.run_until_complete
    spots: list[Spot] = run(town.spots(windows, PLACES))
    running = run(town.engine())
    run(running.engine.load([spot.session_id for spot in spots]))
    run(town.sql.execute("DROP SCHEMA IF EXISTS peer CASCADE"))
    peer = run(OneTransactionPerHold.open(town.postgres.url, spots, PLACES))
    ours_s: list[float] = []
    peers_s: list[float] = []

    def peer_round() -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A round of the peer before each of ours; makes the wishes of ours."""
        people = run(town.residents(PEER_HOLDS))
        jobs = [lambda p=p, s=spots[i % windows]: peer.hold(p, s) for i, p in enumerate(people)]
        began = time.perf_counter()
        answers = run(together(jobs, AT_A_TIME))
        peers_s.append(time.perf_counter() - began)
        assert all(isinstance(answer, dict) for answer in answers)
        people = run(town.residents(ENGINE_HOLDS))
        return ([wish_of(p, spots[i % windows]) for i, p in enumerate(people)],), {}

    def our_round(wishes: list[Any]) -> None:
        jobs = [lambda w=w: running.engine.hold(w) for w in wishes]
        began = time.perf_counter()
        answers = run(together(jobs, AT_A_TIME))
        ours_s.append(time.perf_counter() - began)
        assert all(isinstance(answer, dict) for answer in answers)

    benchmark.pedantic(our_round, setup=peer_round, warmup_rounds=1, rounds=ROUNDS)
    ours_s, peers_s = ours_s[1:], peers_s[1:]

    committed = run(
        town.sql.fetchval("SELECT count(*) FROM claims WHERE window_id = ANY ($1)", [s.window_id for s in spots])
    )
    assert committed == (1 + ROUNDS) * ENGINE_HOLDS
    run(running.close())
    run(peer.close())
    ours, peers = median_rate(ENGINE_HOLDS, ours_s), median_rate(PEER_HOLDS, peers_s)
    record(
        f"committed holds, {windows} windows",
        engine_per_s=ours, one_transaction_per_hold_per_s=peers, ratio=round(ours / peers, 1),
        engine_rounds_s=[round(s, 3) for s in ours_s], peer_rounds_s=[round(s, 3) for s in peers_s],
    )  # fmt: skip
    assert ours >= 5 * peers
