"""Checks that were kept, for the desk: which there are, their children, the report, checking again at once."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Staff
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.book import RuleBook
from humiao.immunizations.service import Programmes
from humiao.immunizations.words import day_words
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.schoolcheck.rechecks import Found, add_versions, judge
from humiao.schoolcheck.report import rows_xlsx
from humiao.schoolcheck.rolls import UNLISTED, Listed, open_roll
from humiao.schoolcheck.schemas import (
    CheckRow,
    ChecksAnswer,
    ChildrenAnswer,
    Counts,
    ExemptionAnswer,
    ListedChild,
    MissingAnswer,
    RecheckAnswer,
)
from humiao.schoolcheck.service import ABSENT, RESULTS
from humiao.schoolcheck.verdict import STAGES, Result, reason_of

CHECKS_TOLD_MAX = 200
CHILDREN_TOLD_MAX = 200
ALL_CHILDREN = 100_000
REPORTS_AT_ONCE = 1  # a report takes a core for a second


class KeptChecks:
    """What the desk does with checks. Reach is asked in the query: what is out of it does not exist."""

    def __init__(self, database: Database, vault: Vault, programmes: Programmes) -> None:
        self._database = database
        self._vault = vault
        self._programmes = programmes
        self._reporting = asyncio.Semaphore(REPORTS_AT_ONCE)

    async def list_checks(self, me: Staff, since: date, until: date) -> ChecksAnswer:
        """The checks of a span within reach."""
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("schoolcheck/list_checks"), since, until, *_reach(me), CHECKS_TOLD_MAX, None
            )
        return ChecksAnswer(items=[_check_row(row) for row in rows])

    async def children(
        self, me: Staff, check_id: UUID, after: int, results: Sequence[str] | None
    ) -> ChildrenAnswer | Refusal:
        """A page of the children of a check, of these results or all; refused with `unknown_check`."""
        found = await self._children(me, check_id, after, CHILDREN_TOLD_MAX, results)
        if isinstance(found, Refusal):
            return found
        check, items = found
        return ChildrenAnswer(
            check=check, items=items, next_after=items[-1].nth if len(items) == CHILDREN_TOLD_MAX else None
        )

    async def report(self, me: Staff, check_id: UUID) -> tuple[str, bytes] | Refusal:
        """File name and xlsx with the newest verdicts, names and numbers masked; refused with `unknown_check`."""
        found = await self._children(me, check_id, 0, ALL_CHILDREN, None)
        if isinstance(found, Refusal):
            return found
        check, items = found
        async with self._database.transaction() as connection:
            detail = {"children": len(items)}
            await write_audit(
                connection, me.actor, "desk", "school_check.report_taken", f"school_check:{check_id}", detail=detail
            )
        async with self._reporting:
            made = await asyncio.to_thread(lambda: rows_xlsx([_report_row(one) for one in items]))
        return f"school-check-{check.checked_on}-{str(check_id)[:8]}.xlsx", made

    async def _children(
        self, me: Staff, check_id: UUID, after: int, at_most: int, results: Sequence[str] | None
    ) -> tuple[CheckRow, list[ListedChild]] | Refusal:
        today = datetime.now(CITY_ZONE).date()
        async with self._database.read() as connection:
            row = await find_check(connection, me, check_id)
            if row is None:
                return Refusal("unknown_check")
            children = await connection.fetch(
                statement("schoolcheck/children_of_check"), check_id, after, at_most, results, today
            )
        roll = await asyncio.to_thread(open_roll, self._vault, check_id, row["roll_sealed"])
        book = self._programmes.book
        return _check_row(row), [
            _listed_child(book, child, roll[child["nth"] - 1] if child["nth"] <= len(roll) else UNLISTED)
            for child in children
        ]

    async def recheck(self, me: Staff, check_id: UUID, key: str) -> RecheckAnswer | Refusal:
        """Check again today who was to be checked again, once per key; what is no other than before is no new version.

        Refused with `unknown_check`.
        """
        today = datetime.now(CITY_ZONE).date()
        book = self._programmes.book
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                if await find_check(connection, me, check_id) is None:
                    return Refusal("unknown_check")
                await connection.fetchval(statement("schoolcheck/lock_check"), check_id)
                rows = await connection.fetch(statement("schoolcheck/lock_deadlines_of"), check_id, today)
                judged = await asyncio.to_thread(lambda: [(row, judge(book, row, today)) for row in rows])
                changed = [one for row, one in judged if one and _says_else(one, row)]
                if changed:
                    edition, subject = book.on(today).id, f"school_check:{check_id}"
                    await add_versions(connection, changed, today, edition)
                    detail = {"children": len(changed), "checked_on": today, "edition": edition}
                    await write_audit(connection, me.actor, "desk", "school_check.rechecked", subject, detail=detail)
                return {"looked_at": len(rows), "changed": len(changed)}

            answer = await once(
                connection, actor=me.actor, key=key, operation="schools.recheck",
                body_hash=body_hash("schools.recheck", {"check_id": str(check_id)}), work=work,
            )  # fmt: skip
            if isinstance(answer, Refusal):
                return answer
            row = await find_check(connection, me, check_id)
        return RecheckAnswer(**answer, check=_check_row(row)) if row else Refusal("unknown_check")


def _reach(me: Staff) -> tuple[str, int | None, str | None]:
    return me.role, me.clinic_id, me.district_code


async def find_check(connection: Any, me: Staff, check_id: UUID) -> Any:
    """A check within reach with its counts, or None."""
    return await connection.fetchrow(statement("schoolcheck/list_checks"), None, None, *_reach(me), 1, check_id)


def _says_else(found: Found, row: Any) -> bool:
    """Whether a verdict is another than the newest version of a child; the plan's days move with every day."""
    lacks, lacked = ([dose[:2] for dose in missing] for missing in (json.loads(found.missing), row["was_missing"]))
    return bool(found.result != row["was"] or lacks != lacked)


def _check_row(row: Any) -> CheckRow:
    return CheckRow(
        check_id=row["check_id"], school=row["school_name"], district_code=row["district_code"],
        district_name=row["district_name"], stage=row["stage"], stage_label=STAGES[row["stage"]],
        checked_on=row["checked_on"], made_at=row["made_at"], edition=row["edition_id"], bad_rows=row["bad_rows"] or [],
        recheck_by=row["recheck_by"], **{name: row[name] for name in Counts.model_fields},
    )  # fmt: skip


def _listed_child(book: RuleBook, row: Any, listed: Listed) -> ListedChild:
    """A child by its newest version; the check's own words where it is the first."""
    first = row["version"] == 1
    missing = list(listed.missing) if first else _missing_told(book, row)
    return ListedChild(
        nth=row["nth"], row=listed.row, class_name=row["class_name"], name_masked=listed.name_masked,
        document_masked=listed.document_masked, result=row["result"], result_label=RESULTS[row["result"]],
        missing=missing, explained=listed.explained if first else _told_again(row, missing),
        recheck_by=row["recheck_by"], exemptions=_exemptions(book, row), version=row["version"],
        checked_on=row["checked_on"], edition=row["edition_id"],
    )  # fmt: skip


def _missing_told(book: RuleBook, row: Any) -> list[MissingAnswer]:
    """What a later version lacks: kept as series, dose and day, told with the names of its edition."""
    series = book.on(row["checked_on"]).series
    return [
        MissingAnswer(
            series=code, series_name=series[code].name_zh if code in series else code, number=number,
            planned_on=planned_on, overdue=False, rule="",
        )
        for code, number, planned_on in row["missing"]
    ]  # fmt: skip


def _exemptions(book: RuleBook, row: Any) -> list[ExemptionAnswer]:
    series = book.on(row["checked_on"]).series
    return [
        ExemptionAnswer(
            exemption_id=exemption_id, series=code, until=until,
            series_name=series[code].name_zh if code in series else code,
        )
        for exemption_id, code, until in row["exemptions"]
    ]  # fmt: skip


def _told_again(row: Any, missing: Sequence[MissingAnswer]) -> str:
    opening = f"复验（{day_words(row['checked_on'])}）：{RESULTS[row['result']]}。"
    if row["result"] == "NO_RECORD":
        return opening + ABSENT["NO_RECORD"]
    if row["result"] != "NEEDS_CATCH_UP":
        return opening + reason_of(Result(row["result"]), row["recheck_by"])
    plan = "".join(f"{one.series_name}第{one.number}剂最早可于{day_words(one.planned_on)}接种。" for one in missing)
    return f"{opening}{plan}" + (f"请在{day_words(row['recheck_by'])}前复验。" if row["recheck_by"] else "")


def _report_row(one: ListedChild) -> tuple[object, ...]:
    missing = "、".join(f"{dose.series_name}第{dose.number}剂" for dose in one.missing)
    plan = "；".join(
        f"{dose.planned_on} {dose.series_name}" + (f"（{dose.rule}）" if dose.rule else "") for dose in one.missing
    )
    return (
        one.row, one.class_name, one.name_masked, one.document_masked, one.result_label, missing, one.explained, plan,
        one.recheck_by, one.edition,
    )  # fmt: skip
