"""Asking Valkey who may try: our client, which sends whatever queued as one call, against redis-py calling the same
function once for each request. One process each, the same sessions and as many requests waiting. Rounds alternate."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import redis.asyncio

from bench.conftest import Record, median_rate
from bench.town import Spot, Town, together
from humiao.booking.models import Place

SESSIONS, PLACES = 20, 100_000
ADMITS, PEER_ADMITS = 40_000, 10_000
ROUNDS = 5
AT_A_TIME = 512
PERMIT_TTL_MS = 10_000


def permits(count: int, spots: list[Spot]) -> list[tuple[str, Spot]]:
    return [(f"{uuid4().hex}:{spots[i % len(spots)].stock_id}", spots[i % len(spots)]) for i in range(count)]


def test_batched_admits_against_redis_py(
    town: Town, loop: asyncio.AbstractEventLoop, benchmark: Any, record: Record
) -> None:
    run = loop.run_until_complete
    spots: list[Spot] = run(town.spots(SESSIONS, PLACES))
    running = run(town.engine())
    gatekeeper = running.gatekeeper
    run(gatekeeper.load([spot.session_id for spot in spots]))
    peer = redis.asyncio.Redis.from_url(town.valkey.url, max_connections=AT_A_TIME)
    ours_s: list[float] = []
    peers_s: list[float] = []

    async def peer_admit(permit: str, spot: Spot) -> bytes:
        fields = [f"w:{spot.window_id}", f"q:{spot.window_id}:h5", f"v:{spot.stock_id}", f"p:{permit}"]
        keys = [f"hm:{{{spot.session_id}}}:state", f"hm:{{{spot.session_id}}}:permits"]
        answers = await peer.fcall("humiao_admit_runs", 2, *keys, str(PERMIT_TTL_MS), "1", "1", *fields)
        return answers[0]

    def peer_round() -> tuple[tuple[Any, ...], dict[str, Any]]:
        jobs = [lambda p=p, s=s: peer_admit(p, s) for p, s in permits(PEER_ADMITS, spots)]
        began = time.perf_counter()
        answers = run(together(jobs, AT_A_TIME))
        peers_s.append(time.perf_counter() - began)
        assert set(answers) == {b"granted"}
        return (permits(ADMITS, spots),), {}

    def our_round(asked: list[tuple[str, Spot]]) -> None:
        places = {s.session_id: Place(s.session_id, s.window_id, "h5", s.stock_id) for s in spots}
        jobs = [lambda p=p, s=s: gatekeeper.admit(places[s.session_id], p) for p, s in asked]
        began = time.perf_counter()
        answers = run(together(jobs, AT_A_TIME))
        ours_s.append(time.perf_counter() - began)
        assert {outcome for outcome, _ in answers} == {"granted"}

    benchmark.pedantic(our_round, setup=peer_round, rounds=ROUNDS)

    run(peer.aclose())
    run(running.close())
    ours, peers = median_rate(ADMITS, ours_s), median_rate(PEER_ADMITS, peers_s)
    record(
        "admits through one process",
        batched_client_per_s=ours, redis_py_per_s=peers, ratio=round(ours / peers, 1),
        client_rounds_s=[round(s, 3) for s in ours_s], peer_rounds_s=[round(s, 3) for s in peers_s],
    )  # fmt: skip
    assert ours >= 3 * peers
