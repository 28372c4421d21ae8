"""The application on a real port, behind a proxy on this machine whose X-Forwarded-For is believed, as a gate's is."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from humiao.kit.crypto import Vault
from humiao.kit.keys import Keys

_phones = itertools.count(secrets.randbelow(9000) * 10_000)


@pytest.fixture
def phone() -> str:
    """A phone that no other test uses."""
    return f"138{next(_phones):08d}"


@pytest.fixture
def phones() -> itertools.count:
    """Numbers of phones that no other test uses."""
    return _phones


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return keys.vault()


@pytest_asyncio.fixture(loop_scope="session")
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Sixty connections to the application over TCP."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_level="error", access_log=False,
        timeout_keep_alive=120,  # longer than any pause between two requests here
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers no event to wait for
        await asyncio.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    limits = httpx.Limits(max_connections=60)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60, trust_env=False) as client:
        yield client
    server.should_exit = True
    await serving
