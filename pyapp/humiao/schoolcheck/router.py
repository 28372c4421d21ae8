"""HTTP of school checks (staff)."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from humiao.auth.dependencies import current_staff
from humiao.auth.tokens import Staff
from humiao.errors import Problem, unwrap
from humiao.kit.large import XLSX
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import InputDate, PathId
from humiao.kit.web import idempotency_key
from humiao.schoolcheck.desk import Entry, SchoolDesk
from humiao.schoolcheck.exemptions import Exemptions
from humiao.schoolcheck.kept import KeptChecks
from humiao.schoolcheck.schemas import (
    CheckAnswer,
    CheckInput,
    ChecksAnswer,
    ChildrenAnswer,
    DistrictCode,
    ExemptionInput,
    ExemptionMade,
    ListAnswer,
    RecheckAnswer,
    ResultCode,
    SchoolInput,
    SchoolName,
    StatisticsAnswer,
)
from humiao.schoolcheck.verdict import Stage

router = APIRouter(prefix="/api/v1/clinic/school-checks", tags=["schoolcheck"])
admin = APIRouter(prefix="/api/v1/admin/school-checks", tags=["schoolcheck"])
SPAN_MAX = timedelta(days=3660)


def school_desk(request: Request) -> SchoolDesk:
    """The service wired in main.py."""
    found: SchoolDesk = request.app.state.services.school_desk
    return found


def kept_checks(request: Request) -> KeptChecks:
    """The service wired in main.py."""
    found: KeptChecks = request.app.state.services.kept_checks
    return found


def exemptions_service(request: Request) -> Exemptions:
    """The service wired in main.py."""
    found: Exemptions = request.app.state.services.exemptions
    return found


async def administrator(me: Annotated[Staff, Depends(current_staff)]) -> Staff:
    """An administrator of the city or a district; raises Problem `forbidden` for other staff."""
    if me.role not in ("city_admin", "district_admin"):
        raise Problem("forbidden")
    return me


Me = Annotated[Staff, Depends(current_staff)]
Desk = Annotated[SchoolDesk, Depends(school_desk)]
Kept = Annotated[KeptChecks, Depends(kept_checks)]
Key = Annotated[str, Depends(idempotency_key)]
ExemptionsOf = Annotated[Exemptions, Depends(exemptions_service)]
Nth = Annotated[PathId, Path(description="名单中的第几人")]
Since = Annotated[InputDate, Query(description="起始日期，含当日")]
Until = Annotated[InputDate, Query(description="截止日期，含当日")]
FILE = {XLSX: {"schema": {"type": "string", "format": "binary"}}}
XLSX_BODY = {"requestBody": {"required": True, "description": "the list, at most 5 MB", "content": FILE}}
REPORT = {"description": "the report", "content": FILE}


@router.post("", status_code=201, summary="班级名单查验", responses=problems(404))
async def check(body: CheckInput, me: Me, key: Key, schools: Desk) -> CheckAnswer:
    """Check a class list and keep the verdicts. Children are found by document; names are masked in the answer."""
    return unwrap(await schools.check(me, body, key))


@router.post("/lists", summary="上传班级名单（xlsx）", openapi_extra=XLSX_BODY, responses=problems(400, 404, 413, 415))
async def take_list(
    request: Request,
    me: Me,
    key: Key,
    schools: Desk,
    district_code: Annotated[DistrictCode, Query(description="学校所在区的代码")],
    school: Annotated[SchoolName, Query(description="学校名称")],
    stage: Annotated[Stage, Query(description="入托、入园或入学")],
    on: Annotated[InputDate | None, Query(description="查验日期，不填为今天")] = None,
    keep: Annotated[bool, Query(alias="import", description="查验并保存无误的行；不填只检查名单")] = False,
) -> ListAnswer:
    """Read an xlsx list (5,000 children, 5 MB): every bad row is named, and the rest is kept only when asked."""
    entry = Entry(SchoolInput(district_code=district_code, name=school), stage, on)
    return unwrap(await schools.take_list(me, entry, _pieces(request), key, keep=keep))


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as gone:
        raise ConnectionResetError from gone


@router.get("", summary="查验列表", responses=problems(401))
async def list_checks(me: Me, kept: Kept, since: Since, until: Until) -> ChecksAnswer:
    """The checks of a span that are within reach: a clinic's own, a district's, the city's."""
    _plausible(since, until)
    return await kept.list_checks(me, since, until)


@router.get("/{check_id}", summary="查验结果", responses=problems(401, 404))
async def show_check(
    check_id: UUID,
    me: Me,
    kept: Kept,
    after: Annotated[int, Query(ge=0, le=100_000, description="从名单第几人之后")] = 0,
    result: Annotated[list[ResultCode] | None, Query(max_length=10, description="只看这些结果；不填为全部")] = None,
) -> ChildrenAnswer:
    """A check and its children, two hundred at a time, by their newest version; names and numbers are masked."""
    return unwrap(await kept.children(me, check_id, after, result))


@router.get(
    "/{check_id}/report", summary="下载查验结果", response_class=Response, responses={200: REPORT, **problems(401, 404)}
)
async def download_report(check_id: UUID, me: Me, kept: Kept) -> Response:
    """All children of a check as xlsx, names and numbers masked, for the school."""
    name, made = unwrap(await kept.report(me, check_id))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(made, media_type=XLSX, headers=headers)


@router.post("/{check_id}/rechecks", summary="立即复验", responses=problems(400, 401, 404))
async def recheck(check_id: UUID, me: Me, key: Key, kept: Kept) -> RecheckAnswer:
    """Check again, by today's records, the children who were to be checked again."""
    return unwrap(await kept.recheck(me, check_id, key))


@router.post(
    "/{check_id}/children/{nth}/exemptions", status_code=201, summary="登记医学原因", responses=problems(400, 401, 404)
)
async def exempt(
    check_id: UUID, nth: Nth, body: ExemptionInput, me: Me, key: Key, exemptions: ExemptionsOf
) -> ExemptionMade:
    """Document a medical reason for a child of a check: a series is put off until a day, or not given."""
    return unwrap(await exemptions.record(me, check_id, nth, body, key))


@router.post(
    "/exemptions/{exemption_id}/end", status_code=204, summary="撤销医学原因", responses=problems(400, 401, 404)
)
async def end_exemption(exemption_id: UUID, me: Me, key: Key, exemptions: ExemptionsOf) -> None:
    """End an exemption; the next check asks for the series again."""
    unwrap(await exemptions.end(me, exemption_id, key))


@admin.get("/statistics", summary="查验统计", responses=problems(401, 403))
async def statistics(
    me: Annotated[Staff, Depends(administrator)],
    schools: Desk,
    since: Since,
    until: Until,
    stage: Annotated[Stage | None, Query(description="入托、入园或入学；不填为全部")] = None,
) -> StatisticsAnswer:
    """Figures by school and district, from each child's newest check in the span (at most ten years)."""
    _plausible(since, until)
    return await schools.statistics(me, since, until, stage)


def _plausible(since: date, until: date) -> None:
    if not since <= until <= since + SPAN_MAX:
        message = "截止日期不能早于起始日期，也不能超过十年"
        raise Problem("invalid_input", errors=[{"field": "until", "code": "implausible", "message": message}])
