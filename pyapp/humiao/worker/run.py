"""The worker process: one leader at a time does the work that has no caller.

Leadership is a PostgreSQL session lock: it ends with the connection, so a dead leader is replaced within a second.
Each loop does a bounded piece, then waits; an error is logged and the loop goes on. Deadlines are the database's.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import structlog
from prometheus_client import CollectorRegistry

from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import Ledger
from humiao.booking.meters import CacheMeters, LedgerMeters
from humiao.immunizations.city_count import CityCounter
from humiao.immunizations.service import Programmes
from humiao.kit.database import Database
from humiao.kit.keys import load_keys
from humiao.kit.logs import configure_logs
from humiao.kit.loops import every
from humiao.kit.meters import Exporter, PoolMeters, new_registry
from humiao.main import addresses
from humiao.messaging.gateway import FileGateway
from humiao.messaging.outbox import OutboxSender
from humiao.messaging.quiet import QuietHours
from humiao.reminders.appointments import AppointmentReminder
from humiao.reminders.due import DueKeeper
from humiao.rooms.keeper import RoomKeeper
from humiao.schoolcheck.rechecks import Rechecker
from humiao.settings import Settings
from humiao.waitlist.copies import RankKeeper
from humiao.waitlist.offers import OfferMaker
from humiao.waitlist.ranks import Ranks
from humiao.worker.meters import WorkerMeters
from humiao.worker.tasks import Backlog, Housekeeper, Reconciler, end_missed, expire_holds, make_offers

log = structlog.get_logger(__name__)
LEADER_LOCK = 4_821_008
# Seconds that each loop waits after a round that left nothing undone.
PAUSES_S = {
    "expire": 1.0,
    "offers": 1.0,
    "ranks": 20.0,
    "outbox": 0.3,
    "reconcile": 10.0,
    "rooms": 0.5,
    "due": 5.0,
    "appointments": 20.0,
    "rechecks": 20.0,
    "no_shows": 600.0,
    "city_count": 2.0,
    "backlog": 5.0,
    "housekeeping": 3600.0,
}


async def _a_second() -> None:
    await asyncio.sleep(1)


async def lead(dsn: str, wait: Callable[[], Awaitable[None]] = _a_second) -> asyncpg.Connection:
    """Try until this process is the leader, with a `wait` between tries; it leads as long as the connection lives."""
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(dsn, server_settings={"application_name": "humiao-leader"})
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
                return connection
            await connection.close()
        await wait()


async def _every(
    pause_s: float,
    name: str,
    work: Callable[[], Awaitable[int]],
    meters: WorkerMeters | None = None,
    now: Callable[[], float] = time.time,
) -> None:
    """Do `work` again and again, and tell how it went; a full piece is followed at once by the next."""
    meters = meters or WorkerMeters()
    last_run = meters.last_run.labels(name)
    last_run.set(now())  # from here on it is missed

    def ended(ending: str, began: float) -> None:
        meters.runs.labels(name, ending).inc()
        meters.seconds.labels(name).observe(time.perf_counter() - began)

    async def told() -> int:
        began = time.perf_counter()
        try:
            more = await work()
        except Exception:
            ended("failed", began)
            raise
        last_run.set(now())
        ended("done", began)
        return more

    def failed(error: Exception) -> None:
        log.warning("worker loop failed", loop=name, error=type(error).__name__, detail=str(error)[:200])

    await every(pause_s, told, failed)


async def _watch(leader: asyncpg.Connection) -> None:
    """Return when leadership is lost: the connection that holds the lock no longer answers."""
    while True:
        try:
            await leader.fetchval("SELECT 1", timeout=5)
        except Exception:  # whatever it was: a leader who cannot ask may no longer be one
            return
        await asyncio.sleep(1)


async def main(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    configure_logs(settings.log_level)
    database_url, redis_url = addresses(settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    registry = new_registry()
    exporter = Exporter(settings.admin, registry) if settings.admin else None
    serving = asyncio.create_task(_serve(settings, database_url, redis_url, registry))
    await asyncio.wait([serving, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    finally:
        if exporter:
            await asyncio.to_thread(exporter.close)


async def _serve(settings: Settings, database_url: str, redis_url: str, registry: CollectorRegistry) -> None:
    vault = load_keys(settings.keys_path).vault()
    meters, pool_meters = WorkerMeters(registry), PoolMeters(registry)
    cache_meters, ledger_meters = CacheMeters(registry), LedgerMeters(registry)
    while True:
        leader = await lead(database_url)
        log.info("leading")
        meters.leading.set(1)
        database = await Database.connect(database_url, connections=4, meters=pool_meters)
        gatekeeper = Gatekeeper(redis_url, database, permit_ttl_ms=settings.permit_ttl_ms, meters=cache_meters)
        ledger = Ledger(
            database,
            hold_ttl_ms=settings.hold_ttl_s * 1000,
            grace_ms=settings.hold_grace_s * 1000,
            meters=ledger_meters,
        )
        quiet = QuietHours(settings.quiet_from_hour, settings.quiet_until_hour)
        sender = OutboxSender(
            database,
            vault,
            FileGateway(settings.sms_path),
            on_try=lambda ending: meters.messages.labels(ending).inc(),
            quiet=quiet,
            on_reminder=lambda topic, ending: meters.reminders.labels(topic, ending).inc(),
        )

        def planned(kind: str, messages: int) -> None:
            meters.planned.labels(kind).inc(messages)

        programmes = Programmes(database)
        due = DueKeeper(database, programmes, quiet, planned)
        appointments = AppointmentReminder(database, quiet, on_planned=planned)
        rechecker, counter = Rechecker(database, programmes), CityCounter(database)
        reconciler, housekeeper = Reconciler(database, gatekeeper, meters), Housekeeper(database)
        backlog = Backlog(database, meters)
        ranks = Ranks(gatekeeper.admitter)
        offers, keeper = OfferMaker(database, gatekeeper, ranks), RankKeeper(database, ranks)
        works: dict[str, Callable[[], Awaitable[int]]] = {
            "expire": partial(expire_holds, ledger, gatekeeper, meters),
            "offers": partial(make_offers, offers, meters),
            "ranks": keeper.step,
            "outbox": partial(sender.send_due, 50),
            "reconcile": reconciler.step,
            "rooms": RoomKeeper(database, vault).step,
            "due": due.step,
            "appointments": appointments.step,
            "rechecks": rechecker.step,
            "no_shows": partial(end_missed, database, gatekeeper),
            "city_count": counter.step,
            "backlog": backlog.step,
            "housekeeping": housekeeper.step,
        }
        tasks = [asyncio.create_task(_every(PAUSES_S[name], name, work, meters)) for name, work in works.items()]
        try:
            await _watch(leader)
            log.warning("leadership lost")
        finally:
            meters.leading.set(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            counter.close()
            await gatekeeper.close()
            await database.close()
            with contextlib.suppress(Exception):
                await leader.close(timeout=2)
