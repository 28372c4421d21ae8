"""The HTTP edge: the idempotency key, problem+json, limits on what comes in. Shapes of members are in kit/shapes.py.

`Edge` is ASGI middleware that refuses by header before anything is parsed: bodies over the limit, other content types.
`install_handlers` turns every exception of the framework into a problem with a stable code; nothing leaves as a trace.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
import structlog
from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from humiao.errors import Problem, Refusal, problem_body
from humiao.kit.database import DISCONNECTED, TRANSIENT, DatabaseBusy
from humiao.kit.large import JSON, Large, Larger, large_of
from humiao.kit.measured import note_refusal
from humiao.kit.strict_json import fault_of

log = structlog.get_logger(__name__)
KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{8,64}")
MEMBER = re.compile(r"[a-z][a-z_]{0,39}")
ERRORS_TOLD = 20
AWAY_RETRY_S = 2  # after which a database that was away is worth asking again


def idempotency_key(key: Annotated[str | None, Header(alias="Idempotency-Key")] = None) -> str:
    """Read the client's key of a change; raises Problem where it is missing or malformed."""
    if key is None:
        raise Problem("key_missing")
    if not KEY_PATTERN.fullmatch(key):
        raise Problem("key_malformed")
    return key


def not_stored(response: Response) -> None:
    """Let nobody on the way keep an answer: it is a person's, or changes by the second."""
    response.headers["Cache-Control"] = "no-store"


def body_hash(operation: str, body: Mapping[str, Any]) -> bytes:
    """SHA-256 of an operation and its canonical body: tells a retry from another request with the same key."""
    return hashlib.sha256(
        operation.encode() + b"\x00" + orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str)
    ).digest()


def problem_response(refusal: Refusal, scope: Scope) -> Response:
    """Render a refusal as problem+json; `Retry-After` where a time is known. It is noted for the metrics in `scope`."""
    note_refusal(scope, refusal.code)
    status, body = problem_body(refusal)
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_at is not None and status in (409, 429, 503):
        wait_s = (refusal.retry_at - datetime.now(UTC)).total_seconds()
        headers["Retry-After"] = str(max(1, int(wait_s + 0.999)))
    elif status == 503:
        headers["Retry-After"] = str(AWAY_RETRY_S)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


# pydantic's error types told to people; anything else is "格式不正确".
MESSAGES = {
    "missing": "必填",
    "extra_forbidden": "不支持的字段",
    "string_too_short": "内容太短",
    "string_too_long": "内容太长",
    "string_pattern_mismatch": "格式不正确",
    "string_type": "应为文本",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "greater_than_equal": "数值太小",
    "less_than_equal": "数值太大",
    "date_from_datetime_parsing": "日期格式应为 YYYY-MM-DD",
    "date_parsing": "日期格式应为 YYYY-MM-DD",
    "uuid_parsing": "编号格式不正确",
    "literal_error": "不在可选范围内",
    "enum": "不在可选范围内",
}


def _told(part: int | str) -> str:
    """A step on the way to a member; a name that is not ours to know (an ID number, say) is not repeated."""
    return str(part) if isinstance(part, int) or MEMBER.fullmatch(part) else "?"


def _field_errors(errors: list[Any]) -> list[dict[str, str]]:
    told = []
    for error in errors[:ERRORS_TOLD]:
        path = ".".join(_told(part) for part in error["loc"][1:])
        if error["type"] == "value_error":
            message = str(error["ctx"]["error"])
        else:
            message = MESSAGES.get(error["type"], "格式不正确")
        told.append({"field": path, "code": error["type"], "message": message})
    return told


def install_handlers(app: FastAPI) -> None:
    """Answer every exception as a problem with a stable code."""

    async def on_problem(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem_response(problem.refusal, request.scope)

    async def on_invalid(request: Request, invalid: Exception) -> Response:
        assert isinstance(invalid, RequestValidationError)
        errors = list(invalid.errors())
        path_errors = [error for error in errors if error["loc"] and error["loc"][0] == "path"]
        if path_errors and len(path_errors) == len(errors):
            # an id that cannot exist is an id that does not exist
            return problem_response(Refusal("not_found"), request.scope)
        refusal = Refusal("invalid_input", extra={"errors": _field_errors(errors)})
        return problem_response(refusal, request.scope)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {
            400: "malformed_json",
            404: "not_found",
            405: "method_not_allowed",
            413: "body_too_large",
        }.get(error.status_code, "not_found" if error.status_code < 500 else "internal")
        response = problem_response(Refusal(code), request.scope)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    async def on_away(request: Request, error: Exception) -> Response:
        log.warning("database away", error=type(error).__name__)
        # a change that had begun when the connection broke may have been committed: only its key can tell
        harmless = isinstance(error, (DatabaseBusy, *TRANSIENT)) or request.method in ("GET", "HEAD")
        retry_at = datetime.now(UTC) + timedelta(seconds=AWAY_RETRY_S)
        return problem_response(Refusal("busy" if harmless else "outcome_unknown", retry_at), request.scope)

    async def on_bug(request: Request, error: Exception) -> Response:
        log.error("unexpected", route=request.scope.get("path"), error=type(error).__name__, exc_info=error)
        return problem_response(Refusal("internal"), request.scope)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    for away in (DatabaseBusy, *TRANSIENT, *DISCONNECTED):
        app.add_exception_handler(away, on_away)
    app.add_exception_handler(Exception, on_bug)


class Edge:
    """Refuse by header what need not be read, then by the body's size and form what need not be understood.

    `before_body` may refuse by the head alone, before all else: on the hot routes a stranger is told so first. A file
    (`larger` of another type than JSON) is left to its route, which reads no more of it than it bears.
    """

    def __init__(
        self, app: ASGIApp, *, max_body_bytes: int, before_body: Callable[[Scope], Refusal | None] = lambda _: None,
        larger: Larger | None = None,
    ) -> None:  # fmt: skip
        self._app = app
        self._usual = Large(max_body_bytes)
        self._larger = larger or {}
        self._before_body = before_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        stranger = self._before_body(scope)
        if stranger is not None:
            await problem_response(stranger, scope)(scope, receive, send)
            return
        refusal = None
        may = large_of(self._larger, scope["path"]) or self._usual
        if not length.isdigit() or int(length) > may.bytes_max:
            refusal = "body_too_large"
        elif scope["method"] in ("POST", "PUT", "PATCH") and (length != b"0" or b"transfer-encoding" in headers):
            content_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
            if content_type != may.content_type.encode():
                refusal = "wrong_content_type" if may.content_type == JSON else "not_a_list"
        if refusal:
            await problem_response(Refusal(refusal), scope)(scope, receive, send)
            return
        if may.content_type != JSON:
            await self._app(scope, receive, send)
            return
        body = await self._read(receive, may.bytes_max)
        if isinstance(body, Refusal):
            await problem_response(body, scope)(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            """The body once, then whatever the server says next (that the client has gone)."""
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive, bytes_max: int) -> bytes | Refusal:
        """The whole body, at most the limit and JSON beyond doubt. Bodies are small here: read before all else."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return Refusal("malformed_json")
            body += message.get("body", b"")
            if len(body) > bytes_max:
                return Refusal("body_too_large")
            if not message.get("more_body"):
                break
        fault = fault_of(bytes(body)) if body else None
        return Refusal(fault) if fault else bytes(body)
