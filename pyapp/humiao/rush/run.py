"""Runs a rush against the city of a home: prepare, race, let faults happen, audit."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from humiao.auth.generations import read_generations
from humiao.auth.tokens import Tokens
from humiao.kit.keys import load_keys
from humiao.kit.sql import statement
from humiao.rush.audit import audit_cache, audit_ledger
from humiao.rush.faults import Fault, connect_again, when_taken
from humiao.rush.people import make_people, signed
from humiao.rush.residents import Goal, Race, waves_of
from humiao.rush.verdict import Verdict
from humiao.settings import Settings

OnProgress = Callable[[int, int, str], None]
Strike = Callable[[Fault, Goal, int], Awaitable[int]]


async def _nothing(_fault: Fault, _goal: Goal, places: int) -> int:
    return places


async def rehearse(
    settings: Settings,
    url: str,
    *,
    residents: int,
    places: int,
    faults: Sequence[Fault] = (),
    strike: Strike = _nothing,
    on_progress: OnProgress = lambda *_: None,
) -> Verdict:
    """Let `residents` race for `places` at the city's address; returns the verdict.

    `strike(fault, goal, places)` makes a fault happen and returns how many places there are afterwards. Each strikes
    when half of the wave that came last, or of what was left for it, is served.
    `on_progress(done, total, what)` is told of every final answer.
    """
    keys = load_keys(settings.keys_path)
    connection = await asyncpg.connect(settings.database_url)
    try:
        tokens = Tokens(keys.token_keys, ttl_s=3600, generations=await read_generations(connection))
        on_progress(0, residents, "居民 / residents")
        people = await make_people(connection, keys.vault(), residents)
        row = await connection.fetchrow(
            statement("rush/make_session"),
            places, datetime.now(UTC) + timedelta(days=1), os.urandom(4).hex(), "h5", None,
        )  # fmt: skip
        goal = Goal(row["session_id"], row["window_id"], row["stock_id"], row["vaccine_code"])
        verdict = Verdict()
        waves = waves_of(residents, places, len(faults))
        race = Race(url, signed(tokens, people, goal.vaccine_code), goal, verdict, waves)
        began = time.monotonic()
        racing = asyncio.create_task(race.run(lambda: on_progress(verdict.answers.total(), residents, "抢号 / rush")))
        try:
            come = 0
            for fault, wave in zip(faults, waves, strict=False):
                for_wave = max(0, min(places - come, wave))
                await when_taken(str(settings.database_url), goal, min(places, come + (for_wave + 1) // 2))
                come += wave
                places = await strike(fault, goal, places)
                verdict.struck[fault] += 1
                race.let_in()
            told = await racing
            connection.terminate()
            connection = await connect_again(str(settings.database_url))
        finally:
            racing.cancel()
        verdict.expected = min(residents, places)
        verdict.seconds = time.monotonic() - began
        on_progress(residents, residents, "审计 / audit")
        verdict.violations = await audit_ledger(connection, goal.session_id, told)
        verdict.violations["cache_differs"] = await audit_cache(settings, connection, goal.session_id)
    finally:
        await connection.close()
    return verdict
