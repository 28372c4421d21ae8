"""HTTP of school checks (staff)."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from humiao.auth.dependencies import current_staff
from humiao.auth.tokens import Staff
from humiao.errors import Problem, unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import InputDate
from humiao.kit.web import idempotency_key
from humiao.schoolcheck.desk import SchoolDesk
from humiao.schoolcheck.schemas import CheckAnswer, CheckInput, StatisticsAnswer
from humiao.schoolcheck.verdict import Stage

router = APIRouter(prefix="/api/v1/clinic/school-checks", tags=["schoolcheck"])
admin = APIRouter(prefix="/api/v1/admin/school-checks", tags=["schoolcheck"])
SPAN_MAX = timedelta(days=3660)


def school_desk(request: Request) -> SchoolDesk:
    """The service wired in main.py."""
    found: SchoolDesk = request.app.state.services.school_desk
    return found


async def administrator(me: Annotated[Staff, Depends(current_staff)]) -> Staff:
    """An administrator of the city or a district; raises Problem `forbidden` for other staff."""
    if me.role not in ("city_admin", "district_admin"):
        raise Problem("forbidden")
    return me


Me = Annotated[Staff, Depends(current_staff)]
Desk = Annotated[SchoolDesk, Depends(school_desk)]
Key = Annotated[str, Depends(idempotency_key)]


@router.post("", status_code=201, summary="班级名单查验", responses=problems(404))
async def check(body: CheckInput, me: Me, key: Key, schools: Desk) -> CheckAnswer:
    """Check a class list and keep the verdicts. Children are found by document; names are masked in the answer."""
    return unwrap(await schools.check(me, body, key))


@admin.get("/statistics", summary="查验统计", responses=problems(401, 403))
async def statistics(
    me: Annotated[Staff, Depends(administrator)],
    schools: Desk,
    since: Annotated[InputDate, Query(description="起始日期，含当日")],
    until: Annotated[InputDate, Query(description="截止日期，含当日")],
    stage: Annotated[Stage | None, Query(description="入托、入园或入学；不填为全部")] = None,
) -> StatisticsAnswer:
    """Figures by school and district, from each child's newest check in the span (at most ten years)."""
    if not since <= until <= since + SPAN_MAX:
        message = "截止日期不能早于起始日期，也不能超过十年"
        raise Problem("invalid_input", errors=[{"field": "until", "code": "implausible", "message": message}])
    return await schools.statistics(me, since, until, stage)
