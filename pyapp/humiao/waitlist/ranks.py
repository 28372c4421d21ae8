"""Ranks of those who wait, asked of a copy in Valkey: it informs and decides nothing, and may be lost at any time.

A copy is made from PostgreSQL by generation, page by page, while the former one is still shown. Changes are told to the
copy after their commit; they and the pages may overtake each other.
"""

import contextlib
from array import array
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from typing import Literal

import structlog

from humiao import _core

log = structlog.get_logger(__name__)

Turn = Literal["drawn", "arrived"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A place on a waitlist: tier, then the turn in it (place in the draw, or the ledger's sequence)."""

    tier: int
    turn: Turn
    number: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one is served before another: earlier_tier, earlier_in_draw, joined_after_draw or earlier_arrival."""

    code: str
    earlier: int
    later: int


@dataclass(frozen=True, slots=True)
class Rank:
    """How an entry stands among all that wait."""

    standing: Standing
    ahead: int
    ahead_in_earlier_tiers: int
    waiting: int
    previous: int | None  # the entry just before it
    next: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries as the ledger has them: ids, tiers and numbers, all of one kind of turn."""

    turn: Turn
    entries: "array[int]"  # typecode q
    tiers: bytes
    numbers: "array[int]"  # typecode Q

    @classmethod
    def of(cls, turn: Turn, rows: Iterable[tuple[int, int, int]]) -> "Page":
        """A page of (entry, tier, number)."""
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return cls(turn, array("q", columns[0]), bytes(columns[1]), array("Q", columns[2]))


def why_before(one: Standing, other: Standing) -> Reason | None:
    """Why `one` is served before `other`; None where it is not. Raises ValueError for what no ledger gives."""
    reason = _core.why_before((one.tier, one.turn, one.number), (other.tier, other.turn, other.number))
    return None if reason is None else Reason(*reason)


class Ranks:
    """The ranks of all waitlists, through one process's cache client."""

    def __init__(self, admitter: _core.Admitter) -> None:
        self._admitter = admitter

    async def begin(self, list_id: int, generation: int) -> bool:
        """A copy of this generation begins: call it before the transaction that reads the list.

        False where a copy as new is there or under way. Raises CacheUnavailable.
        """
        return await self._admitter.begin_waitlist(list_id, generation)

    async def copy(self, list_id: int, generation: int, pages: AsyncIterable[Page]) -> bool:
        """Copy the pages of one reading of the ledger and show them.

        False where a newer copy has begun or the cache has lost a part: begin again with a newer generation.
        Raises CacheUnavailable.
        """
        count = 0
        async for page in pages:
            done = await self._admitter.import_waitlist(
                list_id, generation, page.entries.tobytes(), page.tiers, page.turn, page.numbers.tobytes()
            )
            if done != "done":
                return False
            count += len(page.tiers)
        done = await self._admitter.publish_waitlist(list_id, generation, count)
        log.info("waitlist copied", list_id=list_id, generation=generation, entries=count, outcome=done)
        return done == "done"

    async def joined(self, list_id: int, page: Page) -> bool:
        """Tell who joined, after the commit. False where the list must be copied. Raises CacheUnavailable."""
        return await self._admitter.join_waitlist(
            list_id, page.entries.tobytes(), page.tiers, page.turn, page.numbers.tobytes()
        )

    async def left(self, list_id: int, entries: list[int]) -> bool:
        """Tell who left, after the commit. False where the list must be copied. Raises CacheUnavailable."""
        return await self._admitter.leave_waitlist(list_id, entries)

    async def rank(self, list_id: int, entries: list[int]) -> list[Rank | None] | None:
        """How entries stand; None for one that does not wait, None in all where the list must be copied first.

        Raises CacheUnavailable.
        """
        answer = await self._admitter.rank_waitlist(list_id, entries)
        if answer is None:
            return None
        waiting, ranked = answer
        return [
            None if one is None else Rank(Standing(*one[2]), one[0], one[1], waiting, one[3], one[4]) for one in ranked
        ]

    async def waiting(self, list_id: int) -> int | None:
        """How many wait, as the copy has it; None where the list must be copied first. Raises CacheUnavailable."""
        answer = await self._admitter.rank_waitlist(list_id, [])
        return None if answer is None else answer[0]

    async def tell_joined(self, list_id: int, turn: Turn, entry: tuple[int, int, int]) -> None:
        """Tell of one (entry, tier, number) that joined, where there is a copy and the cache is at hand."""
        with contextlib.suppress(_core.CacheUnavailable):
            await self.joined(list_id, Page.of(turn, [entry]))

    async def tell_left(self, list_id: int, entries: list[int]) -> None:
        """Tell who left, where there is a copy and the cache is at hand."""
        with contextlib.suppress(_core.CacheUnavailable):
            await self.left(list_id, entries)

    async def ask(self, list_id: int, entry: int) -> Rank | None:
        """How one entry stands; None where the copy does not know it or the cache is away: ask the ledger."""
        with contextlib.suppress(_core.CacheUnavailable):
            found = await self.rank(list_id, [entry])
            return found[0] if found else None
        return None

    async def forget(self, list_id: int) -> None:
        """Drop a list that is over. Raises CacheUnavailable."""
        await self._admitter.forget_waitlist(list_id)
