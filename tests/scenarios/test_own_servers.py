"""An installation on servers of one's own, by the commands of docs/operations/running.md."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from humiao.embedded.process import free_port
from humiao.settings import Settings
from tests.conftest import Servers, empty_database
from tests.faults.city import ROOT, eventually

pytestmark = pytest.mark.slow
PASSWORD = "a-long-enough-password"


class Installation:
    """Runs `humiao …` with the environment that an operator would set."""

    def __init__(self, home: Path, database_url: str, redis_url: str) -> None:
        self.port = free_port()
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("HUMIAO_")} | {
            "HUMIAO_HOME": str(home), "HUMIAO_DATABASE_URL": database_url, "HUMIAO_REDIS_URL": redis_url,
            "HUMIAO_HTTP_PORT": str(self.port), "PYTHONPATH": str(ROOT / "pyapp"),
        }  # fmt: skip
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments), env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )

    def start(self, *arguments: str) -> None:
        self._running.append(subprocess.Popen(self._command(*arguments), env=self._environment))

    def stop(self) -> list[int]:
        """SIGTERM to everything; exit codes."""
        for process in self._running:
            process.terminate()
        return [process.wait(20) for process in self._running]

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "humiao.cli", *arguments]


@pytest.fixture
def installation(servers: Servers, settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    assert settings.database_url  # the server is up and has its first database
    redis_url = urlsplit(servers.redis_url)._replace(path="/9").geturl()
    with empty_database(servers.database_url) as database_url:
        made = Installation(tmp_path / "home", database_url, redis_url)
        yield made
        made.stop()


def test_the_operators_commands_make_a_city_that_serves(installation: Installation) -> None:
    for command in (
        ["keys"],
        ["migrate"],
        ["migrate"],
        ["keys"],
        ["staff", "create-admin", "admin", "--password", PASSWORD],
    ):
        done = installation.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    installation.start("serve")
    installation.start("worker")
    url = f"http://127.0.0.1:{installation.port}"

    def ready() -> Any:
        try:
            return httpx.get(f"{url}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    eventually(ready, "the API is ready")
    login = httpx.post(f"{url}/api/v1/auth/staff/login", json={"username": "admin", "password": PASSWORD})
    assert login.status_code == 200, login.text
    assert len(httpx.get(f"{url}/api/v1/public/vaccines").json()["items"]) > 30
    me = {"Authorization": f"Bearer {login.json()['access_token']}"}

    def looked() -> str:
        return str(httpx.get(f"{url}/api/v1/clinic/sessions/1", headers=me).json()["code"])

    assert looked() == "unknown_session"
    revoked = installation.run("keys", "revoke", "staff")
    assert revoked.returncode == 0, revoked.stdout + revoked.stderr
    eventually(lambda: looked() == "not_logged_in", "the token is refused", 10)
    examined = installation.run("doctor")
    assert examined.returncode == 0, examined.stdout
    assert installation.run("audit", "verify").returncode == 0
    # uvicorn answers what is under way and then lets the signal have its effect.
    assert installation.stop() == [-signal.SIGTERM, 0]
