"""An embedded PostgreSQL: initialised once, durable (fsync on, checksums), on a loopback port, password needed."""

import signal
import subprocess
import time
from pathlib import Path
from secrets import token_urlsafe

from humiao.embedded import binaries, process
from humiao.embedded.user import ServerUser, common_root, own, place_for_data, reach_copy, server_user

DATABASE = "humiao"
ROLE = "humiao"
START_PATIENCE_S = 60.0  # recovery after a crash may have to replay a good deal of log


class PostgresFailed(Exception):
    """The server did not come up; the message ends with the last lines of its log."""


class Postgres:
    """One server with its data below `home`/postgres. `start` is safe after any kind of death."""

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self._home = home
        self._user: ServerUser = server_user()
        self._log = home / "logs" / "postgres.log"
        self._port_file = home / "run" / "postgres.port"
        self._password_file = home / "run" / "postgres.password"
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address with its password, for HUMIAO_DATABASE_URL."""
        password = self._password_file.read_text(encoding="utf-8").strip()
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def _tool(self, name: str) -> Path:
        found = binaries.find_postgres()
        copy = reach_copy(found.tree, self._user, "postgres")
        return found.tool(name) if copy is None else copy / found.tool(name).relative_to(common_root(found.tree))

    def start(self) -> None:
        """Initialise if need be, end a leftover server of this data, start, and wait until it answers."""
        data = place_for_data(self._home / "postgres", self._user)
        run = self._home / "run"
        run.mkdir(parents=True, exist_ok=True)
        run.chmod(0o700)
        if not (data / "PG_VERSION").exists():
            self._initialise(data)
        own(data, self._user)
        self._end_leftover(data)
        self.port = self._choose_port()
        self._process = process.start(
            [
                self._tool("postgres"), "-D", data, "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                "-c", "max_connections=100", "-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB",
                "-c", "log_min_messages=warning", "-c", "password_encryption=scram-sha-256",
                "-c", "timezone=Asia/Shanghai", "-c", "log_timezone=Asia/Shanghai",
            ],
            user=self._user, log=self._log, death_signal=signal.SIGINT,
        )  # fmt: skip
        self._wait_until_it_answers()

    def _initialise(self, data: Path) -> None:
        own(data, self._user)
        password = token_urlsafe(24)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password, encoding="utf-8")
        handed = data.parent / f".{data.name}.initial"  # initdb runs as the server user and must read it
        handed.write_text(password, encoding="utf-8")
        if self._user.switch:
            handed.chmod(0o644)
        try:
            initdb = process.start(
                [
                    self._tool("initdb"), "-D", data, "-U", ROLE, "--pwfile", handed, "-A", "scram-sha-256",
                    "-E", "UTF8", "-k", *self._locale_flags(),
                ],
                user=self._user, log=self._log,
            )  # fmt: skip
            if initdb.wait(120) != 0:
                raise PostgresFailed(f"initdb failed:\n{self._log_tail()}")
        finally:
            handed.unlink()

    def _locale_flags(self) -> list[str]:
        """C.UTF-8 for ctype is a must: with ctype C, trigrams of Chinese text are silently empty."""
        version = subprocess.run([self._tool("postgres"), "--version"], capture_output=True, text=True, check=True)
        major = int(version.stdout.split()[2].split(".")[0])
        return ["--locale=C.UTF-8", *(["--locale-provider=builtin"] if major >= 17 else [])]

    def _choose_port(self) -> int:
        if self._wanted_port:
            return self._wanted_port
        if self._port_file.exists():
            remembered = int(self._port_file.read_text())
            if process.port_is_free(remembered):
                return remembered
        port = process.free_port()
        self._port_file.write_text(str(port))
        return port

    def _end_leftover(self, data: Path) -> None:
        pid_file = data / "postmaster.pid"
        if pid_file.exists():
            process.end_stranger(int(pid_file.read_text().splitlines()[0]), str(data), ask=signal.SIGINT)

    def _wait_until_it_answers(self) -> None:
        """psql-free readiness: the status line of postmaster.pid says ready, then a database is made if absent."""
        assert self._process is not None
        data = place_for_data(self._home / "postgres", self._user)
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL did not start:\n{self._log_tail()}")
            try:
                lines = (data / "postmaster.pid").read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.02)

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:]) if self._log.exists() else ""

    async def make_database(self) -> None:
        """Create the database of the application where it is missing."""
        import asyncpg  # noqa: PLC0415 - the launcher runs without it until here

        connection = await asyncpg.connect(self.url.rsplit("/", 1)[0] + "/postgres")
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    def kill(self) -> None:
        """kill -9, as a fault; `start` recovers."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)
        self._process = None

    def stop(self) -> None:
        """Fast shutdown; returns when the server is gone."""
        if self._process:
            process.stop(self._process, ask=signal.SIGINT, patience_s=15)
            self._process = None
