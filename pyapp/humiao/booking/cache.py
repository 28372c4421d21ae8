"""The cache's side of booking: may this request try? Valkey answers in batches; PostgreSQL is copied into it.

`Gatekeeper.admit` resolves when the batch that carried the request comes back: one wake-up of the loop per batch. A
session the cache does not know is loaded from PostgreSQL once, however many ask at the same time. When the cache is
away the answer is `unavailable` and the caller takes the slow road; nothing here can grant anything.
"""

import asyncio
import itertools
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from humiao import _core
from humiao.booking.meters import CacheMeters
from humiao.booking.models import Counter, Place
from humiao.kit.database import Database
from humiao.kit.sql import statement

log = structlog.get_logger(__name__)


class Gatekeeper:
    """One per process. `permit` names a person's try (person and stock), so two at once are seen as one."""

    def __init__(self, url: str, database: Database, *, permit_ttl_ms: int, meters: CacheMeters | None = None) -> None:
        self._database = database
        self._meters = meters or CacheMeters()
        self._tickets = itertools.count()
        self._waiting: dict[int, asyncio.Future[tuple[str, datetime | None]]] = {}
        self._loads_due: dict[int, asyncio.Task[bool]] = {}  # those that have not begun to read
        self._background: set[asyncio.Task[Any]] = set()
        self._admitter = _core.Admitter(url, asyncio.get_running_loop(), self._on_batch, permit_ttl_ms=permit_ttl_ms)

    @property
    def admitter(self) -> _core.Admitter:
        """The process's client of the cache, for what else is kept there."""
        return self._admitter

    def _on_batch(self, results: list[tuple[int, str, int | None]]) -> None:
        self._meters.batch_size.observe(len(results))
        for outcome, count in Tally(outcome for _, outcome, _ in results).items():
            self._meters.answers.labels(outcome).inc(count)
            self._meters.seen(away=outcome == "unavailable")
        for ticket, outcome, retry_at_ms in results:
            future = self._waiting.pop(ticket, None)
            if future is not None and not future.done():
                retry_at = None if retry_at_ms is None else datetime.fromtimestamp(retry_at_ms / 1000, UTC)
                future.set_result((outcome, retry_at))

    async def _ask(self, place: Place, permit: str) -> tuple[str, datetime | None]:
        ticket = next(self._tickets)
        future: asyncio.Future[tuple[str, datetime | None]] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        self._admitter.submit(ticket, place.session_id, place.window_id, place.channel, place.stock_id, permit)
        return await future

    async def admit(self, place: Place, permit: str) -> tuple[str, datetime | None]:
        """Ask for a permit: (outcome, retry_at). `granted`, `unavailable`, or the code of a refusal."""
        outcome, retry_at = await self._ask(place, permit)
        if outcome == "rebuild":
            if not await self.load([place.session_id]):
                return "unavailable", None
            outcome, retry_at = await self._ask(place, permit)
        return ("unavailable", None) if outcome == "rebuild" else (outcome, retry_at)

    async def load(self, session_ids: list[int]) -> bool:
        """Copy sessions from PostgreSQL, as it says from now on, into the cache; True when it has them.

        Callers share a load, but none that has begun to read: it may not see what the caller has just committed.
        """
        mine = [s for s in session_ids if s not in self._loads_due]
        if mine:
            task = asyncio.create_task(self._load(mine))
            self._loads_due |= dict.fromkeys(mine, task)
            self._keep(task)
        # Whoever goes away leaves it to the others.
        shared = {self._loads_due[s] for s in session_ids}
        return all(await asyncio.gather(*(asyncio.shield(task) for task in shared)))

    async def _load(self, session_ids: list[int]) -> bool:
        me, ordered = asyncio.current_task(), sorted(session_ids)
        try:
            async with self._database.transaction() as connection:
                # Who comes after this reads later. So the generation is raised first, in a statement of its own.
                await connection.execute(statement("booking/raise_generation"), ordered)
                self._no_longer_due(session_ids, me)
                rows = await connection.fetch(statement("booking/session_states"), ordered)
        finally:
            self._no_longer_due(session_ids, me)
        try:
            await self._admitter.load([_state(row) for row in rows])
        except _core.CacheUnavailable:
            self._meters.seen(away=True)
            self._meters.loads.labels("away").inc(len(session_ids))
            return False
        self._meters.seen(away=False)
        self._meters.loads.labels("done").inc(len(session_ids))
        return True

    def _no_longer_due(self, session_ids: list[int], load: asyncio.Task[Any] | None) -> None:
        for session_id in session_ids:
            if self._loads_due.get(session_id) is load:
                del self._loads_due[session_id]

    async def settle(self, counters: Iterable[Counter], permits: Iterable[tuple[int, str]] = ()) -> None:
        """Copy counters by version and drop permits (session, permit). A session the cache lost is loaded anew."""
        by_session: dict[int, tuple[list[str], list[tuple[str, int, int]]]] = defaultdict(lambda: ([], []))
        for session_id, permit in permits:
            by_session[session_id][0].append(permit)
        for counter in counters:
            by_session[counter.session_id][1].append((counter.field, counter.version, counter.free))
        if not by_session:
            return
        try:
            lost = await self._admitter.settle([(s, dropped, copied) for s, (dropped, copied) in by_session.items()])
            self._meters.seen(away=False)
            self._meters.settlements.labels("done").inc()
            if lost:
                await self.load(lost)
        except _core.CacheUnavailable:
            self._meters.seen(away=True)
            self._meters.settlements.labels("away").inc()
            # Permits end by themselves, and the reconciler copies what this settlement would have.
            log.info("cache away, settlement left to the reconciler", sessions=len(by_session))

    def settle_later(self, counters: Iterable[Counter], permits: Iterable[tuple[int, str]] = ()) -> None:
        """Settle without making anybody wait: the acknowledgement rests on the commit, not on the cache."""
        self._keep(asyncio.create_task(self.settle(list(counters), list(permits))))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def read(self, session_ids: list[int]) -> "list[_core.SessionState | None]":
        """What the cache holds of some sessions; None where it knows nothing. Raises CacheUnavailable."""
        try:
            states = await self._admitter.read(session_ids)
        except _core.CacheUnavailable:
            self._meters.seen(away=True)
            raise
        self._meters.seen(away=False)
        return list(states)

    async def look(self, session_id: int) -> "_core.SessionState | None":
        """A session as the cache has it, or PostgreSQL where the cache is away or lacks it; None: there is none."""
        try:
            (state,) = await self.read([session_id])
        except _core.CacheUnavailable:
            state = None
        if state is None:
            async with self._database.read() as connection:
                row = await connection.fetchrow(statement("booking/session_states"), [session_id])
            state = None if row is None else _state(row)
        return state

    async def forget(self, session_ids: list[int]) -> None:
        """Drop sessions that are over."""
        await self._admitter.forget(session_ids)

    async def ping(self) -> dict[str, str]:
        """Server version, mode and function library version; raises CacheUnavailable."""
        return dict(await self._admitter.ping())

    async def close(self) -> None:
        """Finish settling, then let go of the connection."""
        if self._background:
            await asyncio.wait(self._background, timeout=2)
        self._admitter.close()


def _state(row: Any) -> "_core.SessionState":
    """A session as the cache copies it, of a row of booking/session_states."""
    return _core.SessionState(
        session_id=row["session_id"],
        generation=row["cache_generation"],
        status="open" if row["state"] == "published" else "closed",
        windows=[tuple(w) for w in orjson.loads(row["windows"] or "[]")],
        quotas=[tuple(q) for q in orjson.loads(row["quotas"] or "[]")],
        stocks=[tuple(s) for s in orjson.loads(row["stocks"] or "[]")],
    )
