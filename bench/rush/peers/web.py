"""The part that the peers share: the shape of a request, who asks, and how a refusal is said."""

import os
from pathlib import Path
from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from humiao.kit.keys import load_keys

STORE_URL, KEYS_FILE = "PEER_STORE_URL", "PEER_KEYS_FILE"
HOLD_TTL_S = 600
POOL = 16


class Wish(BaseModel):
    """The body of a hold."""

    model_config = ConfigDict(extra="forbid")

    person_id: UUID
    window_id: int = Field(ge=1)
    stock_id: int = Field(ge=1)


class Refused(Exception):
    """A hold that is not to be had."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def account(request: Request, authorization: Annotated[str, Header()]) -> str:
    """The account that asks, by its access token; asynchronous, or FastAPI would give it to a thread."""
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            request.app.state.secret,
            algorithms=["HS256"],
            audience="resident",
            issuer="humiao",
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "not_logged_in") from error
    return str(claims["sub"])


Account = Annotated[str, Depends(account)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=64)]


async def say_no(_: Request, refused: Exception) -> JSONResponse:
    """A refusal as problem+json."""
    assert isinstance(refused, Refused)
    problem = {"type": "about:blank", "title": "约满了", "status": 409, "code": refused.code}
    return JSONResponse(problem, 409, media_type="application/problem+json")


def new_app() -> tuple[FastAPI, str]:
    """An application and the address of its store."""
    app = FastAPI()
    app.state.secret = load_keys(Path(os.environ[KEYS_FILE])).token_keys[0].secret
    app.add_exception_handler(Refused, say_no)
    return app, os.environ[STORE_URL]
