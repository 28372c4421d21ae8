"""Who is asking, as FastAPI dependencies. Each raises Problem `not_logged_in` or `token_expired` (401).

Whoever may do more than others is let through here as well: one check of a role for every router.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.types import Scope

from humiao.auth.service import AuthService
from humiao.auth.tokens import Resident, Staff, Tokens
from humiao.errors import Problem, Refusal, unwrap
from humiao.kit.large import large_of
from humiao.large import LARGE_BODIES

# Where the gate asks who it is before it reads anything else, and so does the API.
STRANGERS_FIRST = {("POST", "/api/v1/resident/holds")}
_bearer = HTTPBearer(auto_error=False, description="登录后得到的 access_token")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def _token(credentials: Credentials) -> str:
    if credentials is None:
        raise Problem("not_logged_in")
    return credentials.credentials


BearerToken = Annotated[str, Depends(_token)]


def _tokens(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.tokens
    return tokens


def auth_service(request: Request) -> AuthService:
    """Return the service that the composition root made."""
    service: AuthService = request.app.state.services.auth
    return service


async def current_resident_fast(request: Request, token: BearerToken) -> Resident:
    """The resident by token alone, for the booking path: the ledger checks the account where it decides."""
    return unwrap(_tokens(request).read_resident(token))


def refuse_strangers(scope: Scope) -> Refusal | None:
    """`not_logged_in` or `token_expired` by the head alone, on routes where that is told before all else.

    Those are where the rush is, and where bodies are large: these are read for staff alone.
    """
    hot = (scope["method"], scope["path"]) in STRANGERS_FIRST
    if not hot and (scope["method"] == "GET" or large_of(LARGE_BODIES, scope["path"]) is None):
        return None
    scheme, token = get_authorization_scheme_param(Headers(scope=scope).get("Authorization"))
    if scheme.lower() != "bearer":
        return Refusal("not_logged_in")
    tokens: Tokens = scope["app"].state.tokens
    read = tokens.read_resident(token) if hot else tokens.read_staff(token)
    return read if isinstance(read, Refusal) else None


async def current_resident(
    resident: Annotated[Resident, Depends(current_resident_fast)],
    service: Annotated[AuthService, Depends(auth_service)],
) -> Resident:
    """The resident by token and a login session that still counts."""
    return unwrap(await service.check_resident(resident))


async def current_staff(
    request: Request, token: BearerToken, service: Annotated[AuthService, Depends(auth_service)]
) -> Staff:
    """The member of staff by token and a login session that still counts; role and place are fresh."""
    return unwrap(await service.check_staff(unwrap(_tokens(request).read_staff(token))))


async def city_administrator(me: Annotated[Staff, Depends(current_staff)]) -> Staff:
    """A city administrator; raises Problem `forbidden` for other staff."""
    if me.role != "city_admin":
        raise Problem("forbidden")
    return me


async def login_session(request: Request, token: BearerToken) -> UUID:
    """The login session of a token, a resident's or a member of staff's."""
    tokens = _tokens(request)
    resident = tokens.read_resident(token)
    if not isinstance(resident, Refusal):
        return resident.login_session_id
    staff = tokens.read_staff(token)
    if not isinstance(staff, Refusal):
        return staff.login_session_id
    # an expired token of either kind is told as expired, anything else as not logged in
    raise Problem("token_expired" if "token_expired" in (resident.code, staff.code) else "not_logged_in")
