"""Routes of the city's back office (city administrators)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from humiao.antiabuse.schemas import VelocityAnswer
from humiao.antiabuse.service import AntiAbuseService
from humiao.auth.dependencies import city_administrator
from humiao.kit.problem_schema import problems
from humiao.limits.schemas import LimitsAnswer
from humiao.limits.service import LimitsService

router = APIRouter(prefix="/api/v1/admin", tags=["backoffice"])


def antiabuse_service(request: Request) -> AntiAbuseService:
    """The service wired in main.py."""
    found: AntiAbuseService = request.app.state.services.antiabuse
    return found


def limits_service(request: Request) -> LimitsService:
    """The service wired in main.py."""
    found: LimitsService = request.app.state.services.limits
    return found


@router.get(
    "/signals",
    summary="异常信号与短信熔断",
    dependencies=[Depends(city_administrator)],
    responses=problems(401, 403),
)
async def list_signals(
    antiabuse: Annotated[AntiAbuseService, Depends(antiabuse_service)],
    days: Annotated[int, Query(ge=1, le=90, description="最近几天")] = 7,
) -> VelocityAnswer:
    """The breaker of codes by SMS, and what looked like abuse of late; masked, for people to judge."""
    return await antiabuse.review(days=days)


@router.get(
    "/limits",
    summary="预约限制规则",
    dependencies=[Depends(city_administrator)],
    responses=problems(401, 403),
)
async def list_limits(limits: Annotated[LimitsService, Depends(limits_service)]) -> LimitsAnswer:
    """The rules that limit claims: of each the newest version and the one that decides today."""
    return await limits.list()
