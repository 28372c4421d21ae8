"""The contract, fuzzed: whatever OpenAPI allows, or nearly, is answered as OpenAPI says and never with a fault."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from humiao.kit.keys import Keys
from tests.api.callers import resident_token, staff_token
from tests.factories import make_residents, make_session

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest_asyncio.fixture(loop_scope="session")
async def base_url(app: FastAPI) -> AsyncIterator[str]:
    """The application on a port of its own."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_level="error", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers no event to wait for
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


async def fuzz(base_url: str, token: str, paths: str, folder: Path) -> tuple[int | None, str]:
    """Let schemathesis walk the edges of every operation; returns its exit code and report."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{base_url}/openapi.json",
        "--phases", "coverage", "--checks", CHECKS, "--include-path-regex", paths,
        "--exclude-path", "/api/v1/auth/logout", "-H", f"Authorization: Bearer {token}", "--seed", "1", "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    report, _ = await process.communicate()
    return process.returncode, report.decode()


@pytest.mark.parametrize("who", ["resident", "staff"])
async def test_every_operation_keeps_the_contract(
    base_url: str, connection: asyncpg.Connection, keys: Keys, tmp_path: Path, who: str
) -> None:
    await make_session(connection, windows=2)
    if who == "resident":
        (person,) = await make_residents(connection, keys.vault(), 1)
        token, paths = await resident_token(connection, keys, person), "/api/v1/(resident|public|auth)/"
    else:
        token, paths = await staff_token(connection, keys, "city_admin"), "/api/v1/clinic/"
    code, report = await fuzz(base_url, token, paths, tmp_path)
    assert code == 0, report
