"""A city as a person runs it: `humiao up --demo` in a process of its own, in a home of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from humiao.embedded.city import running_city
from humiao.embedded.user import discard_data, reachable

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90.0  # a cold start on a busy machine
NOBODY = 65534


def eventually(seen: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Poll until `seen()` is true; what another process does can only be looked at. Fails with `what`."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = seen()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {patience_s:.0f} s: {what}")


def python_for_others(shelter: Path) -> str:
    """An interpreter of this version that an ordinary user can reach; copied into `shelter` where there is none."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.executable).resolve(), Path("/usr/bin") / name):
        if candidate.exists() and reachable(candidate.resolve()):
            return str(candidate)
    shutil.copytree(sys.base_prefix, shelter, symlinks=True)
    return str(shelter / "bin" / name)


class RunningCity:
    """One `humiao up`. Its processes are known by its home, which stands on every command line or environment."""

    def __init__(
        self, home: Path, *, user: int | None = None, python: str = sys.executable, port: int = 0, gate: bool = True
    ) -> None:
        self.home = home
        self.log = home.with_suffix(".out")
        self._user = user
        self._python = python
        self._port = port
        self._gate = gate
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RunningCity":
        """Start and wait until it says so and answers."""
        self.launch()
        eventually(self.ready, f"the city is ready:\n{self.output()}")
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start, without waiting."""
        # The interpreter that runs the tests may be out of an ordinary user's reach; the packages are not.
        paths = [str(ROOT / "pyapp"), *(path for path in sys.path if path.endswith("site-packages"))]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUMIAO_")}
        environment |= {"HUMIAO_HOME": str(self.home), "HUMIAO_HTTP_PORT": str(self._port)}
        environment["HUMIAO_GATE"] = str(self._gate)
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        as_user: dict[str, Any] = {}
        if self._user is not None:
            as_user = {"user": self._user, "group": self._user, "extra_groups": []}
            environment["HOME"] = str(self.home.parent)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._python, "-m", "humiao.cli", "up", "--demo"],
                cwd=self.home.parent, env=environment, stdout=log, stderr=log, start_new_session=True, **as_user,
            )  # fmt: skip
        return self._process

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def noted(self) -> dict[str, Any]:
        """Addresses and process ids, while it runs."""
        return running_city(self.home) or {}

    @property
    def url(self) -> str:
        return str(self.noted()["url"])

    def ready(self) -> bool:
        """Whether the welcome was shown and the API answers that it is ready, with its cache."""
        if self._process and self._process.poll() is not None:
            raise AssertionError(f"the city ended with {self._process.returncode}:\n{self.output()}")
        if "Ctrl-C" not in self.output() or not self.noted():
            return False
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=2)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["cache"].get("status") != "away"

    def kill(self, part: str) -> int:
        """kill -9 a part; returns its process id."""
        pid = int(self.noted()["pids"][part])
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self) -> None:
        """kill -9 the launcher and all it started, at once."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._process:
            self._process.wait(10)

    def kill_launcher(self) -> None:
        """kill -9 the launcher alone."""
        assert self._process
        self._process.kill()
        self._process.wait(10)

    def interrupt(self, *signals: int) -> int:
        """Ctrl-C, or other signals, the next when the one before was noticed; returns the exit code."""
        assert self._process
        first, *more = signals or (signal.SIGINT,)
        self._process.send_signal(first)
        for number in more:
            eventually(lambda: "stopping" in self.output(), "the signal is noticed")
            self._process.send_signal(number)
        return self._process.wait(60)

    def processes(self) -> set[int]:
        """Every live process of this home, by command line, title, environment or folder."""
        mark, found = str(self.home).encode(), set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                told = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
                told += str((entry / "cwd").readlink()).encode()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in told and state != "Z":
                found.add(int(entry.name))
        return found


@contextmanager
def city(home: Path, **how: Any) -> Iterator[RunningCity]:
    """A city that is gone at the end with its data, however the test ends."""
    running = RunningCity(home, **how)
    try:
        yield running
    finally:
        running.kill_everything()
        eventually(lambda: not running.processes(), "it is gone")
        discard_data(home)
