"""A rush: many residents race for few places through the real API, and an audit says what came of it.

The residents and the clinic exist for the rehearsal only and are hidden from residents' lists. Every resident retries
with the same key until there is an answer that is final, as the real page does. The verdict is bad when a place was
sold twice, a person holds two, an acknowledged hold is not in PostgreSQL, places were left though people asked, or the
cache disagrees with PostgreSQL after settling.
"""

import asyncio
import json
import os
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
from rich.console import Console
from rich.table import Table

from humiao.auth.tokens import Resident, Tokens
from humiao.booking.cache import Gatekeeper
from humiao.kit.database import Database
from humiao.kit.keys import load_keys
from humiao.kit.sql import statement
from humiao.settings import Settings

CONNECTIONS = 128
PATIENCE_S = 60.0
FINAL = {201, 400, 401, 403, 404, 422}
AGAIN = {"busy", "outcome_unknown", "in_flight"}
QUOTA_UP, QUOTA_DOWN = 50, 20


@dataclass
class Verdict:
    """What the audit found."""

    expected: int
    answers: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    violations: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def granted(self) -> int:
        """Residents told they hold a place."""
        return self.answers["granted"]

    @property
    def good(self) -> bool:
        """Exactly the places there were, and no violation."""
        return self.granted == self.expected and not any(self.violations.values())

    def percentile(self, share: float) -> float:
        """Latency in ms below which `share` of the final answers came."""
        ordered = sorted(self.latencies_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return {
            "good": self.good,
            "expected": self.expected,
            "answers": dict(self.answers),
            "violations": self.violations,
            "seconds": round(self.seconds, 2),
            "p50_ms": round(self.percentile(0.5), 1),
            "p99_ms": round(self.percentile(0.99), 1),
        }


def _city(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((settings.home / "run" / "city.json").read_text(encoding="utf-8"))
    return found


async def run(settings: Settings, *, residents: int, places: int, fault: str, console: Console) -> Verdict:
    """Prepare, race, audit, print; returns the verdict."""
    keys = load_keys(settings.keys_path)
    tokens = Tokens(keys.token_keys, ttl_s=3600)
    connection = await asyncpg.connect(settings.database_url)
    try:
        people = [uuid4() for _ in range(residents)]
        await connection.execute(statement("rush/make_residents"), people)
        row = await connection.fetchrow(
            statement("rush/make_session"), places, datetime.now(UTC) + timedelta(days=1), os.urandom(4).hex()
        )
        verdict = Verdict(expected=min(residents, places + (QUOTA_UP - QUOTA_DOWN if fault == "quota" else 0)))
        told: dict[UUID, str] = {}
        began = time.monotonic()
        racing = asyncio.create_task(_race(settings, tokens, people, row, verdict, told))
        if fault != "none":
            await _when_half_gone(connection, row["window_id"], places)
            await _strike(settings, connection, row, places, fault)
        await racing
        verdict.seconds = time.monotonic() - began
        await _audit(settings, connection, row["session_id"], told, verdict)
    finally:
        await connection.close()
    _print(verdict, residents, places, fault, console)
    return verdict


async def _race(
    settings: Settings, tokens: Tokens, people: list[UUID], row: Any, verdict: Verdict, told: dict[UUID, str]
) -> None:
    url = _city(settings)["url"] + "/api/v1/resident/holds"
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=timeout) as session:

        async def one(person: UUID) -> None:
            headers = {
                "Authorization": "Bearer " + tokens.for_resident(Resident(person, person)),
                "Idempotency-Key": uuid4().hex,
            }
            body = {"person_id": str(person), "window_id": row["window_id"], "stock_id": row["stock_id"]}
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                asked = time.monotonic()
                try:
                    async with session.post(url, json=body, headers=headers) as response:
                        status, answer = response.status, await response.json(content_type=None)
                except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
                    await asyncio.sleep(0.3)
                    continue
                code = "granted" if status == 201 else answer.get("code", str(status))
                if status in FINAL or code not in AGAIN:
                    verdict.answers[code] += 1
                    verdict.latencies_ms.append((time.monotonic() - asked) * 1000)
                    if status == 201:
                        told[person] = answer["hold_id"]
                    return
                await asyncio.sleep(0.5)
            verdict.answers["gave_up"] += 1

        await asyncio.gather(*(one(person) for person in people))


async def _when_half_gone(connection: Any, window_id: int, places: int) -> None:
    for _ in range(3000):
        if await connection.fetchval(statement("rush/taken"), window_id) >= places // 2:
            return
        await asyncio.sleep(0.002)


async def _strike(settings: Settings, connection: Any, row: Any, places: int, fault: str) -> None:
    if fault == "quota":
        for wanted in (places + QUOTA_UP, places + QUOTA_UP - QUOTA_DOWN):
            await connection.execute(statement("rush/set_limits"), row["window_id"], row["stock_id"], wanted)
        return
    pids = _city(settings)["pids"]
    if fault == "valkey":
        shutil.rmtree((settings.home / "valkey").resolve() / "appendonlydir", ignore_errors=True)
        os.kill(pids["valkey"], signal.SIGKILL)
    elif fault == "api":
        os.kill(pids["serve"], signal.SIGKILL)
    else:
        raise ValueError(f"unknown fault {fault}")


async def _audit(settings: Settings, connection: Any, session_id: int, told: dict[UUID, str], verdict: Verdict) -> None:
    row = await connection.fetchrow(
        statement("rush/audit"), session_id, list(told), [UUID(hold_id) for hold_id in told.values()]
    )
    verdict.violations = {name: int(value) for name, value in dict(row).items()}
    assert settings.database_url
    assert settings.redis_url
    database = await Database.connect(settings.database_url, connections=2)
    gatekeeper = Gatekeeper(settings.redis_url, database, permit_ttl_ms=settings.permit_ttl_ms)
    try:
        differs = 1
        deadline = time.monotonic() + 30
        while differs and time.monotonic() < deadline:
            try:
                (state,) = await gatekeeper.read([session_id])
            except ConnectionError:
                state = None
            counters = await connection.fetch(statement("worker/counters_of_sessions"), [session_id])
            truth = {(r["field"], r["free"]) for r in counters}
            if state is not None:
                seen = {(f"w:{w}", free) for w, _, free, _ in state.windows}
                seen |= {(f"q:{w}:{channel}", free) for w, channel, _, free, _ in state.quotas}
                seen |= {(f"v:{s}", free) for s, _, free, _, _ in state.stocks}
                differs = len(truth ^ seen)
            await asyncio.sleep(0 if not differs else 0.3)
        verdict.violations["cache_differs"] = differs
    finally:
        await gatekeeper.close()
        await database.close()


def _print(verdict: Verdict, residents: int, places: int, fault: str, console: Console) -> None:
    table = Table(title=f"抢号演练：{residents} 人抢 {places} 个号，故障 {fault}", show_header=False)
    for code, count in verdict.answers.most_common():
        table.add_row(code, str(count))
    table.add_row("p50 / p99 (ms)", f"{verdict.percentile(0.5):.0f} / {verdict.percentile(0.99):.0f}")
    table.add_row("用时 (s)", f"{verdict.seconds:.1f}")
    for name, count in verdict.violations.items():
        table.add_row(name, f"[{'red' if count else 'green'}]{count}[/]")
    console.print(table)
    console.print(
        "[green]通过[/]" if verdict.good else f"[red]不通过[/]：应占号 {verdict.expected}，实占 {verdict.granted}"
    )
