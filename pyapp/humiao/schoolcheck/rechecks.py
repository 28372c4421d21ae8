"""School checks again when their deadline comes: the verdict of that day, kept as the next version.

A deadline is locked while its child is judged and moves with the verdict, in one transaction, so each is met once
however many workers there are. A check itself never changes.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import UnknownVaccine
from humiao.immunizations.models import Person, Record
from humiao.immunizations.service import Programmes
from humiao.kit.audit import write_audit
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.schoolcheck.verdict import Known, Result, check

log = structlog.get_logger(__name__)
CHILDREN_AT_ONCE = 50


class Found(NamedTuple):
    """The verdict of a deadline; `missing` as JSON, as it is kept."""

    check_id: UUID
    nth: int
    result: str
    missing: str
    recheck_by: date | None


def judge(book: RuleBook, row: Any, today: date) -> Found | None:
    """Judge one row of `schoolcheck/lock_deadlines`; None where a record cannot be read. Pure but for a warning."""
    if not row["on_record"]:
        return Found(row["check_id"], row["nth"], "NO_RECORD", "[]", None)
    records = [Record(vaccine, date.fromisoformat(given), *more) for vaccine, given, *more in row["records"] or ()]
    try:
        verdict = check(book, Person(row["birth_date"], row["sex"]), records, today, row["stage"], Known.of(row))
    except UnknownVaccine as unknown:
        log.warning("child not checked again", check_id=str(row["check_id"]), nth=row["nth"], vaccine=str(unknown))
        return None
    by = verdict.recheck_by
    # on the deadline itself, 31 December: the next is a year away
    if verdict.result is Result.NEEDS_CATCH_UP and by is not None and by <= today:
        by = date(today.year + 1, 12, 31)
    missing = [(dose.series, dose.number, dose.planned_on.isoformat()) for dose in verdict.missing]
    return Found(row["check_id"], row["nth"], verdict.result.value, json.dumps(missing), by)


async def add_versions(connection: Any, found: Sequence[Found], day: date, edition_id: str) -> None:
    """Keep verdicts as the next versions, and their deadlines; these are locked by the caller."""
    check_ids, nths, results, missing, recheck_by = map(list, zip(*found, strict=True))
    await connection.execute(
        statement("schoolcheck/add_rechecks"), check_ids, nths, day, edition_id, results, missing, recheck_by
    )


class Rechecker:
    """One step checks a bounded number of children again."""

    def __init__(self, database: Database, programmes: Programmes) -> None:
        self._database = database
        self._programmes = programmes

    async def step(self, today: date | None = None) -> int:
        """Check who is due on `today` (None: by the database); returns how many when there may be more."""
        await self._programmes.read()
        book = self._programmes.book
        async with self._database.transaction() as connection:
            day: date = today or await connection.fetchval(statement("kit/city_today"))
            rows = await connection.fetch(statement("schoolcheck/lock_deadlines"), day, CHILDREN_AT_ONCE)
            judged = await asyncio.to_thread(lambda: [judge(book, row, day) for row in rows])
            found = [one for one in judged if one]
            if found:
                await add_versions(connection, found, day, book.on(day).id)
            for check_id, children in sorted(Counter(one.check_id for one in found).items()):
                detail = {"children": children, "checked_on": day, "edition": book.on(day).id}
                await write_audit(
                    connection, "worker", "worker", "school_check.rechecked", f"school_check:{check_id}", detail=detail
                )
        return len(found) if len(rows) == CHILDREN_AT_ONCE else 0
