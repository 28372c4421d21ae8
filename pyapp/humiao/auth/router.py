"""HTTP of logging in. No idempotency keys here: a code works once, a refresh token works once."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from humiao.antiabuse.source import Source, source_of
from humiao.auth.dependencies import auth_service, login_session
from humiao.auth.schemas import (
    CodeRequest,
    CodeSent,
    LoginRequest,
    RefreshRequest,
    ResidentTokens,
    StaffLoginRequest,
    StaffTokens,
)
from humiao.auth.service import AuthService
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
Service = Annotated[AuthService, Depends(auth_service)]
From = Annotated[Source, Depends(source_of)]


def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


PRIVATE = [Depends(_no_store)]


@router.post("/codes", status_code=202, summary="发送登录验证码", dependencies=PRIVATE, responses=problems(403, 429))
async def send_code(body: CodeRequest, source: From, service: Service) -> CodeSent:
    """Send a login code by SMS, good on this device alone; needs a solved challenge, within budgets."""
    return unwrap(await service.send_code(body.phone, source, body.challenge))


@router.post("/login", summary="居民登录", dependencies=PRIVATE, responses=problems(401, 403, 429))
async def log_in(body: LoginRequest, source: From, service: Service) -> ResidentTokens:
    """Log a resident in with a code that was sent for this device; the first login makes the account."""
    return unwrap(await service.log_in(body.phone, body.code, source, body.challenge))


@router.post("/refresh", summary="续期登录", dependencies=PRIVATE, responses=problems(401))
async def refresh(body: RefreshRequest, service: Service) -> ResidentTokens:
    """Exchange a refresh token for new tokens."""
    return unwrap(await service.refresh(body.refresh_token))


@router.post("/logout", status_code=204, summary="退出登录")
async def log_out(login_session_id: Annotated[UUID, Depends(login_session)], service: Service) -> None:
    """End the login session of the token."""
    await service.log_out(login_session_id)


@router.post("/staff/login", summary="工作人员登录", dependencies=PRIVATE, responses=problems(401, 403))
async def log_in_staff(body: StaffLoginRequest, service: Service) -> StaffTokens:
    """Log a member of staff in with username and password."""
    return unwrap(await service.log_in_staff(body.username, body.password))
