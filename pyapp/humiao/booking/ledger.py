"""The ledger: PostgreSQL decides who has. Set-based, one commit for a batch, acknowledged only after it.

Every batch is one transaction: lock in the common order, decide and write, read the counters that moved. Whatever
happens on the way, doing the batch again is safe, because each wish carries a key whose first answer is stored with
its change (P7). So a lost connection (outcome unknown) is answered by asking again, and only when that fails within
`patience_s` is the caller told `outcome_unknown`. A wish that makes its batch fail is found by splitting the batch.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg
import structlog

from humiao.booking.meters import LedgerMeters
from humiao.booking.models import ConfirmWish, Counter, Decision, EndWish, HoldWish, RescheduleWish
from humiao.kit.database import DISCONNECTED, TRANSIENT, Database, DatabaseBusy
from humiao.kit.sql import statement

log = structlog.get_logger(__name__)
Wish = TypeVar("Wish")
Wishes = TypeVar("Wishes", bound="Sliced")
Word = TypeVar("Word")
News = TypeVar("News")
BUSY = Decision("busy")
PATIENCE_S = 6.0  # how long a batch is tried for


class Sliced(Protocol):
    """Wishes of which a part can be taken."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


class OutcomeUnknown(Exception):
    """The database went away while a batch was under way; the same keys will tell what became of it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch came to: a decision per wish, and the counters that moved, as committed."""

    decisions: list[Decision]
    counters: list[Counter]


class HoldColumns:
    """Holds as booking/hold_many takes them: its arrays $1 to $12, in step."""

    __slots__ = ("columns",)

    def __init__(self, columns: Sequence[list[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, part: slice) -> "HoldColumns":
        return HoldColumns([column[part] for column in self.columns])


def claim_ids(count: int) -> list[UUID]:
    """UUIDv7s of this millisecond (RFC 9562): ordered by time, so that the index grows at its right end."""
    ms = time.time_ns() // 1_000_000
    random = os.urandom(10 * count)
    ids = []
    for i in range(count):
        tail = int.from_bytes(random[10 * i : 10 * i + 10], "big")
        value = (ms << 80) | (0x7 << 76) | ((tail >> 62) & 0xFFF) << 64 | (0b10 << 62) | (tail & (2**62 - 1))
        ids.append(UUID(int=value))
    return ids


class Ledger:
    """Writes batches of claims. Holds no state of its own; every process may have one."""

    def __init__(
        self,
        database: Database,
        *,
        hold_ttl_ms: int,
        grace_ms: int,
        patience_s: float = PATIENCE_S,
        meters: LedgerMeters | None = None,
    ) -> None:
        self._database = database
        self._hold_ttl_ms = hold_ttl_ms
        self._grace_ms = grace_ms
        self._patience_s = patience_s
        self._meters = meters or LedgerMeters()

    async def _persist(
        self,
        name: str,
        wishes: Wishes,
        write: Callable[[Any, Wishes], Awaitable[tuple[list[Word], list[News]]]],
        lend: Callable[[], AbstractAsyncContextManager[Any]],
        busy: Word,
    ) -> tuple[list[Word], list[News]]:
        """Run `write` until it commits, splitting a batch that one wish spoils; that wish is told `busy`.

        `lend` gives a connection in a transaction, or one without to a `write` that is one statement, and so commits by
        itself. Returns a word for each wish, in order, and what the commits said of the counters. `name` is for meters.
        """
        self._meters.batch_size.labels(name).observe(len(wishes))
        deadline = time.monotonic() + self._patience_s
        pause_s, spoilt = 0.02, 0
        while True:
            try:
                async with self._timed(name), lend() as connection:
                    return await write(connection, wishes)
            except TRANSIENT as error:
                cause: Exception = error
            except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
                # Another process took the same key or series between our look and our write; or a wish is at fault.
                cause, spoilt = error, spoilt + 1
                if spoilt >= 2 and len(wishes) > 1:
                    middle = len(wishes) // 2
                    words, news = await self._persist(name, wishes[:middle], write, lend, busy)
                    more_words, more_news = await self._persist(name, wishes[middle:], write, lend, busy)
                    return words + more_words, news + more_news
                if spoilt >= 5:
                    log.error("a wish is refused by the schema", error=type(error).__name__)
                    return [busy] * len(wishes), []
            except (DatabaseBusy, *DISCONNECTED) as error:
                cause = error
            if time.monotonic() + pause_s > deadline:
                self._meters.unknown.labels(name).inc(len(wishes))
                raise OutcomeUnknown from cause
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.5)

    async def _decide(
        self,
        name: str,
        wishes: list[Wish],
        write: Callable[[Any, list[Wish]], Awaitable[tuple[list[Decision], list[Counter]]]],
    ) -> Batch:
        """`_persist` in a transaction, for wishes and decisions."""
        return Batch(*await self._persist(name, wishes, write, self._database.transaction, BUSY))

    async def hold_many(self, wishes: list[HoldWish]) -> Batch:
        """Hold places for a batch, all or none per wish. Codes: see sql/queries/booking/hold_many.sql."""
        columns = HoldColumns(
            [
                claim_ids(len(wishes)),
                [UUID(bytes=os.urandom(16), version=4) for _ in wishes],
                [w.caller.actor for w in wishes],
                [w.caller.account_id for w in wishes],
                [w.person_id for w in wishes],
                [w.window_id for w in wishes],
                [w.channel for w in wishes],
                [w.stock_id for w in wishes],
                [w.key for w in wishes],
                [w.body_hash for w in wishes],
                [w.caller.source for w in wishes],
                [w.pass_generation for w in wishes],
            ]
        )

        async def write(connection: Any, part: HoldColumns) -> tuple[list[Any], list[Any]]:
            rows = await connection.fetch(statement("booking/hold_many"), *part.columns, self._hold_ttl_ms)
            return rows[: len(part)], rows[len(part) :]

        nothing_had = (None, BUSY.code, None, None)
        words, counters = await self._persist("hold", columns, write, self._database.single, nothing_had)
        return Batch(
            [Decision(code, answer, retry_at) for _, code, retry_at, answer, *_ in words],
            [_counter(row) for row in counters],
        )

    @asynccontextmanager
    async def _timed(self, name: str) -> AsyncIterator[None]:
        """Time one try, waiting for a connection and the commit included, and count how it ended."""
        began, ending = time.perf_counter(), "away"
        try:
            yield
            ending = "committed"
        except TRANSIENT:
            ending = "transient"
            raise
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
            ending = "spoilt"
            raise
        finally:
            self._meters.seconds.labels(name).observe(time.perf_counter() - began)
            self._meters.tries.labels(name, ending).inc()

    async def confirm_many(self, wishes: list[ConfirmWish]) -> Batch:
        """Confirm holds. Codes: see sql/queries/booking/confirm_many.sql."""

        async def write(connection: Any, part: list[ConfirmWish]) -> tuple[list[Decision], list[Counter]]:
            rows = await connection.fetch(
                statement("booking/confirm_many"),
                [w.claim_id for w in part],
                [w.hold_token for w in part],
                [w.caller.actor for w in part],
                [w.caller.account_id for w in part],
                [w.key for w in part],
                [w.body_hash for w in part],
                [w.caller.source for w in part],
                self._grace_ms,
            )
            return await _batch_of(connection, rows)

        return await self._decide("confirm", wishes, write)

    async def end_many(self, wishes: list[EndWish]) -> Batch:
        """Release holds and cancel reservations. Codes: see sql/queries/booking/end_many.sql."""

        async def write(connection: Any, part: list[EndWish]) -> tuple[list[Decision], list[Counter]]:
            rows = await connection.fetch(
                statement("booking/end_many"),
                [w.claim_id for w in part],
                [w.hold_token for w in part],
                [w.operation for w in part],
                [w.caller.actor for w in part],
                [w.caller.account_id for w in part],
                [w.key for w in part],
                [w.body_hash for w in part],
                [w.caller.source for w in part],
                [w.reason for w in part],
            )
            return await _batch_of(connection, rows)

        return await self._decide("end", wishes, write)

    async def reschedule(self, wish: RescheduleWish) -> Batch:
        """Move one reservation to another window. Codes: see sql/queries/booking/reschedule.sql."""

        async def write(connection: Any, part: list[RescheduleWish]) -> tuple[list[Decision], list[Counter]]:
            (w,) = part
            await connection.execute(
                statement("booking/lock_for_reschedule"), w.claim_id, w.window_id, w.channel, w.stock_id
            )
            row = await connection.fetchrow(
                statement("booking/reschedule"),
                w.claim_id,
                w.window_id,
                w.channel,
                w.stock_id,
                w.caller.actor,
                w.caller.account_id,
                w.key,
                w.body_hash,
                w.caller.source,
            )
            places = {(w.window_id, w.channel, w.stock_id)}
            if row["old_window_id"] is not None:
                places.add((row["old_window_id"], row["old_channel"], row["old_stock_id"]))
            return [_decision(row, row["retry_at"])], await read_counters(connection, places)

        return await self._decide("reschedule", [wish], write)

    async def expire_due(self, *, at_most: int) -> tuple[int, list[Counter]]:
        """Expire holds past their deadline and grace, by the database's clock; returns how many, and the counters."""
        async with self._timed("expire"), self._database.transaction() as connection:
            rows = await connection.fetch(statement("booking/expire_due"), self._grace_ms, at_most)
            places = {(row["window_id"], row["channel"], row["stock_id"]) for row in rows}
            return len(rows), await read_counters(connection, places)

    async def find_answers(self, keys: list[tuple[str, str]]) -> list[tuple[str, bytes, str] | None]:
        """For each (actor, key): the operation, body hash and first answer (JSON) stored with its change, or None."""
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("booking/find_answers"), [actor for actor, _ in keys], [key for _, key in keys]
            )
        found: list[tuple[str, bytes, str] | None] = [None] * len(keys)
        for row in rows:
            found[row["n"] - 1] = (row["operation"], bytes(row["body_hash"]), row["answer"])
        return found

    async def hold_states(self, holds: list[tuple[UUID, UUID]]) -> list[str | None]:
        """For each (account, claim): state and deadline as JSON, or None where the account has no such claim."""
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("booking/hold_states"), [account for account, _ in holds], [claim for _, claim in holds]
            )
        found: list[str | None] = [None] * len(holds)
        for row in rows:
            found[row["n"] - 1] = row["answer"]
        return found

    async def session_of_window(self, window_id: int) -> int | None:
        """The clinic session a window belongs to; it never changes."""
        async with self._database.read() as connection:
            found: int | None = await connection.fetchval(statement("booking/session_of_window"), window_id)
        return found


def _decision(row: Any, retry_at: datetime | None = None, places: tuple[tuple[int, str, int], ...] = ()) -> Decision:
    return Decision(row["code"], row["answer"], retry_at, places)


async def _batch_of(connection: Any, rows: list[Any]) -> tuple[list[Decision], list[Counter]]:
    places = {
        (row["window_id"], row["channel"], row["stock_id"])
        for row in rows
        if row["window_id"] is not None and row["answer"] is not None
    }
    return [_decision(row) for row in rows], await read_counters(connection, places)


async def read_counters(connection: Any, places: set[tuple[int, str, int]]) -> list[Counter]:
    """The counters of places (window, channel, stock) as the caller's transaction sees them, for the cache to copy."""
    if not places:
        return []
    ordered = sorted(places)
    rows = await connection.fetch(
        statement("booking/read_counters"),
        [window for window, _, _ in ordered],
        [channel for _, channel, _ in ordered],
        [stock for _, _, stock in ordered],
    )
    return [_counter(row) for row in rows]


def _counter(row: Any) -> Counter:
    return Counter(row["session_id"], row["field"], row["version"], row["free"])
