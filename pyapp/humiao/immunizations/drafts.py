"""Use cases of drafts: write, submit, look at what changes, review by a second person, publish.

What a draft says is checked when it is saved, so that a reviewer reads sound data. The review names the digest it read:
between reading and publishing nothing can have changed, or it is refused. Publishing is one transaction: the edition,
the draft's end and the audit entries.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from humiao.auth.tokens import Staff
from humiao.errors import Refusal
from humiao.immunizations import repository
from humiao.immunizations.book import RuleBook
from humiao.immunizations.changes import changes_between
from humiao.immunizations.draft_schemas import DraftInput, ReviewInput
from humiao.immunizations.loader import load_edition
from humiao.immunizations.mistake_words import in_chinese
from humiao.immunizations.models import Edition, Person, Record
from humiao.immunizations.preview import Count, counted, typical
from humiao.immunizations.reading import ProgrammeMistakes
from humiao.immunizations.service import Programmes, shipped_text
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash

SOURCE = "desk"
DRAFTS_MAX = 200  # in one answer
LOOKED_AT = 500  # people on record of whom a preview speaks; `humiao immunizations preview` counts everybody
PAGE = 500  # people read at once by the count of everybody
NOBODY = UUID(int=0)
_REFUSED_BY_RULE = "HM002"  # raised by the triggers of sql/migrations


class DraftsService:
    """What the city's administrators may do with drafts. A writer never reviews; the schema holds that as well."""

    def __init__(self, database: Database, programmes: Programmes) -> None:
        self._database = database
        self._programmes = programmes

    async def editions(self) -> dict[str, Any]:
        """Every published edition, and which is in force today."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("immunizations/editions"))
            today: date = await connection.fetchval(statement("kit/city_today"))
        # The first edition also speaks for the days before it.
        begun = [row["edition_id"] for i, row in enumerate(rows) if i == 0 or row["effective_from"] <= today]
        return {"items": [dict(row) | {"in_force": row["edition_id"] == begun[-1]} for row in rows]}

    async def newest(self) -> dict[str, Any]:
        """The edition that begins last, with its text: what a new draft is written from."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("immunizations/newest_edition"))
        if row:
            return dict(row)
        shipped = self._programmes.book.editions[-1]  # nothing was published yet: `humiao migrate` does
        told = {"edition_id": shipped.id, "effective_from": shipped.effective_from, "digest": shipped.digest}
        return told | {"document": shipped_text()}

    async def list(self) -> dict[str, Any]:
        """Drafts, the last changed first."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("immunizations/drafts"), DRAFTS_MAX)
        return {"items": [dict(row) for row in rows]}

    async def show(self, draft_id: int) -> dict[str, Any] | Refusal:
        """A draft with its text and every place in which it differs from its base."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("immunizations/draft"), draft_id)
        if row is None:
            return Refusal("unknown_draft")
        changes = await asyncio.to_thread(changes_between, row["base_document"], row["document"])
        outdated = row["state"] in ("writing", "submitted") and row["newest"] != row["based_on"]
        return dict(row) | {"outdated": outdated, "changes": [asdict(change) for change in changes]}

    async def write(self, me: Staff, body: DraftInput, key: str) -> dict[str, Any] | Refusal:
        """Begin a draft on the newest edition."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            if isinstance(base := await self._base_for(connection, body), Refusal):
                return base
            draft_id = await connection.fetchval(
                statement("immunizations/add_draft"), base, body.document, body.title, body.reason, me.actor, SOURCE
            )
            return {"draft_id": draft_id} if draft_id else Refusal("programme_moved_on")

        return await self._change(me, key, "write_draft", body.model_dump(), work)

    async def rewrite(self, me: Staff, draft_id: int, body: DraftInput, key: str) -> dict[str, Any] | Refusal:
        """Write one's own draft anew, based on the newest edition."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            if isinstance(base := await self._base_for(connection, body), Refusal):
                return base
            done = await connection.fetchval(
                statement("immunizations/rewrite_draft"),
                draft_id, base, body.document, body.title, body.reason, me.actor, SOURCE,
            )  # fmt: skip
            return {"draft_id": done} if done else await self._why_not(connection, me, draft_id, "writing", own=True)

        return await self._change(me, key, "rewrite_draft", {"draft": draft_id} | body.model_dump(), work)

    async def submit(self, me: Staff, draft_id: int, digest: str, key: str) -> dict[str, Any] | Refusal:
        """Give one's own draft to review."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            done = await connection.fetchval(
                statement("immunizations/submit_draft"), draft_id, digest, me.actor, SOURCE
            )
            return {"draft_id": done} if done else await self._why_not(connection, me, draft_id, "writing", own=True)

        return await self._change(me, key, "submit_draft", {"draft": draft_id, "digest": digest}, work)

    async def withdraw(self, me: Staff, draft_id: int, key: str) -> dict[str, Any] | Refusal:
        """Take one's own draft back for good."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            done = await connection.fetchval(statement("immunizations/withdraw_draft"), draft_id, me.actor, SOURCE)
            return {"draft_id": done} if done else await self._why_not(connection, me, draft_id, "writing", own=True)

        return await self._change(me, key, "withdraw_draft", {"draft": draft_id}, work)

    async def review(self, me: Staff, draft_id: int, body: ReviewInput, key: str) -> dict[str, Any] | Refusal:
        """Publish somebody else's draft, or send it back."""
        work = self._publishing if body.verdict == "publish" else self._sending_back

        async def review(connection: Any) -> dict[str, Any] | Refusal:
            return await work(connection, me, draft_id, body)

        try:
            answer = await self._change(me, key, "review_draft", {"draft": draft_id} | body.model_dump(), review)
        except asyncpg.PostgresError as refused:
            if refused.sqlstate != _REFUSED_BY_RULE:
                raise
            return Refusal("edition_not_later")  # its day came while it waited, or an edition begins later already
        if not isinstance(answer, Refusal):
            await self._programmes.read()
        return answer

    async def _publishing(
        self, connection: Any, me: Staff, draft_id: int, body: ReviewInput
    ) -> dict[str, Any] | Refusal:
        await connection.execute(statement("immunizations/lock_editions"))
        row = await connection.fetchrow(
            statement("immunizations/lock_submitted_draft"), draft_id, body.digest, me.actor
        )
        if row is None:
            return await self._why_not(connection, me, draft_id, "submitted", own=False)
        if not row["on_newest"]:
            return Refusal("programme_moved_on")
        edition = await _compiled(row["document"])
        if isinstance(edition, Refusal):
            return edition
        if not await repository.publish_edition(
            connection, edition.id, edition.effective_from, edition.digest, row["document"], by=me.actor
        ):
            return Refusal("edition_taken")
        await connection.fetchval(
            statement("immunizations/publish_draft"), draft_id, edition.id, body.note, me.actor, SOURCE
        )
        return {"draft_id": draft_id}

    async def _sending_back(
        self, connection: Any, me: Staff, draft_id: int, body: ReviewInput
    ) -> dict[str, Any] | Refusal:
        done = await connection.fetchval(
            statement("immunizations/send_back_draft"), draft_id, body.digest, body.note, me.actor, SOURCE
        )
        return {"draft_id": done} if done else await self._why_not(connection, me, draft_id, "submitted", own=False)

    async def _why_not(self, connection: Any, me: Staff, draft_id: int, state: str, *, own: bool) -> Refusal:
        row = await connection.fetchrow(statement("immunizations/draft"), draft_id)
        if row is None:
            return Refusal("unknown_draft")
        if own and row["written_by"] != me.actor:
            return Refusal("not_your_draft")
        if not own and row["written_by"] == me.actor:
            return Refusal("own_draft")
        if row["state"] != state:
            return Refusal("draft_moved_on", extra={"state": row["state"]})
        if row["newest"] != row["based_on"]:
            return Refusal("programme_moved_on")
        return Refusal(
            "draft_moved_on", extra={"state": row["state"]}
        )  # the text is another than the one that was read

    async def _base_for(self, connection: Any, body: DraftInput) -> str | Refusal:
        """The newest edition's id, where the text is a sound edition that may follow it."""
        edition = await _compiled(body.document)
        if isinstance(edition, Refusal):
            return edition
        known = await repository.edition_ids(connection)
        today: date = await connection.fetchval(statement("kit/city_today"))
        newest: str = known[-1][0]  # there is one: `humiao migrate` publishes that of the release
        if edition.id in dict(known):
            return Refusal("edition_taken")
        begins = self._programmes.book.editions[-1].effective_from
        if edition.effective_from <= max(begins, today):
            return Refusal("edition_not_later")
        return newest

    async def _change(
        self, me: Staff, key: str, operation: str, told: dict[str, Any],
        work: Callable[[Any], Awaitable[dict[str, Any] | Refusal]],
    ) -> dict[str, Any] | Refusal:  # fmt: skip
        async with self._database.transaction() as connection:
            answer = await once(
                connection,
                actor=me.actor,
                key=key,
                operation=operation,
                body_hash=body_hash(operation, told),
                work=lambda: work(connection),
            )
        return answer if isinstance(answer, Refusal) else await self.show(answer["draft_id"])

    async def preview(self, draft_id: int) -> dict[str, Any] | Refusal:
        """Who would be told something else on the draft's first day: typical children, and some of those on record."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("immunizations/draft"), draft_id)
            if row is None:
                return Refusal("unknown_draft")
            people = await people_on_record(connection, NOBODY, LOOKED_AT)
        edition = await _compiled(row["document"])
        if isinstance(edition, Refusal):
            return edition
        return await asyncio.to_thread(_previewed, self._programmes.book, edition, [one for _, *one in people])


async def _compiled(text: str) -> Edition | Refusal:
    """Compile a text beside the loop: it takes a tenth of a second."""
    try:
        return await asyncio.to_thread(load_edition, text, "draft")
    except ProgrammeMistakes as mistakes:
        found = [
            {
                "field": f"document:{mistake.line}",
                "code": "mistake",
                "message": f"第{mistake.line}行有误：{in_chinese(mistake.problem)}",
            }
            for mistake in mistakes.mistakes[:100]
        ]
        return Refusal("programme_mistakes", extra={"errors": found})


async def people_on_record(connection: Any, after: UUID, at_most: int) -> list[tuple[UUID, Person, list[Record]]]:
    """A page of the children on record, by id, with what they were given."""
    rows = await connection.fetch(statement("immunizations/sample_people"), after, at_most)
    return [
        (
            row["person_id"],
            Person(row["birth_date"], row["sex"]),
            [Record(vaccine, date.fromisoformat(given), *more) for vaccine, given, *more in row["records"]],
        )
        for row in rows
    ]


async def count_everybody(database: str, text: str, progress: Callable[[int, int], None]) -> tuple[Edition, Count]:
    """Count over all children on record who would be told something else on an edition's first day.

    `database` is its address; `progress` is told how many are done, of how many. Memory holds one page of people.
    Raises `ProgrammeMistakes`, or ValueError where the edition would not follow one that is published.
    """
    edition = load_edition(text, "draft")
    people = await Database.connect(database, connections=1)
    try:
        async with people.read() as connection:
            editions = [load_edition(known, name) for name, known in await repository.edition_texts(connection)]
            before, after = before_and_after(RuleBook(editions), edition)
            total, last, count = await connection.fetchval(statement("immunizations/count_children")), NOBODY, Count()
            while page := await people_on_record(connection, last, PAGE):
                last = page[-1][0]
                one_page = [(person, records) for _, person, records in page]
                count.add(counted(before, after, one_page, edition.effective_from))
                progress(count.people, total)
    finally:
        await people.close()
    return edition, count


def before_and_after(book: RuleBook, edition: Edition) -> tuple[RuleBook, RuleBook]:
    """The book as it is before an edition, and as it would be with it. Raises ValueError where it is the first."""
    before = RuleBook(e for e in book.editions if e.effective_from < edition.effective_from)
    return before, before.with_edition(edition)


def _previewed(book: RuleBook, edition: Edition, people: list[Any]) -> dict[str, Any]:
    on = edition.effective_from
    before, after = before_and_after(book, edition)
    count = counted(before, after, people, on)
    return {
        "on": on,
        "typical": [
            {
                "birth_date": child.person.birth_date,
                "sex": child.person.sex,
                "history": child.history,
                "moved": [asdict(one) for one in child.moved],
            }
            for child in typical(before, after, on)
        ],
        "people": count.people,
        "changed": count.changed,
        "counts": [
            {"series": series, "before": was, "after": now, "people": people}
            for (series, was, now), people in sorted(count.by_change.items())
        ],
    }
