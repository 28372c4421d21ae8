"""What the worker does: end holds and what was missed, mend the cache by PostgreSQL, sweep what has had its day."""

from collections.abc import Iterator

import structlog

from humiao import _core
from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import Ledger
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.visits.service import mark_no_shows
from humiao.waitlist.offers import OfferMaker
from humiao.worker.meters import WorkerMeters

log = structlog.get_logger(__name__)
EXPIRE_AT_ONCE = 500
NO_SHOWS_AT_ONCE = 500
RECONCILE_AT_ONCE = 100
SWEEPS = ("worker/sweep_idempotency_keys", "worker/sweep_messages", "worker/sweep_login", "worker/sweep_velocity",
          "worker/sweep_rooms", "worker/sweep_skips")  # fmt: skip


async def expire_holds(ledger: Ledger, gatekeeper: Gatekeeper, meters: WorkerMeters | None = None) -> int:
    """Expire what is due and give the places back to the cache; returns how many when there may be more."""
    ended, counters = await ledger.expire_due(at_most=EXPIRE_AT_ONCE)
    if meters:
        meters.expired.inc(ended)
    if counters:
        await gatekeeper.settle(counters)
    return ended if ended == EXPIRE_AT_ONCE else 0


async def end_missed(database: Database, gatekeeper: Gatekeeper) -> int:
    """Mark the no-shows of days that have ended; returns how many when there may be more."""
    ended = await mark_no_shows(database, gatekeeper, at_most=NO_SHOWS_AT_ONCE)
    return ended if ended == NO_SHOWS_AT_ONCE else 0


async def make_offers(maker: OfferMaker, meters: WorkerMeters | None = None) -> int:
    """One round of offers for every release; returns how many were made, since there may be more to make."""
    made = await maker.step()
    if meters:
        meters.offers.inc(made)
    return made


def _fields(state: _core.SessionState) -> Iterator[tuple[str, int, int]]:
    """(field, version, free) of every counter of a session as the cache holds it."""
    for window_id, version, free, _ in state.windows:
        yield f"w:{window_id}", version, free
    for window_id, channel, version, free, _ in state.quotas:
        yield f"q:{window_id}:{channel}", version, free
    for stock_id, version, free, _, _ in state.stocks:
        yield f"v:{stock_id}", version, free


class Reconciler:
    """Walks over all sessions to come, a hundred at a step, and loads those of which the cache says something else.

    A counter that is newer in PostgreSQL is a settlement under way or lost; one that is newer in the cache, or equal in
    version and not in number, is a lie; so is a closed session said to be open. All are mended the same way: load. What
    is newer in the cache a load would leave there, so such a session is forgotten first.
    An open session that the cache does not know is loaded too; a closed one needs no place there.
    """

    def __init__(self, database: Database, gatekeeper: Gatekeeper, meters: WorkerMeters | None = None) -> None:
        self._database = database
        self._gatekeeper = gatekeeper
        self._meters = meters or WorkerMeters()
        self._after = 0

    async def step(self) -> int:
        """Compare the next sessions; returns how many when the walk is not at its end."""
        async with self._database.read() as connection:
            sessions = await connection.fetch(statement("worker/upcoming_sessions"), self._after, RECONCILE_AT_ONCE)
            if not sessions:
                self._after = 0
                self._meters.walks.inc()
                return 0
            session_ids = [session["session_id"] for session in sessions]
            held = await self._gatekeeper.read(session_ids)
            rows = await connection.fetch(statement("worker/counters_of_sessions"), session_ids)
        self._after = session_ids[-1]
        truth: dict[int, set[tuple[str, int, int]]] = {}
        for row in rows:
            truth.setdefault(row["session_id"], set()).add((row["field"], row["version"], row["free"]))
        differ, beyond = [], []
        for session, state in zip(sessions, held, strict=True):
            session_id, status = session["session_id"], session["status"]
            if state is None:
                differ += [session_id] if status == "open" else []
            elif state.status != status or set(_fields(state)) != truth.get(session_id, set()):
                differ.append(session_id)
                # as after a restored backup: what PostgreSQL has not given out yet, no load would replace
                versions = {field: version for field, version, _ in truth.get(session_id, set())}
                ahead = any(version > versions.get(field, 0) for field, version, _ in _fields(state))
                beyond += [session_id] if ahead or state.generation > session["cache_generation"] else []
        self._meters.compared.inc(len(session_ids))
        self._meters.mended.inc(len(differ))
        if beyond:
            await self._gatekeeper.forget(beyond)
        if differ:
            await self._gatekeeper.load(differ)
            log.info("cache mended", sessions=len(differ))
        return len(session_ids)


class Housekeeper:
    """Forgets keys, messages, logins, counters and signals past their time, makes the coming months' partitions, and
    renews the statistics of claims by night.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self) -> int:
        """One round; always returns 0, the next is in an hour."""
        for name in SWEEPS:
            async with self._database.transaction() as connection:
                await connection.execute(statement(name))
        async with self._database.transaction() as connection:
            await connection.execute("SELECT audit_make_partitions(2)")
        async with self._database.transaction() as connection:
            await connection.execute("SELECT analyze_claims_by_night(now())")
        return 0


class Backlog:
    """Looks how many messages are owed and how old the oldest is that cannot wait."""

    def __init__(self, database: Database, meters: WorkerMeters) -> None:
        self._database = database
        self._meters = meters

    async def step(self) -> int:
        """One look; always returns 0."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("messaging/backlog"))
        self._meters.waiting.set(row["waiting"])
        self._meters.lag.set(row["lag_s"])
        return 0
