"""A face of the city: where it answers, and what of an answer must be the same on every face."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from humiao.errors import PROBLEMS, SMALL_BYTES_MAX
from humiao.gate.run import run
from humiao.settings import Settings

RELEVANT = ("content-type", "cache-control", "www-authenticate", "allow", "location")
# Members that tell ids and secrets of what was made, which no two requests share.
OWN = {"hold_id", "hold_token", "person_id", "window_id", "stock_id", "session_id", "version"}
TIMES = {"held_until", "retry_at", "as_of", "bookable_from"}
# Limits of pace that nobody in a test meets.
GENEROUS = {
    "account_per_s": 1e5,
    "account_burst": 10**6,
    "device_per_s": 1e5,
    "device_burst": 10**6,
    "address_per_s": 1e5,
    "address_burst": 10**6,
}
APART_S = 3.0  # how far two faces may be apart in time when they are asked one after the other


class Face:
    """An HTTP address, asked with bytes as they are given."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url, self.http = url, http

    async def ready(self) -> None:
        assert (await self.http.get("/readyz")).status_code == 200

    async def send(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Send a request; `target` goes over the wire as it stands, whatever its spelling."""
        request = self.http.build_request(method, "/", content=body, headers=headers or {})
        request.extensions["target"] = target.encode()
        return await self.http.send(request)


@asynccontextmanager
async def served(app: FastAPI, port: int = 0) -> AsyncIterator[Face]:
    """The application on a port; 0: a free one."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http="httptools", lifespan="off", log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers no event to wait for
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield Face(url, http)
    server.should_exit = True
    await serving


@asynccontextmanager
async def gate_before(settings: Settings, upstream: str, **other: Any) -> AsyncIterator[Face]:
    """The gate before an application, as `humiao gate` runs it, with `other` settings than the usual ones."""
    own = settings.model_copy(update={"http_port": 0, "upstream": upstream} | other)
    stopping = asyncio.Event()
    serving: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run(own, stopping, lambda gate: serving.set_result(gate.port)))
    await asyncio.wait([running, serving], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    url = f"http://127.0.0.1:{serving.result()}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield Face(url, http)
    stopping.set()
    await running


@dataclass(frozen=True)
class Seen:
    """What of an answer is compared: its times apart, everything else as it is."""

    status: int
    headers: dict[str, str]
    body: Any
    times: dict[str, float]


def _split(value: Any, where: str, times: dict[str, float]) -> Any:
    """The value with times taken out into `times` and ids replaced by their kind."""
    if isinstance(value, dict):
        told: dict[str, Any] = {}
        for name, member in value.items():
            place = f"{where}.{name}"
            if name in TIMES and isinstance(member, str):
                assert member.endswith("+08:00"), f"{place} is not told in the city's time: {member}"
                times[place] = datetime.fromisoformat(member).timestamp()
                told[name] = "<time>"
            elif name in OWN:
                told[name] = f"<{type(member).__name__}>"
            else:
                told[name] = _split(member, place, times)
        return told
    if isinstance(value, list):
        return [_split(member, f"{where}.{n}", times) for n, member in enumerate(value)]
    return value


def seen(response: httpx.Response) -> Seen:
    """What is compared. A small problem is measured on the way."""
    times: dict[str, float] = {}
    body: Any = response.text
    if "json" in response.headers.get("content-type", ""):
        body = _split(json.loads(response.content), "", times)
        if "problem" in response.headers["content-type"]:
            assert body["status"] == response.status_code == PROBLEMS[body["code"]].status
            if PROBLEMS[body["code"]].small:
                assert len(response.content) <= SMALL_BYTES_MAX, response.text
    if "retry-after" in response.headers:
        times["Retry-After"] = float(response.headers["retry-after"])
    headers = {name: response.headers[name] for name in RELEVANT if name in response.headers}
    return Seen(response.status_code, headers, body, times)


def assert_alike(first: httpx.Response, second: httpx.Response) -> None:
    """Same status, members, words and relevant headers; times as far apart as the requests."""
    one, other = seen(first), seen(second)
    assert (one.status, one.headers, one.body) == (other.status, other.headers, other.body)
    assert one.times.keys() == other.times.keys()
    apart = {name: abs(at - other.times[name]) for name, at in one.times.items()}
    assert all(seconds <= APART_S for seconds in apart.values()), apart
