"""The contract, fuzzed: whatever OpenAPI allows, or nearly, is answered as OpenAPI says and never with a fault.

Asked of the API by itself and through a gate before it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.api.callers import resident_token, staff_token
from tests.contract.faces import GENEROUS, gate_before, served
from tests.factories import make_residents, make_session
from tests.passes import HEADER, pass_for

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
HOT = "^/api/v1/(resident/(holds(/{hold_id}/status)?|rooms/{room_id}/place)|public/sessions/{session_id}/availability)$"
PATIENCE_S = 180


@pytest_asyncio.fixture(loop_scope="session", params=["api", "gate"])
async def base_url(request: pytest.FixtureRequest, app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    """Where a face of the city answers."""
    async with served(app) as api:
        if request.param == "api":
            yield api.url
        else:
            async with gate_before(settings, api.url, **GENEROUS) as gate:
                yield gate.url


async def fuzz(base_url: str, token: str, paths: str, folder: Path, *how: str) -> tuple[int | None, str]:
    """Let schemathesis walk the edges of every operation; returns its exit code and report."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{base_url}/openapi.json",
        "--phases", "coverage", "--checks", CHECKS, "--include-path-regex", paths,
        "--exclude-path", "/api/v1/auth/logout", "-H", f"Authorization: Bearer {token}", "--seed", "1", "--no-color",
        *how, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        report, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
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
        token, paths = await staff_token(connection, keys, "city_admin"), "/api/v1/(clinic|admin)/"
    try:
        code, report = await fuzz(base_url, token, paths, tmp_path)
    finally:
        # One that was opened over the whole service would let nobody else book.
        await connection.execute(
            "UPDATE rooms SET state = 'closed', closed_at = now(), enforced_from = NULL WHERE scope = 'service'"
        )
    assert code == 0, report


async def test_hot_routes_keep_it_whatever_is_sent(
    base_url: str, connection: asyncpg.Connection, keys: Keys, tmp_path: Path
) -> None:
    """By chance instead of by edges, and with a pass that is good, so that what comes after it is met."""
    (person,) = await make_residents(connection, keys.vault(), 1)
    token, good = await resident_token(connection, keys, person), pass_for(keys, person)
    code, report = await fuzz(
        base_url, token, HOT, tmp_path, "--phases", "fuzzing", "--max-examples", "150", "-H", f"{HEADER}: {good}"
    )
    assert code == 0 and "4 selected" in report, report
