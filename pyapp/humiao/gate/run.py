"""The gate's process: `humiao gate`. The listener in Rust, the ledger's side here, and what keeps both in step."""

import asyncio
import contextlib
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog

from humiao import _core
from humiao.auth.generations import Generations
from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import PATIENCE_S, Ledger
from humiao.booking.meters import CacheMeters
from humiao.errors import PROBLEMS, Refusal, problem_body
from humiao.gate.desk import Desk
from humiao.gate.rooms import RoomFollower
from humiao.kit.database import Database, session_settings
from humiao.kit.garbage import calm_down
from humiao.kit.keys import Keys, load_keys
from humiao.kit.logs import configure_logs
from humiao.kit.loops import every
from humiao.kit.meters import PoolMeters, new_registry, text_without_end
from humiao.kit.sql import statement
from humiao.large import LARGE_BODIES
from humiao.main import addresses
from humiao.settings import Settings

log = structlog.get_logger(__name__)
CLOCK_PAUSE_S = 5.0
CLOCK_SAMPLES = 5
KEYS_PAUSE_S = 2.0
METRICS_PAUSE_S = 2.0
ROOMS_PAUSE_S = 0.3
ROOM_REPORTS_PAUSE_S = 2.0
DRIFT_MS = 2  # how far two clocks part between two measurements, at most
FILES_WANTED = 65_536


def vocabulary() -> list[tuple[str, int, str, str]]:
    """Every problem, rendered: (code, status, JSON up to where `retry_at` goes, the members after it)."""
    rendered = []
    for code in PROBLEMS:
        status, first = problem_body(Refusal(code))
        steps = first.pop("next_steps", None)
        tail = "" if steps is None else ',"next_steps":' + orjson.dumps(steps).decode()
        rendered.append((code, status, orjson.dumps(first).decode()[:-1], tail))
    return rendered


def gate_options(settings: Settings) -> dict[str, Any]:
    """The settings of the listener, by its names."""
    return {
        "listen": f"{settings.http_host}:{settings.http_port}",
        "admin": settings.admin,
        "upstream": settings.upstream,
        "threads": settings.gate_threads,
        "channel": settings.gate_channel,
        "lanes": settings.ledger_lanes,
        "trusted_proxies": settings.trusted_proxies,
        "account_rate": (settings.account_per_s, settings.account_burst),
        "device_rate": (settings.device_per_s, settings.device_burst),
        "address_rate": (settings.address_per_s, settings.address_burst),
        "limit_penalty_s": settings.limit_penalty_s if settings.share_limits else None,
        "connections_max": settings.gate_connections_max,
        "admit_waiting_max": settings.gate_admit_waiting_max,
        "ledger_waiting_max": settings.gate_ledger_waiting_max,
        "lookups_waiting_max": settings.gate_lookups_waiting_max,
        "upstream_max": settings.gate_upstream_max,
        "uploads_max": settings.gate_uploads_max,
        "answers_max": settings.gate_answers_max,
        "streams_max": settings.gate_streams_max,
        "slow_path_max": settings.slow_path_limit,
        "body_bytes_max": settings.max_body_bytes,
        "large_bodies": [(beginning, large.bytes_max) for beginning, large in LARGE_BODIES.items()],
        "head_timeout_s": settings.gate_head_timeout_s,
        "body_timeout_s": settings.gate_body_timeout_s,
        "shed_pause_s": settings.gate_shed_pause_s,
        "hold_deadline_s": settings.gate_hold_deadline_s,
        "upstream_timeout_s": settings.gate_upstream_timeout_s,
        "full_retry_s": settings.full_retry_s,
        "snapshot_renewed_after_s": settings.gate_renew_s,
        "snapshot_trusted_for_s": settings.gate_trust_s,
        "facts_trusted_for_s": settings.gate_facts_s,
        "sessions_max": settings.gate_sessions_max,
        "permit_ttl_ms": settings.permit_ttl_ms,
        "drain_s": settings.gate_drain_s,
    }


def ledger_options(settings: Settings) -> dict[str, Any]:
    """The way of holds to the ledger: the address, what connections are told, the statement, how batches are made."""
    database_url, _ = addresses(settings)
    return {
        "url": database_url,
        "application": "humiao gate",
        "settings": session_settings(generic_plans=True),
        "statement": statement("booking/hold_many"),
        "hold_ttl_ms": settings.hold_ttl_s * 1000,
        "batch_max": settings.ledger_batch_max,
        "patience_s": PATIENCE_S,
    }


def raise_file_limit() -> None:
    """As many connections as the system allows this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def measure_clock(database: Database) -> tuple[int, int]:
    """(the database's clock in ms as of now, how far that may be off in ms): the quickest of some questions."""
    best: tuple[float, float] | None = None  # (round trip, database minus steady)
    async with database.read() as connection:
        for _ in range(CLOCK_SAMPLES):
            asked = time.monotonic() * 1000
            there = await connection.fetchval(statement("gate/clock"))
            trip = time.monotonic() * 1000 - asked
            if best is None or trip < best[0]:
                best = (trip, there - (asked + trip / 2))
    assert best is not None
    return round(time.monotonic() * 1000 + best[1]), int(best[0] / 2) + 1 + DRIFT_MS


async def _every(pause_s: float, what: str, work: Callable[[], Awaitable[None]]) -> None:
    """A loop without which a gate would go on and be wrong."""

    def failed(error: Exception) -> None:
        log.warning("gate loop failed", loop=what, error=type(error).__name__, detail=str(error)[:200])

    await every(pause_s, work, failed)


async def run(settings: Settings, stopping: asyncio.Event, started: Callable[[Any], None] = lambda _: None) -> None:
    """Serve until `stopping` is set, then answer what has begun; `started` is given the gate when it serves."""
    database_url, redis_url = addresses(settings)
    keys: Keys = load_keys(settings.keys_path)
    registry = new_registry()
    pool_meters = PoolMeters(registry)
    database = await Database.connect(database_url, connections=4, meters=pool_meters)
    ledger_database = await Database.connect(
        database_url, connections=settings.ledger_connections, generic_plans=True, name="ledger", meters=pool_meters
    )
    ledger = Ledger(
        ledger_database,
        hold_ttl_ms=settings.hold_ttl_s * 1000,
        grace_ms=settings.hold_grace_s * 1000,
    )
    gatekeeper = Gatekeeper(
        redis_url, database, permit_ttl_ms=settings.permit_ttl_ms, meters=CacheMeters(registry, shows_up=False)
    )
    desk = Desk(ledger, gatekeeper, database, settings.gate_channel)
    gate = _core.Gate(
        asyncio.get_running_loop(), desk, vocabulary(), redis_url, ledger_options(settings), gate_options(settings)
    )
    desk.connect(gate)
    generations = Generations(database)
    rooms = RoomFollower(database, gate.rooms, settings.gate_channel, gate.take_ledger_ms)

    async def align() -> None:
        gate.align_clock(*await measure_clock(database))

    async def take_keys() -> None:
        await generations.read()
        current = generations.current
        secrets = [(key.kid, key.secret) for key in keys.token_keys]
        gate.take_keys(secrets, *(current.get(audience, 0) for audience in ("resident", "pass", "room")))

    async def show_metrics() -> None:
        gate.show_beside(text_without_end(registry))

    async def tell_troubles() -> None:
        for trouble in gate.take_troubles():
            log.error("holds not decided", trouble=trouble)

    await align()
    await take_keys()
    await show_metrics()
    await rooms.follow()
    gate.serve()
    log.info("gate serves", port=gate.port)
    started(gate)
    loops = [
        asyncio.create_task(_every(CLOCK_PAUSE_S, "clock", align)),
        asyncio.create_task(_every(KEYS_PAUSE_S, "keys", take_keys)),
        asyncio.create_task(_every(METRICS_PAUSE_S, "metrics", show_metrics)),
        asyncio.create_task(_every(METRICS_PAUSE_S, "troubles", tell_troubles)),
        asyncio.create_task(_every(ROOMS_PAUSE_S, "rooms", rooms.follow)),
        asyncio.create_task(_every(ROOM_REPORTS_PAUSE_S, "room reports", rooms.report)),
    ]
    try:
        await stopping.wait()
    finally:
        # The loop goes on answering while the listener lets those finish who have begun.
        began = time.monotonic()
        await asyncio.to_thread(gate.drain)
        await desk.drain()
        log.info("gate drained", seconds=round(time.monotonic() - began, 2))
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await gatekeeper.close()
        await ledger_database.close()
        await database.close()


async def main(settings: Settings) -> None:
    """Serve until asked to stop."""
    configure_logs(settings.log_level)
    raise_file_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await run(settings, stopping, started=lambda _: calm_down())
