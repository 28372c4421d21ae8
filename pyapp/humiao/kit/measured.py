"""ASGI middleware that counts and times requests by the template of their route, not by their path: paths hold ids."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from humiao.kit.meters import HttpMeters

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
REFUSED = "humiao.refused"  # where a request's scope keeps the code with which it was refused
OTHER = "other"


def note_refusal(scope: Scope, code: str) -> None:
    """Say with which code this request is refused."""
    scope[REFUSED] = code


def _route(scope: Scope) -> str:
    """The template of the route that was found; pages are one, and so is whatever was not found."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str) and template:
        return template
    return "/h5" if scope.get("path", "").startswith("/h5/") else OTHER


class Measured:
    """Outermost of the middleware, so that a refusal of the edge counts as well."""

    def __init__(self, app: ASGIApp, *, meters: HttpMeters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, count and time."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        meters, began, status, answered_s = self._meters, time.perf_counter(), 500, None

        async def tell(message: Message) -> None:
            nonlocal status, answered_s
            if message["type"] == "http.response.start":
                status, answered_s = message["status"], time.perf_counter() - began
            await send(message)

        meters.in_flight.inc()
        try:
            await self._app(scope, receive, tell)
        except Exception:
            note_refusal(scope, "internal")
            raise
        finally:
            meters.in_flight.dec()
            route = _route(scope)
            method = scope["method"] if scope["method"] in METHODS else OTHER
            meters.requests.labels(route, method, f"{status // 100}xx").inc()
            meters.seconds.labels(route).observe(time.perf_counter() - began if answered_s is None else answered_s)
            if REFUSED in scope:
                meters.refusals.labels(scope[REFUSED]).inc()
