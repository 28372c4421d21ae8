"""Runs a rush against the city of a home: prepare, race, let the fault happen, audit."""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from humiao.auth.tokens import Tokens
from humiao.kit.keys import load_keys
from humiao.kit.sql import statement
from humiao.rush.audit import audit_cache, audit_ledger
from humiao.rush.faults import Fault, strike, when_half_gone
from humiao.rush.people import make_people
from humiao.rush.residents import Goal, Race
from humiao.rush.verdict import Verdict
from humiao.settings import Settings

OnProgress = Callable[[int, int, str], None]


async def rehearse(
    settings: Settings,
    city: dict[str, Any],
    *,
    residents: int,
    places: int,
    fault: Fault = "none",
    on_progress: OnProgress = lambda *_: None,
) -> Verdict:
    """Let `residents` race for `places` in a running city ({url, pids}); returns the verdict.

    `on_progress(done, total, what)` is told of every final answer.
    """
    keys = load_keys(settings.keys_path)
    tokens = Tokens(keys.token_keys, ttl_s=3600)
    connection = await asyncpg.connect(settings.database_url)
    try:
        on_progress(0, residents, "居民 / residents")
        people = await make_people(connection, keys.vault(), residents)
        row = await connection.fetchrow(
            statement("rush/make_session"), places, datetime.now(UTC) + timedelta(days=1), os.urandom(4).hex()
        )
        goal = Goal(row["session_id"], row["window_id"], row["stock_id"])
        verdict = Verdict()
        race = Race(city["url"], tokens, goal, verdict)
        began = time.monotonic()
        racing = asyncio.create_task(
            race.run(people, lambda: on_progress(verdict.answers.total(), residents, "抢号 / rush"))
        )
        try:
            await when_half_gone(connection, goal, min(places, residents // 2))
            places = await strike(fault, settings, city, connection, goal, places)
            race.struck.set()
            told = await racing
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
