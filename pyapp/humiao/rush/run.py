"""Runs a rush against the city of a home: prepare, race, let the fault happen, audit."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from humiao.auth.tokens import Tokens
from humiao.kit.keys import load_keys
from humiao.kit.sql import statement
from humiao.rush.audit import audit_cache, audit_ledger
from humiao.rush.faults import Fault, strike, when_half_gone
from humiao.rush.people import make_people
from humiao.rush.residents import Goal, race
from humiao.rush.verdict import Verdict
from humiao.settings import Settings


async def rehearse(
    settings: Settings, city: dict[str, Any], *, residents: int, places: int, fault: Fault = "none"
) -> Verdict:
    """Let `residents` race for `places` in a running city ({url, pids}); returns the verdict."""
    keys = load_keys(settings.keys_path)
    tokens = Tokens(keys.token_keys, ttl_s=3600)
    connection = await asyncpg.connect(settings.database_url)
    try:
        people = await make_people(connection, keys.vault(), residents)
        row = await connection.fetchrow(
            statement("rush/make_session"), places, datetime.now(UTC) + timedelta(days=1), os.urandom(4).hex()
        )
        goal = Goal(row["session_id"], row["window_id"], row["stock_id"])
        verdict = Verdict()
        began = time.monotonic()
        racing = asyncio.create_task(race(city["url"], tokens, people, goal, verdict))
        if fault != "none":
            await when_half_gone(connection, goal, places)
            places = await strike(fault, settings, city, connection, goal, places)
        told = await racing
        verdict.expected = min(residents, places)
        verdict.seconds = time.monotonic() - began
        verdict.violations = await audit_ledger(connection, goal.session_id, told)
        verdict.violations["cache_differs"] = await audit_cache(settings, connection, goal.session_id)
    finally:
        await connection.close()
    return verdict
