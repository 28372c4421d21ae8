"""What both embedded servers share: a home, a remembered port, a password, a run file, a start safe after any death."""

import hashlib
import json
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from secrets import token_urlsafe
from typing import ClassVar

from humiao.embedded import process
from humiao.embedded.process import Steps, run_async, run_blocking
from humiao.embedded.user import data_root, own, server_user

LOG_BYTES_MAX = 16 * 1024 * 1024  # a longer log is set aside at the next start, one generation is kept


class ServerFailed(Exception):
    """The server did not come up; the message ends with the last lines of its log."""


def city_marker(home: Path) -> str:
    """A short name of the city in `home` that its processes carry in their command lines."""
    return "humiao-" + hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


class Server(ABC):
    """One server process with its data below `home`. Safe to start after any kind of death."""

    name: ClassVar[str]
    programs: ClassVar[Sequence[str]]
    stop_signal: ClassVar[int]
    start_patience_s: ClassVar[float]

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self._home = home.resolve()
        self._user = server_user(self._home)
        self.marker = city_marker(self._home)
        self.log = self._home / "logs" / f"{self.name}.log"
        self._run_file = self._home / "run" / f"{self.name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or 0

    @property
    @abstractmethod
    def url(self) -> str:
        """The address with its password."""

    @abstractmethod
    def _prepare(self, data: Path) -> Steps:
        """Steps: make the data what the server needs to start."""

    @abstractmethod
    def _command(self, data: Path) -> list[str | Path]:
        """The command that starts the server in the foreground."""

    @abstractmethod
    def _answers(self, data: Path) -> bool:
        """Whether the server that was started takes commands."""

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def data(self) -> Path:
        """The folder of its data, which may lie outside of the home."""
        return data_root(self._home, self._user) / self.name

    @property
    def password(self) -> str:
        """The password, kept beside the data so that neither is lost without the other."""
        return (self.data / "password").read_text(encoding="utf-8").strip()

    def start(self) -> None:
        """Start and wait until it answers; raises ServerFailed, BinariesMissing, NoServerUser."""
        run_blocking(self._starting())

    async def start_async(self) -> None:
        """`start` inside an event loop (of the main thread)."""
        await run_async(self._starting())

    def _starting(self) -> Steps:
        if self.pid is not None:
            return
        for folder in (self._home / "logs", self._home / "run"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        set_aside(self.log)
        yield from process.ending_strays(self.marker, self.programs, ask=self.stop_signal, patience_s=10)
        data = self.data
        yield from self._prepare(data)
        own(data, self._user)
        chosen = self.port
        for attempt in range(3):
            self.port = chosen or self._choose_port()
            self._process = process.start(
                self._command(data), user=self._user, log=self.log, death_signal=self.stop_signal
            )
            self._note()
            deadline = time.monotonic() + self.start_patience_s
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._answers(data):
                    return
                yield
            yield from self._stopping()
            if chosen or attempt == 2 or process.port_is_free(self.port):  # else somebody took the port in between
                break
        raise ServerFailed(f"{self.name} did not start:\n{self.log_tail()}")

    def _choose_port(self) -> int:
        try:
            remembered = int(json.loads(self._run_file.read_text(encoding="utf-8"))["port"])
        except (OSError, ValueError, KeyError, TypeError):
            remembered = 0
        return remembered if remembered and process.port_is_free(remembered) else process.free_port()

    def _note(self) -> None:
        write_private(self._run_file, json.dumps({"pid": self.pid, "port": self.port, "url": self.url}))

    def _write(self, path: Path, text: str) -> None:
        """Write a file that the server user, and nobody else, can read."""
        write_private(path, text)
        if self._user.switch:
            os.chown(path, self._user.uid, self._user.gid)

    def log_tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9, as a fault; `start` recovers."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, patience_s: float = 15.0) -> None:
        """Orderly shutdown; returns when the server is gone, killed if it does not go in time."""
        run_blocking(self._stopping(patience_s))

    async def stop_async(self, patience_s: float = 15.0) -> None:
        """`stop` inside an event loop."""
        await run_async(self._stopping(patience_s))

    def _stopping(self, patience_s: float = 15.0) -> Steps:
        if self._process:
            yield from process.stopping(self._process, ask=self.stop_signal, patience_s=patience_s)
            self._process = None
            yield from process.ending_strays(self.marker, self.programs, ask=self.stop_signal, patience_s=5)
            self._note()


def set_aside(log: Path) -> None:
    """Rename a log that has grown too long, before its process starts again."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def new_password() -> str:
    """A password that needs no quoting in a URL or a configuration file."""
    return token_urlsafe(24)
