"""The public route of challenges."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from humiao.antiabuse.challenges import Purpose
from humiao.antiabuse.schemas import ChallengeAnswer
from humiao.antiabuse.service import AntiAbuseService
from humiao.antiabuse.source import Source, source_of
from humiao.kit.problem_schema import problems

router = APIRouter(prefix="/api/v1/public", tags=["antiabuse"])


def service(request: Request) -> AntiAbuseService:
    """The service wired in main.py."""
    found: AntiAbuseService = request.app.state.services.antiabuse
    return found


@router.get("/challenges", summary="安全验证", responses=problems(400))
async def issue_challenge(
    purpose: Annotated[Purpose, Query(description="send_code：获取验证码；log_in：登录")],
    source: Annotated[Source, Depends(source_of)],
    antiabuse: Annotated[AntiAbuseService, Depends(service)],
    response: Response,
) -> ChallengeAnswer:
    """A proof-of-work challenge (ALTCHA 2), harder where much was asked for; its solution works once."""
    response.headers["Cache-Control"] = "no-store"
    return await antiabuse.issue(purpose, source)
