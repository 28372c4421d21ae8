"""Engines for tests: with the cache, without it, and over a database that can be cut off at a chosen moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from humiao.booking.cache import Gatekeeper
from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.booking.models import ConfirmWish, EndWish, RescheduleWish
from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.settings import Settings
from tests.factories import World, hold_wish

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


class Forgetful:
    """A database whose commits take place and are not heard of, as often as `deaf` says."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.deaf = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self._database.transaction() as connection:
            yield connection
        if self.deaf:
            self.deaf -= 1
            raise ConnectionResetError("after the commit")

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Any]:
        async with self._database.single() as connection:
            yield connection
        if self.deaf:
            self.deaf -= 1
            raise ConnectionResetError("after the commit")

    def read(self) -> Any:
        return self._database.read()


@asynccontextmanager
async def engine_over(
    settings: Settings, *, cache: bool = True, patience_s: float = 6.0, **options: int
) -> AsyncIterator[tuple[BookingEngine, Forgetful]]:
    """An engine with connections of its own, and its database's bad ear."""
    database = await Database.connect(str(settings.database_url), connections=4)
    forgetful = Forgetful(database)
    ledger = Ledger(forgetful, hold_ttl_ms=600_000, grace_ms=5000, patience_s=patience_s)  # type: ignore[arg-type]
    url = str(settings.redis_url) if cache else NOBODY_LISTENS
    gatekeeper = Gatekeeper(url, database, permit_ttl_ms=2000)
    engine = BookingEngine(ledger, gatekeeper, **options)
    try:
        yield engine, forgetful
    finally:
        await engine.drain()
        await gatekeeper.close()
        await database.close()


def code(result: Any) -> str:
    """What a result comes to, in one word."""
    return result.code if isinstance(result, Refusal) else "granted"


def confirm_wish(person: UUID, world: World, held: Any, *, key: str | None = None, body: bytes = b"c") -> ConfirmWish:
    caller = hold_wish(person, world).caller
    digest = body.ljust(32, b"\0")
    return ConfirmWish(caller, UUID(held["hold_id"]), UUID(held["hold_token"]), key or uuid4().hex, digest)


def cancel_wish(person: UUID, world: World, claim_id: str, *, key: str | None = None, body: bytes = b"x") -> EndWish:
    caller = hold_wish(person, world).caller
    return EndWish(caller, "cancel", UUID(claim_id), None, None, key or uuid4().hex, body.ljust(32, b"\0"))


def move_wish(person: UUID, claim_id: str, to: World, *, window: int = 0, key: str | None = None) -> RescheduleWish:
    caller = hold_wish(person, to).caller
    return RescheduleWish(
        caller, UUID(claim_id), to.window_ids[window], "h5", to.stock_id, key or uuid4().hex, b"m" * 32
    )


async def reserved(engine: BookingEngine, person: UUID, world: World, *, window: int = 0) -> str:
    """A reservation; returns its id."""
    held = await engine.hold(hold_wish(person, world, window=window))
    assert not isinstance(held, Refusal), held
    confirmed = await engine.confirm(confirm_wish(person, world, held))
    assert not isinstance(confirmed, Refusal), confirmed
    return str(held["hold_id"])


@asynccontextmanager
async def locked_window(settings: Settings, world: World, *, window: int = 0) -> AsyncIterator[asyncpg.Connection]:
    """Stand at a window's counter, so that whoever wants it must wait; yields the connection that stands there."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT FROM windows WHERE window_id = $1 FOR NO KEY UPDATE", world.window_ids[window]
            )
            yield connection
    finally:
        await connection.close()


async def waiting_behind(watcher: asyncpg.Connection, holder: asyncpg.Connection) -> list[int]:
    """Wait until somebody waits for a lock that `holder` has; returns their backends."""
    while True:
        rows = await watcher.fetch(
            "SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))", holder.get_server_pid()
        )
        if rows:
            return [row["pid"] for row in rows]
