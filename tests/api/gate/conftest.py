"""Two gates before one API, as a browser meets them: real ports, the real application, PostgreSQL and Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from humiao.gate.run import run
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.api.callers import Caller, resident_token
from tests.factories import World, make_residents
from tests.passes import HEADER, pass_for

UNLIMITED = {"account_per_s": 1e5, "account_burst": 100_000, "device_per_s": 1e5, "device_burst": 100_000,
             "address_per_s": 1e5, "address_burst": 1_000_000}  # fmt: skip


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def upstream(app: FastAPI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The API on a Unix socket, as `humiao serve` starts it behind a gate."""
    socket: Path = tmp_path_factory.mktemp("gate") / "api.sock"
    config = uvicorn.Config(
        app, uds=str(socket), lifespan="off", log_level="error", access_log=False, proxy_headers=True,
        forwarded_allow_ips="*",
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers no event to wait for
        await asyncio.sleep(0.01)
    yield f"unix:{socket}"
    server.should_exit = True
    await serving


OpenGate = Callable[..., Awaitable[httpx.AsyncClient]]


@asynccontextmanager
async def gate(settings: Settings, upstream: str, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A gate that serves, and a client of it; both end with the block."""
    of_gate = settings.model_copy(update={"upstream": upstream, "http_port": 0, **UNLIMITED, **changes})
    stopping = asyncio.Event()
    started: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run(of_gate, stopping, started.set_result))
    done, _ = await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
    assert started in done, running.exception()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{started.result().port}", limits=limits, timeout=20
        ) as client:
            yield client
    finally:
        stopping.set()
        await running


@pytest_asyncio.fixture(loop_scope="session")
async def open_gate(settings: Settings, upstream: str) -> AsyncIterator[OpenGate]:
    """Opens gates with settings of their own; they close with the test."""
    async with AsyncExitStack() as stack:

        async def opened(**changes: Any) -> httpx.AsyncClient:
            return await stack.enter_async_context(gate(settings, upstream, **changes))

        yield opened


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def gates(settings: Settings, upstream: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two gates with the settings of production, but for the pace of callers."""
    async with gate(settings, upstream) as one, gate(settings, upstream) as other:
        yield [one, other]


@dataclass
class Resident:
    """Somebody who books for themself, at whichever face."""

    person: UUID
    token: str
    leave: str

    def at(self, client: httpx.AsyncClient) -> Caller:
        """Asks there."""
        return Caller(client, self.token)

    async def hold(self, client: httpx.AsyncClient, world: World, *, key: str | None = None) -> httpx.Response:
        """Ask for a place in the first window."""
        body = {"person_id": str(self.person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
        headers = {HEADER: self.leave}
        return await self.at(client).send("POST", "/resident/holds", body, key=key or uuid4().hex, headers=headers)


MakeResidents = Callable[[int], Awaitable[list[Resident]]]


@pytest_asyncio.fixture(loop_scope="session")
async def residents(connection: asyncpg.Connection, keys: Keys) -> MakeResidents:
    """Makes residents who are logged in and have their passes."""

    async def make(count: int) -> list[Resident]:
        people = await make_residents(connection, keys.vault(), count)
        return [Resident(p, await resident_token(connection, keys, p), pass_for(keys, p)) for p in people]

    return make
