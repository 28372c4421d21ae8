"""School checks for staff: a class list is checked and the verdicts are kept; figures by school and district."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

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
from humiao.schoolcheck.schemas import (
    CheckAnswer,
    CheckInput,
    ChildAnswer,
    DistrictCounts,
    MissingAnswer,
    RowFault,
    SchoolCounts,
    StatisticsAnswer,
)
from humiao.schoolcheck.service import RESULTS, Checked, check_children
from humiao.schoolcheck.verdict import STAGES, Stage, Verdict

_MEMBERS = {
    "姓名": "name", "性别": "sex", "出生日期": "birth_date", "证件号码": "document_number", "班级": "class_name",
}  # fmt: skip
_COUNTS = ("children", "passed", "needs_catch_up", "no_record", "name_differs", "recheck_late")


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

    def __init__(self, database: Database, vault: Vault, programmes: Programmes) -> None:
        self._database = database
        self._vault = vault
        self._programmes = programmes

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
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await self._check(connection, me, body, rows, on)

            answer = await once(
                connection, actor=me.actor, key=key, operation="schools.check",
                body_hash=body_hash("schools.check", {"request": digest.hex()}), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else CheckAnswer.model_validate(answer)

    async def _check(
        self, connection: Any, me: Staff, body: CheckInput, rows: _Listed, on: date
    ) -> dict[str, Any] | Refusal:
        reach = (body.school.district_code, me.role, me.clinic_id, me.district_code)
        if await connection.fetchval(statement("schoolcheck/district_in_reach"), *reach) is None:
            return Refusal("unknown_district")
        check_id, book = uuid4(), self._programmes.book
        checked = await check_children(
            connection, self._vault, book, rows.children, on, body.stage, by=me.actor, source="desk", check_id=check_id
        )
        school_id = await connection.fetchval(
            statement("schoolcheck/school_of"), body.school.district_code, body.school.name
        )
        edition = book.on(on).id
        await connection.execute(
            statement("schoolcheck/add_check"), check_id, school_id, body.stage, on, edition, me.actor, "desk"
        )
        await connection.execute(
            statement("schoolcheck/add_children"), check_id,
            [self._vault.blind_index("document", one.child.document_number) for one in checked],
            [one.person_id for one in checked], [one.child.class_name for one in checked],
            [one.result for one in checked], [json.dumps(_missing(one)) for one in checked],
            [one.verdict.recheck_by if isinstance(one.verdict, Verdict) else None for one in checked],
        )  # fmt: skip
        errors = [RowFault(row=one.row or 0, code=one.code, message=one.message) for one in rows.errors]
        answer = CheckAnswer(
            check_id=check_id, checked_on=on, edition=edition, children=[_told(one) for one in checked], errors=errors
        )
        return answer.model_dump(mode="json")

    async def statistics(self, me: Staff, since: date, until: date, stage: Stage | None) -> StatisticsAnswer:
        """Figures by school and district: the city's, or the district's own."""
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("schoolcheck/statistics"), since, until, me.role, me.district_code, stage
            )
        schools = [SchoolCounts(**dict(row), stage_label=STAGES[row["stage"]]) for row in rows]
        return StatisticsAnswer(since=since, until=until, schools=schools, districts=by_district(schools))


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
        missing=[
            MissingAnswer(
                series=dose.series, series_name=dose.series_name, number=dose.number, planned_on=dose.planned_on,
                overdue=dose.overdue_since is not None, rule=dose.rule_id,
            )
            for dose in (verdict.missing if verdict else ())
        ],
    )  # fmt: skip
