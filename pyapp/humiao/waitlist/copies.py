"""Keep the copies of waitlists in Valkey: copy what it lacks or what has drifted, forget what is over.

Changes are told to a copy after their commit (entries, rounds). A process that dies between the two leaves a copy that
counts somebody too many or too few: the number that waits is compared with the ledger's, and where it differs twice in
a row the list is copied anew. Nothing rests on a copy; without one the ledger is asked.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog

from humiao import _core
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.waitlist.ranks import Page, Ranks, Turn

log = structlog.get_logger(__name__)
PAGE = 20_000


class RankKeeper:
    """The worker's loop: looks at every list that people wait in."""

    def __init__(self, database: Database, ranks: Ranks) -> None:
        self._database = database
        self._ranks = ranks
        self._differed: dict[int, tuple[int, int]] = {}

    async def step(self) -> int:
        """Look once at every list; always returns 0. A cache that is away is looked at the next time."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("waitlist/lists"))
        with contextlib.suppress(_core.CacheUnavailable):
            for row in rows:
                if row["over"]:
                    await self._ranks.forget(row["campaign_id"])
                elif await self._is_wanting(row["campaign_id"], row["waiting"]):
                    await self._copy(row["campaign_id"])
        return 0

    async def _is_wanting(self, campaign_id: int, waiting: int) -> bool:
        """Whether a list must be copied: the cache has none, or has told the same wrong number before."""
        told = await self._ranks.waiting(campaign_id)
        if told is None:
            return True
        seen = (waiting, told)
        drifted = told != waiting and self._differed.get(campaign_id) == seen
        self._differed[campaign_id] = seen
        return drifted

    async def _copy(self, campaign_id: int) -> None:
        async with self._database.read() as connection:
            generation = await connection.fetchval(statement("waitlist/next_generation"))
            if await self._ranks.begin(campaign_id, generation):
                await self._ranks.copy(campaign_id, generation, _pages(connection, campaign_id))


async def _pages(connection: Any, campaign_id: int) -> AsyncIterator[Page]:
    """Who waits in one reading of the ledger, page by page; who was drawn and who arrived on pages of their own."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        page: list[tuple[int, int, int]] = []
        turn: Turn = "drawn"
        async for row in connection.cursor(statement("waitlist/who_waits"), campaign_id, prefetch=PAGE):
            now: Turn = "arrived" if row["drawn_position"] is None else "drawn"
            if page and (now != turn or len(page) == PAGE):
                yield Page.of(turn, page)
                page = []
            turn = now
            page.append((row["entry_id"], row["tier"], row["drawn_position"] or row["arrival"]))
        if page:
            yield Page.of(turn, page)
