"""The ledger's side of the gate: what lookups come to. Holds go there without Python (core_rs/booking-ledger).

Lookups arrive in lists, one call for whatever gathered since the last turn of the loop, and their words go back in
lists. No future, no task and no object for a single request. Every request is answered once, or forsaken, which the
gate tells as `outcome_unknown`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog
from asyncpg.pgproto.pgproto import UUID as WireUUID  # noqa: N811 - made in half the time of the standard one

from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import Ledger
from humiao.kit.database import Database
from humiao.kit.sql import statement

log = structlog.get_logger(__name__)
Word = tuple[int, str, int | None, str | None]  # ticket, code, retry_at_ms, answer
WindowFacts = tuple[int, int, str, list[tuple[int, str]]]  # session, clinic, ISO day, (stock, vaccine) of each stock
Versions = tuple[int, int, int]  # of the window's places, the channel's quota, the stock's doses
Row = TypeVar("Row")
LOOKUPS_MAX = 512  # in one statement
NO_VERSIONS: Versions = (0, 0, 0)  # where there is no such window: below every counter's


class Gate(Protocol):
    """Where work comes from and words go back (humiao._core.Gate)."""

    def answer_words(self, words: list[Word]) -> None:
        """Words on first answers and hold states."""

    def answer_facts(self, found: list[tuple[int, WindowFacts | None]]) -> None:
        """Facts of windows."""

    def answer_holders(self, found: list[tuple[int, Versions, list[bytes]]]) -> None:
        """Who was ever granted a hold, and the versions up to which nobody is missing."""

    def answer_loads(self, loaded: list[tuple[int, bool]]) -> None:
        """Whether sessions are in the cache."""

    def forsake(self, tickets: list[int]) -> None:
        """Work that could not be done."""


class Desk:
    """Takes work from one gate, which books through `channel`. `connect` it to the gate before the gate serves."""

    def __init__(self, ledger: Ledger, gatekeeper: Gatekeeper, database: Database, channel: str) -> None:
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._database = database
        self._channel = channel
        self._gate: Gate | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self, gate: Gate) -> None:
        """Words go there from now on."""
        self._gate = gate

    @property
    def _to(self) -> Gate:
        assert self._gate is not None, "the desk is not connected"
        return self._gate

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look_up(self, tickets: list[int], work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await work()
            except Exception as error:
                log.warning("lookup failed", error=type(error).__name__)
                self._to.forsake(tickets)

        self._start(run())

    def first_answers(self, asked: list[tuple[int, bytes, str, bytes]]) -> None:
        """The first answers to requests: (ticket, account, key, body hash)."""
        for part in _parts(asked):

            async def work(part: list[tuple[int, bytes, str, bytes]] = part) -> None:
                keys = [(f"account:{WireUUID(account)}", key) for _, account, key, _ in part]
                words: list[Word] = []
                for (ticket, _, _, body_hash), row in zip(part, await self._ledger.find_answers(keys), strict=True):
                    if row is not None and row[:2] == ("hold", body_hash):
                        words.append((ticket, "answered", None, row[2]))
                    else:
                        words.append((ticket, "nothing", None, None))
                self._to.answer_words(words)

            self._look_up([ticket for ticket, *_ in part], work)

    def hold_states(self, asked: list[tuple[int, bytes, bytes]]) -> None:
        """What became of holds: (ticket, account, hold)."""
        for part in _parts(asked):

            async def work(part: list[tuple[int, bytes, bytes]] = part) -> None:
                found = await self._ledger.hold_states([(WireUUID(a), WireUUID(h)) for _, a, h in part])
                self._to.answer_words(
                    [(ticket, "nothing", None, state) for (ticket, _, _), state in zip(part, found, strict=True)]
                )

            self._look_up([ticket for ticket, *_ in part], work)

    def facts(self, asked: list[tuple[int, int]]) -> None:
        """Facts of windows: (ticket, window)."""
        for part in _parts(asked):

            async def work(part: list[tuple[int, int]] = part) -> None:
                async with self._database.read() as connection:
                    rows = await connection.fetch(statement("gate/facts"), [window_id for _, window_id in part])
                known = {
                    row["window_id"]: (
                        row["session_id"],
                        row["clinic_id"],
                        row["session_date"].isoformat(),
                        list(zip(row["stock_ids"], row["vaccine_codes"], strict=True)),
                    )
                    for row in rows
                }
                self._to.answer_facts([(ticket, known.get(window_id)) for ticket, window_id in part])

            self._look_up([ticket for ticket, _ in part], work)

    def holders(self, asked: list[tuple[int, int, int]]) -> None:
        """Who was ever granted a hold: (ticket, window, stock)."""
        for part in _parts(asked):

            async def work(part: list[tuple[int, int, int]] = part) -> None:
                async with self._database.read() as connection:
                    rows = await connection.fetch(
                        statement("gate/holders"),
                        [window for _, window, _ in part],
                        [stock for _, _, stock in part],
                        self._channel,
                    )
                known = {
                    row["n"] - 1: (
                        (row["window_version"], row["quota_version"], row["stock_version"]),
                        [account_id.bytes for account_id in row["account_ids"]],
                    )
                    for row in rows
                }
                self._to.answer_holders(
                    [(ticket, *known.get(n, (NO_VERSIONS, []))) for n, (ticket, _, _) in enumerate(part)]
                )

            self._look_up([ticket for ticket, _, _ in part], work)

    def loads(self, asked: list[tuple[int, int]]) -> None:
        """Copy sessions into the cache: (ticket, session)."""
        for part in _parts(asked):

            async def work(part: list[tuple[int, int]] = part) -> None:
                loaded = await self._gatekeeper.load(sorted({session_id for _, session_id in part}))
                self._to.answer_loads([(ticket, loaded) for ticket, _ in part])

            self._look_up([ticket for ticket, _ in part], work)

    async def drain(self) -> None:
        """Wait until everything taken is answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _parts(rows: list[Row]) -> list[list[Row]]:
    return [rows[start : start + LOOKUPS_MAX] for start in range(0, len(rows), LOOKUPS_MAX)]
