"""School checks for staff: a class list is checked and the verdicts are kept; figures by school and district."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from humiao.auth.tokens import Staff
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.service import Programmes
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.masking import mask_name
from humiao.kit.sheets import Cell, RowError
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.residents.documents import NAMES
from humiao.schoolcheck.class_list import Child, read_row
from humiao.schoolcheck.reading import ListReader
from humiao.schoolcheck.rolls import missing_of, seal_roll
from humiao.schoolcheck.schemas import (
    CheckAnswer,
    CheckInput,
    ChildAnswer,
    Counts,
    DistrictCounts,
    ListAnswer,
    RowFault,
    SchoolCounts,
    SchoolInput,
    StatisticsAnswer,
)
from humiao.schoolcheck.service import RESULTS, Checked, check_children
from humiao.schoolcheck.verdict import STAGES, Stage, Verdict

_MEMBERS = {
    "姓名": "name", "性别": "sex", "出生日期": "birth_date", "证件号码": "document_number", "班级": "class_name",
}  # fmt: skip
_COUNTS = tuple(Counts.model_fields)


ERRORS_TOLD_MAX = 1_000  # of one list; its bad rows are named all


@dataclass(frozen=True, slots=True)
class Entry:
    """Which check a list is for; `on` None: today."""

    school: SchoolInput
    stage: Stage
    on: date | None


@dataclass(frozen=True, slots=True)
class _Listed:
    children: list[Child]
    errors: list[RowError]


def listed(body: CheckInput, today: date, on: date) -> _Listed:
    """The rows of a request, judged as those of a file are. Pure."""
    found, seen = _Listed([], []), dict[str, int]()
    for row, one in enumerate(body.children, start=1):
        cells = {
            "姓名": Cell(one.name), "性别": Cell(one.sex), "出生日期": Cell(one.birth_date),
            "证件号码": Cell(one.document_number), "证件类型": Cell(NAMES[one.document_type]),
            "班级": Cell(one.class_name),
        }  # fmt: skip
        read = read_row(row, cells, today, on, seen)
        if isinstance(read, Child):
            found.children.append(read)
        else:
            found.errors.extend(read)
    return found


class SchoolDesk:
    """Checks lists and counts."""

    def __init__(
        self, database: Database, vault: Vault, programmes: Programmes, reader: ListReader | None = None
    ) -> None:
        self._database = database
        self._vault = vault
        self._programmes = programmes
        self._reader = reader or ListReader()

    async def check(self, me: Staff, body: CheckInput, key: str) -> CheckAnswer | Refusal:
        """Check a list and keep the verdicts, once per key.

        Refused with `unknown_district` out of reach, `invalid_input` with every bad row unless the good are accepted.
        """
        today = datetime.now(CITY_ZONE).date()
        on = body.on or today
        rows = listed(body, today, on)
        if rows.errors and not (body.accept_good and rows.children):
            return _invalid(rows.errors)
        # ID numbers can be enumerated: what is kept of the request is a keyed digest
        digest = self._vault.blind_index("request", body.model_dump_json())

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            made = await self._made(connection, me, Entry(body.school, body.stage, on), rows)
            if isinstance(made, Refusal):
                return made
            check_id, edition, checked = made
            answer = CheckAnswer(
                check_id=check_id, checked_on=on, edition=edition, children=[_told(one) for one in checked],
                errors=_faults(rows.errors),
            )  # fmt: skip
            return answer.model_dump(mode="json")

        answer = await self._once(me, key, "schools.check", {"request": digest.hex()}, work)
        return answer if isinstance(answer, Refusal) else CheckAnswer.model_validate(answer)

    async def take_list(
        self, me: Staff, entry: Entry, pieces: AsyncIterator[bytes], key: str, *, keep: bool
    ) -> ListAnswer | Refusal:
        """Read an xlsx list and name its bad rows; where `keep`, check and keep the good ones, once per key.

        Refused as `ListReader.read`, with `unknown_district` out of reach, `invalid_input` where no row can be read.
        """
        async with self._database.read() as connection:
            if not await _in_reach(connection, me, entry.school.district_code):
                return Refusal("unknown_district")
        today = datetime.now(CITY_ZONE).date()
        on = entry.on or today
        taken = await self._reader.read(me.actor, pieces, today, on)
        if isinstance(taken, Refusal):
            return taken
        data, found = taken
        if not found.readable:
            return _unreadable(found.errors)
        told = ListAnswer(
            rows=len(found.children) + len(found.bad_rows), good=len(found.children), bad_rows=list(found.bad_rows),
            errors=_faults(found.errors)[:ERRORS_TOLD_MAX], check_id=None,
        )  # fmt: skip
        if not keep or not found.children:
            return told
        # what is kept of the request is a keyed digest of the file, of which ID numbers are the most part
        digest = self._vault.blind_index("request", hashlib.sha256(data).hexdigest())

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            rows = _Listed(list(found.children), list(found.errors))
            made = await self._made(connection, me, replace(entry, on=on), rows)
            if isinstance(made, Refusal):
                return made
            return told.model_copy(update={"check_id": made[0]}).model_dump(mode="json")

        asked = {"request": digest.hex(), "school": entry.school.model_dump(), "stage": entry.stage, "on": entry.on}
        answer = await self._once(me, key, "schools.take_list", asked, work)
        return answer if isinstance(answer, Refusal) else ListAnswer.model_validate(answer)

    async def _once(
        self, me: Staff, key: str, operation: str, asked: dict[str, Any],
        work: Callable[[Any], Awaitable[dict[str, Any] | Refusal]],
    ) -> dict[str, Any] | Refusal:  # fmt: skip
        async with self._database.transaction() as connection:
            return await once(
                connection, actor=me.actor, key=key, operation=operation, body_hash=body_hash(operation, asked),
                work=lambda: work(connection),
            )  # fmt: skip

    async def _made(
        self, connection: Any, me: Staff, entry: Entry, rows: _Listed
    ) -> tuple[UUID, str, list[Checked]] | Refusal:
        """Make a check on `entry.on` and keep it: its id, the edition that decided, and every child's verdict."""
        school, stage, on = entry.school, entry.stage, entry.on
        assert on
        if not await _in_reach(connection, me, school.district_code):
            return Refusal("unknown_district")
        check_id, book = uuid4(), self._programmes.book
        checked = await check_children(
            connection, self._vault, book, rows.children, on, stage, by=me.actor, source="desk", check_id=check_id
        )
        school_id = await connection.fetchval(statement("schoolcheck/school_of"), school.district_code, school.name)
        edition = book.on(on).id
        await connection.execute(
            statement("schoolcheck/add_check"), check_id, school_id, stage, on, edition, me.actor, "desk"
        )
        await connection.execute(
            statement("schoolcheck/add_children"), check_id,
            [self._vault.blind_index("document", one.child.document_number) for one in checked],
            [one.person_id for one in checked], [one.child.class_name for one in checked],
            [one.result for one in checked], [json.dumps(_missing(one)) for one in checked],
            [one.verdict.recheck_by if isinstance(one.verdict, Verdict) else None for one in checked],
        )  # fmt: skip
        bad_rows = list(dict.fromkeys(error.row for error in rows.errors if error.row is not None))
        sealed = await asyncio.to_thread(seal_roll, self._vault, check_id, checked)
        await connection.execute(statement("schoolcheck/add_roll"), check_id, me.clinic_id, bad_rows, sealed)
        return check_id, edition, checked

    async def statistics(self, me: Staff, since: date, until: date, stage: Stage | None) -> StatisticsAnswer:
        """Figures by school and district: the city's, or the district's own."""
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("schoolcheck/statistics"), since, until, me.role, me.district_code, stage
            )
        schools = [SchoolCounts(**dict(row), stage_label=STAGES[row["stage"]]) for row in rows]
        return StatisticsAnswer(since=since, until=until, schools=schools, districts=by_district(schools))


async def _in_reach(connection: Any, me: Staff, district_code: str) -> bool:
    reach = (district_code, me.role, me.clinic_id, me.district_code)
    return await connection.fetchval(statement("schoolcheck/district_in_reach"), *reach) is not None


def _faults(errors: Iterable[RowError]) -> list[RowFault]:
    return [RowFault(row=one.row or 0, column=one.column, code=one.code, message=one.message) for one in errors]


def _unreadable(errors: Iterable[RowError]) -> Refusal:
    """A file of which no row can be judged: it is no table, too large, or its header is not understood."""
    told = [{"field": "file", "code": one.code, "message": one.message} for one in errors]
    return Refusal("invalid_input", extra={"errors": told})


def by_district(schools: Iterable[SchoolCounts]) -> list[DistrictCounts]:
    """The sums of each district, in order of their codes. Pure."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for one in schools:
        counts = sums.setdefault((one.district_code, one.district_name), dict.fromkeys(_COUNTS, 0))
        for name in _COUNTS:
            counts[name] += getattr(one, name)
    return [
        DistrictCounts(district_code=code, district_name=name, **counts)
        for (code, name), counts in sorted(sums.items())
    ]


def _invalid(errors: Iterable[RowError]) -> Refusal:
    told = [
        {
            "field": f"children.{(one.row or 1) - 1}.{_MEMBERS.get(one.column or '', '')}".rstrip("."),
            "code": one.code,
            "message": f"第 {one.row} 行：{one.message}",
        }
        for one in errors
    ]
    return Refusal("invalid_input", extra={"errors": told})


def _missing(one: Checked) -> list[tuple[str, int, str]]:
    if not isinstance(one.verdict, Verdict):
        return []
    return [(dose.series, dose.number, dose.planned_on.isoformat()) for dose in one.verdict.missing]


def _told(one: Checked) -> ChildAnswer:
    verdict = one.verdict if isinstance(one.verdict, Verdict) else None
    return ChildAnswer(
        row=one.child.row, class_name=one.child.class_name, name_masked=mask_name(one.child.name), result=one.result,
        result_label=RESULTS[one.result], explained=one.text_zh, recheck_by=verdict.recheck_by if verdict else None,
        missing=missing_of(one),
    )  # fmt: skip
