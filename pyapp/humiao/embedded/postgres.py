"""An embedded PostgreSQL: initialised once, durable (fsync on, checksums), on a loopback port, password needed."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from humiao.embedded import binaries, process
from humiao.embedded.process import Steps
from humiao.embedded.server import Server, ServerFailed, new_password
from humiao.embedded.user import own, reach_copy

DATABASE = "humiao"
ROLE = "humiao"


class Postgres(Server):
    """One server with its data below `home`/postgres. `start` is safe after any kind of death."""

    name = "postgres"
    programs = ("postgres",)
    stop_signal = signal.SIGINT  # fast shutdown: sessions are ended, everything is written
    start_patience_s = 120.0  # recovery after a crash may have to replay a good deal of log

    @property
    def url(self) -> str:
        """The address with its password, for HUMIAO_DATABASE_URL."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def _tool(self, name: str) -> Path:
        found = binaries.find_postgres()
        copied = reach_copy(found.tool("postgres"), found.tree, self._user, self.data.parent / "binaries")
        return copied.parent / name

    def _prepare(self, data: Path) -> Steps:
        if not (data / "PG_VERSION").exists():
            yield from self._initialise(data)
        # No process of this city is left here, so a lock that names a live process names a stranger with a reused id.
        (data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self, data: Path) -> Steps:
        """Make the cluster beside its place and move it there whole: a start cut off leaves nothing half made."""
        draft, password = data.with_name("postgres.draft"), data.with_name("postgres.password")
        shutil.rmtree(draft, ignore_errors=True)
        own(draft, self._user)
        self._write(password, new_password())
        initdb = process.start(
            [
                self._tool("initdb"), "-D", draft, "-U", ROLE, "--pwfile", password, "-A", "scram-sha-256",
                "-E", "UTF8", "-k", *self._locale_flags(),
            ],
            user=self._user, log=self.log,
        )  # fmt: skip
        try:
            while initdb.poll() is None:
                yield
        finally:
            initdb.kill()
        if initdb.returncode != 0:
            raise ServerFailed(f"initdb failed:\n{self.log_tail()}")
        password.rename(draft / "password")
        draft.rename(data)

    def _locale_flags(self) -> list[str]:
        """C.UTF-8 for ctype is a must: with ctype C, trigrams of Chinese text are silently empty."""
        version = subprocess.run(
            [self._tool("postgres"), "--version"], capture_output=True, text=True, check=True, cwd="/"
        )
        major = int(version.stdout.split()[2].split(".")[0])
        return ["--locale=C.UTF-8", *(["--locale-provider=builtin"] if major >= 17 else [])]

    def _command(self, data: Path) -> list[str | Path]:
        # cluster_name is part of every title, so that even a backend whose postmaster was killed is known as ours
        return [
            self._tool("postgres"), "-D", data, "-p", str(self.port),
            "-c", f"cluster_name={self.marker}",
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "max_connections=100", "-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB",
            # A segment of the log that has to be made holds every commit up for some 40 ms: used ones are kept.
            "-c", "min_wal_size=1GB",
            "-c", "fsync=on", "-c", "full_page_writes=on",
            "-c", "log_min_messages=warning", "-c", "password_encryption=scram-sha-256",
            "-c", "timezone=Asia/Shanghai", "-c", "log_timezone=Asia/Shanghai",
        ]  # fmt: skip

    def _answers(self, data: Path) -> bool:
        """The status line of postmaster.pid says ready: known without a client, and only after recovery."""
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    async def make_database(self) -> None:
        """Create the application's database where it is missing; raises ServerFailed if it cannot search Chinese."""
        import asyncpg  # noqa: PLC0415 - the launcher runs without it until here

        connection = await asyncpg.connect(self.url.rsplit("/", 1)[0] + "/postgres")
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
            if not await knows_chinese(connection):
                raise ServerFailed("trigrams of Chinese text are empty: the cluster was not made with C.UTF-8")
        finally:
            await connection.close()


async def knows_chinese(connection: Any) -> bool:
    """Whether trigram search works for Chinese text (or pg_trgm is not there at all). Changes nothing."""
    if not await connection.fetchval("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"):
        return True
    trial = connection.transaction()
    await trial.start()
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        return bool(await connection.fetchval("SELECT cardinality(show_trgm('流感疫苗')) > 0"))
    finally:
        await trial.rollback()
