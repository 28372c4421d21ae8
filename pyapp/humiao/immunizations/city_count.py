"""What a draft would change for every child on record, counted in the background with progress, until it is cancelled.

The worker calls `CityCounter.step`: a page of people is judged by both rules in a process of its own, so that no other
loop waits for it, and what was found is kept before the next page is read. Memory holds one page.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from typing import Any

import structlog

from humiao.auth.tokens import Staff
from humiao.errors import Refusal
from humiao.immunizations import repository
from humiao.immunizations.book import RuleBook
from humiao.immunizations.draft_schemas import CityCount, CityCountAnswer, CountRow
from humiao.immunizations.drafts import before_and_after, people_on_record
from humiao.immunizations.loader import load_edition
from humiao.immunizations.models import Edition, Person, Record
from humiao.immunizations.preview import Count, counted
from humiao.kit.audit import write_audit
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash

log = structlog.get_logger(__name__)
PAGE = 500  # people judged between two looks at whether it was cancelled: about a second
Texts = tuple[tuple[str, str], ...]  # text and name of each published edition


class CityCounts:
    """Asks for, shows and cancels the count of a draft."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def show(self, draft_id: int) -> CityCountAnswer | Refusal:
        """The newest count of a draft, or none; refused with `unknown_draft`."""
        async with self._database.read() as connection:
            if await connection.fetchrow(statement("immunizations/draft"), draft_id) is None:
                return Refusal("unknown_draft")
            return _told(await connection.fetchrow(statement("immunizations/newest_count"), draft_id))

    async def ask(self, me: Staff, draft_id: int, key: str) -> CityCountAnswer | Refusal:
        """Ask for a count, once per key; one that is open already is the answer.

        Refused with `unknown_draft`, `draft_moved_on` for a draft that was published or withdrawn.
        """

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            row = await connection.fetchrow(statement("immunizations/draft"), draft_id)
            if row is None:
                return Refusal("unknown_draft")
            if row["state"] not in ("writing", "submitted"):
                return Refusal("draft_moved_on", extra={"state": row["state"]})
            if await connection.fetchval(statement("immunizations/add_count"), draft_id, me.actor):
                await _note(connection, me, draft_id, "programme.count_asked")
            return {}

        return await self._change(me, draft_id, key, "programme.count", work)

    async def cancel(self, me: Staff, draft_id: int, key: str) -> CityCountAnswer | Refusal:
        """Cancel the open count, once per key; where none is open nothing changes. Refused with `unknown_draft`."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            if await connection.fetchrow(statement("immunizations/draft"), draft_id) is None:
                return Refusal("unknown_draft")
            if await connection.fetchval(statement("immunizations/cancel_count"), draft_id):
                await _note(connection, me, draft_id, "programme.count_cancelled")
            return {}

        return await self._change(me, draft_id, key, "programme.cancel_count", work)

    async def _change(
        self, me: Staff, draft_id: int, key: str, operation: str, work: Callable[[Any], Any]
    ) -> CityCountAnswer | Refusal:
        async with self._database.transaction() as connection:
            answer = await once(
                connection, actor=me.actor, key=key, operation=operation,
                body_hash=body_hash(operation, {"draft": draft_id}), work=lambda: work(connection),
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.show(draft_id)


async def _note(connection: Any, me: Staff, draft_id: int, action: str) -> None:
    await write_audit(connection, me.actor, "desk", action, f"programme_draft:{draft_id}")


def _told(row: Any) -> CityCountAnswer:
    if row is None:
        return CityCountAnswer(count=None)
    rows = sorted(row["counts"], key=lambda one: (one[0], -one[3]))
    return CityCountAnswer(
        count=CityCount(
            **{name: row[name] for name in ("state", "why", "total", "people", "unread", "changed", "of_this_text")},
            counts=[CountRow(series=code, before=was, after=now, people=n) for code, was, now, n in rows],
            asked_at=row["created_at"], changed_at=row["changed_at"],
        )
    )  # fmt: skip


@lru_cache(maxsize=2)
def _books(editions: Texts, document: str) -> tuple[RuleBook, RuleBook, Edition]:
    """Both rule books, compiled once in a process."""
    book, edition = RuleBook([load_edition(text, name) for text, name in editions]), load_edition(document, "draft")
    return (*before_and_after(book, edition), edition)


def count_page(editions: Texts, document: str, people: Sequence[tuple[Person, list[Record]]]) -> Count:
    """Count a page of people; what the process of a counter does."""
    before, after, edition = _books(editions, document)
    return counted(before, after, people, edition.effective_from)


def own_process() -> Executor:
    """One process that starts from nothing: it has no connection and no lock of the worker's."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


class CityCounter:
    """Goes on with the count that was asked for first, a page at a step. Any number may run; each page counts once."""

    def __init__(
        self, database: Database, make_pool: Callable[[], Executor] = own_process, *, page: int = PAGE
    ) -> None:
        self._database = database
        self._make_pool = make_pool
        self._pool: Executor | None = None
        self._page = page

    async def step(self) -> int:
        """Count a page; returns how many people when there may be more."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("immunizations/next_count"))
            if row is None:
                self.close()
                return 0
            why = _why_not(row)
            total = row["total"] or await connection.fetchval(statement("immunizations/count_children"))
            people = [] if why else await people_on_record(connection, row["last_person"], self._page)
            editions = tuple((text, name) for name, text in await repository.edition_texts(connection))
        count = Count(row["people"], row["changed"], Counter(), row["unread"])
        count.by_change.update({(code, was, now): n for code, was, now, n in row["counts"]})
        if people:
            count.add(await self._judged(editions, row["document"], [(one, records) for _, one, records in people]))
        state = "failed" if why else "running" if len(people) == self._page else "done"
        async with self._database.transaction() as connection:
            await connection.fetchval(
                statement("immunizations/keep_count"), row["count_id"], row["last_person"],
                people[-1][0] if people else row["last_person"], state, max(total, count.people), count.people,
                count.unread, count.changed, [[*change, n] for change, n in count.by_change.items()], why,
            )  # fmt: skip
        if state != "running":
            log.info("count of a draft ended", count_id=row["count_id"], state=state, people=count.people)
        return max(1, len(people))

    async def _judged(self, editions: Texts, document: str, people: Sequence[tuple[Person, list[Record]]]) -> Count:
        self._pool = self._pool or self._make_pool()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, count_page, editions, document, people)
        except BrokenExecutor:  # somebody ended the process; the page is counted again with another
            self.close()
            raise

    def close(self) -> None:
        """Let the process go; the next step makes another."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _why_not(row: Any) -> str | None:
    if not row["same_text"] or not row["draft_open"]:
        return "draft_moved_on"
    return None if row["newest"] == row["newest_now"] else "programme_moved_on"
