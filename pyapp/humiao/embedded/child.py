"""One of our own processes (`humiao serve`, `humiao worker`) as the launcher keeps it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from humiao.embedded import process
from humiao.embedded.process import run_async
from humiao.embedded.server import city_marker, set_aside, write_private
from humiao.embedded.user import ServerUser


def _arguments(home: Path, name: str) -> list[str]:
    """What `humiao` is called with; the marker tells the processes of one city from those of another."""
    return [name, "--city", city_marker(home)]


async def end_leftovers(home: Path, name: str) -> None:
    """End every process `name` of the city in `home`, whoever started it; returns when they are gone."""
    marker, programs = " ".join(_arguments(home, name)), (Path(sys.executable).name,)
    await run_async(process.ending_strays(marker, programs, ask=signal.SIGTERM, patience_s=5))


class Child:
    """A process that runs `humiao <name>` with the addresses of its city in its environment."""

    def __init__(self, home: Path, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self._home = home
        self.log = home / "logs" / f"{name}.log"
        self._run_file = home / "run" / f"{name}.json"
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start_async(self) -> None:
        """End a leftover of its name and start; does not wait until it serves. Raises OSError."""
        await end_leftovers(self._home, self.name)
        set_aside(self.log)
        self._process = process.start(
            [sys.executable, "-m", "humiao.cli", *_arguments(self._home, self.name)],
            user=ServerUser(os.geteuid(), os.getegid(), switch=False),
            log=self.log,
            env={**os.environ, **self._environment, "PYTHONUNBUFFERED": "1"},
        )
        self._note()

    async def stop_async(self, patience_s: float = 10.0) -> None:
        """Ask it to end, kill it if it does not in time; returns when it is gone."""
        if self._process:
            await run_async(process.stopping(self._process, ask=signal.SIGTERM, patience_s=patience_s))
            self._process = None
            await end_leftovers(self._home, self.name)
            self._note()

    def kill(self) -> None:
        """kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _note(self) -> None:
        write_private(self._run_file, json.dumps({"pid": self.pid}))

    def log_tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]) if self.log.exists() else ""
