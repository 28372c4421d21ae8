"""A whole city on one machine: servers, migrations, data, API and worker; watched, restarted, stopped in order."""

import asyncio
import contextlib
import fcntl
import importlib
import json
import os
import time
from pathlib import Path
from typing import Any, Protocol

from humiao.embedded import process
from humiao.embedded.child import Child, end_leftovers
from humiao.embedded.postgres import Postgres
from humiao.embedded.server import ServerFailed, write_private
from humiao.embedded.tail import Tail, worth_showing
from humiao.embedded.valkey import Valkey
from humiao.settings import Settings

API_PATIENCE_S = 60.0
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0
STEADY_S = 30.0  # what ran this long is started again without a long wait
SAME_WARNING_S = 10.0
CHILDREN = ("gate", "serve", "worker")  # in the order of stopping
DEMO_CHALLENGE_COST = 200  # a few milliseconds of work
SOCKET_PATH_MAX = 100  # of the bytes that a Unix socket's address may have, with some to spare


class AlreadyRunning(Exception):
    """Another launcher runs this city; the message says which process and where."""


class Narrator(Protocol):
    """Who tells people what happens."""

    def step(self, what: str) -> None:
        """Something of unknown length begins."""

    def progress(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps of long work are done."""

    def warning(self, source: str, text: str) -> None:
        """A process warned, ended or came back."""

    def message(self, sms: dict[str, Any]) -> None:
        """A text message was sent: {at, phone, text}."""


class Part(Protocol):
    """A server or a process of ours, as the watch sees it."""

    @property
    def name(self) -> str:
        """What it is called on the terminal and in file names."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""

    async def start_async(self) -> None:
        """Start it."""

    async def stop_async(self, patience_s: float) -> None:
        """Stop it."""

    def kill(self) -> None:
        """kill -9."""


class City:
    """`start`, `watch` until asked to stop, `stop`. Everything it started is gone when `stop` returns."""

    def __init__(self, settings: Settings, *, demo: bool, narrator: Narrator) -> None:
        self._home = settings.home.resolve()
        self._settings = settings
        self._demo = demo
        self._narrator = narrator
        self._postgres = None if settings.database_url else Postgres(self._home)
        self._valkey = None if settings.redis_url else Valkey(self._home)
        self._children: list[Child] = []
        self._lock: int | None = None
        self._run_file = self._home / "run" / "city.json"
        self._shown: dict[tuple[str, str], float] = {}
        self.port = settings.http_port
        self._admin_ports: dict[str, int] = {}  # where each of our processes shows its metrics
        self._api_port = 0  # where the path of a socket would be too long
        self.demo_password = ""  # of the demo's staff accounts, made for this installation

    @property
    def database_url(self) -> str:
        """The address of PostgreSQL."""
        return self._settings.database_url or (self._postgres.url if self._postgres else "")

    @property
    def redis_url(self) -> str:
        """The address of Valkey."""
        return self._settings.redis_url or (self._valkey.url if self._valkey else "")

    @property
    def url(self) -> str:
        """Where this machine finds the pages; what QR codes bear unless HUMIAO_PUBLIC_URL says otherwise."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def _parts(self) -> list[Part]:
        """What runs, in the order of starting."""
        servers: list[Part] = [part for part in (self._postgres, self._valkey) if part]
        return [*servers, *reversed(self._children)]

    async def start(self) -> None:
        """Bring everything up; raises AlreadyRunning, ServerFailed, BinariesMissing, NoServerUser.

        May be cancelled; call `stop` whatever happened.
        """
        self._take_home()
        self._narrator.step("PostgreSQL · Valkey")
        servers = [part.start_async() for part in (self._postgres, self._valkey) if part]
        # The interpreter reads what loading needs while the servers start: a second of every start.
        reading = asyncio.to_thread(importlib.import_module, "humiao.embedded.loading")
        # Before anything else is asked of the port: the API of a killed launcher may be answering its last requests.
        leftovers = [end_leftovers(self._home, name) for name in CHILDREN]
        await asyncio.gather(reading, *servers, *leftovers)
        if self._postgres:
            await self._postgres.make_database()
        from humiao.embedded import loading  # noqa: PLC0415 - read above
        from humiao.kit.keys import make_keys  # noqa: PLC0415

        keys = make_keys(self._settings.keys_path)
        await loading.prepare_schema(self.database_url, self._narrator.progress)
        self._narrator.step("API · worker")
        if self.port == 0 or not process.port_is_free(self.port):
            self.port = process.free_port()
        self._api_port = process.free_port()
        wanted = [name for name in CHILDREN if name != "gate" or self._settings.gate]
        self._admin_ports = {name: process.free_port() for name in wanted}
        self._children = [Child(self._home, name, self._environment(name)) for name in wanted]
        for child in self._children:
            await child.start_async()
        self.demo_password = await loading.load_data(
            self.database_url, demo=self._demo, home=self._home, keys=keys, on_progress=self._narrator.progress
        )
        self._narrator.step("API · worker")
        await self._wait_for_api()
        self._note_running()

    def _take_home(self) -> None:
        """Hold a lock that ends with this process, however it ends."""
        run = self._home / "run"
        run.mkdir(parents=True, exist_ok=True)
        run.chmod(0o700)
        lock = os.open(run / "city.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            noted = _read_run_file(self._run_file) or {}
            raise AlreadyRunning(f"PID {noted.get('pid', '?')}  {noted.get('url', '')}") from None
        self._lock = lock
        self._run_file.unlink(missing_ok=True)  # of a launcher that was killed

    def _environment(self, name: str) -> dict[str, str]:
        return {
            "HUMIAO_HOME": str(self._home),
            "HUMIAO_DATABASE_URL": self.database_url,
            "HUMIAO_REDIS_URL": self.redis_url,
            "HUMIAO_HTTP_HOST": self._settings.http_host,
            "HUMIAO_HTTP_PORT": str(self.port),
            "HUMIAO_ADMIN": self._admin(name),
            "HUMIAO_PUBLIC_URL": self._settings.public_url or self.url,
            "HUMIAO_CHALLENGE_COST": str(self._challenge_cost()),
            **self._places(name),
            "HUMIAO_KEYS_FILE": str(self._settings.keys_path.resolve()),
        }

    def _admin(self, name: str) -> str:
        return f"127.0.0.1:{self._admin_ports[name]}"

    def _challenge_cost(self) -> int:
        """A demo city is for looking at: little work, unless somebody set how much."""
        chosen = "challenge_cost" in self._settings.model_fields_set
        return self._settings.challenge_cost if chosen or not self._demo else DEMO_CHALLENGE_COST

    def _places(self, name: str) -> dict[str, str]:
        """Where a child listens and finds the API. The gate alone listens to the world, or the API without one."""
        if not self._settings.gate:
            return {}
        socket = self._home / "run" / "api.sock"
        short = len(os.fsencode(socket)) <= SOCKET_PATH_MAX
        upstream = f"unix:{socket}" if short else f"http://127.0.0.1:{self._api_port}"
        if name == "serve":
            if short:
                return {"HUMIAO_HTTP_SOCKET": str(socket)}
            return {"HUMIAO_HTTP_HOST": "127.0.0.1", "HUMIAO_HTTP_PORT": str(self._api_port)}
        return {"HUMIAO_UPSTREAM": upstream, "HUMIAO_TRUSTED_PROXIES": json.dumps(believed_proxies(self._settings))}

    def _note_running(self) -> None:
        write_private(
            self._run_file,
            json.dumps(
                {
                    "pid": os.getpid(),
                    "url": self.url,
                    "port": self.port,
                    "database_url": self.database_url,
                    "redis_url": self.redis_url,
                    "pids": {part.name: part.pid for part in self._parts},
                    "admin": {child.name: self._admin(child.name) for child in self._children},
                }
            ),
        )

    async def _wait_for_api(self) -> None:
        needed = [child for child in self._children if child.name in ("gate", "serve")]
        deadline = time.monotonic() + API_PATIENCE_S
        while time.monotonic() < deadline and all(child.pid for child in needed):
            if await http_status(self.port, "/readyz") == 200:
                return
            await asyncio.sleep(0.05)
        tails = "\n".join(child.log_tail() for child in needed)
        raise ServerFailed(f"{' or '.join(child.name for child in needed)} did not start:\n{tails}")

    async def watch(self, stopping: asyncio.Event) -> None:
        """Restart what dies, show warnings and messages as they come, until `stopping` is set."""
        tasks = [asyncio.create_task(self._keep(part)) for part in self._parts]
        tasks.append(asyncio.create_task(self._tell()))
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, waiting):
                task.cancel()
            endings = await asyncio.gather(*tasks, return_exceptions=True)
        for ending in endings:
            if isinstance(ending, Exception):
                raise ending

    async def _keep(self, part: Part) -> None:
        """Start a part again whenever it ends, at its old port; the more often in a row, the longer the wait."""
        pause = PAUSE_FIRST_S
        started = time.monotonic()
        while True:
            while part.pid is not None:  # noqa: ASYNC110 - a process does not say that it ended, it is asked
                await asyncio.sleep(0.1)
            if time.monotonic() - started > STEADY_S:
                pause = PAUSE_FIRST_S
            self._narrator.warning(part.name, f"意外退出，{pause:.1f} 秒后重启 / ended, starting again")
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_S)
            started = time.monotonic()
            try:
                await part.start_async()
            except (ServerFailed, OSError) as failure:
                self._narrator.warning(part.name, str(failure).splitlines()[-1])
                continue
            self._note_running()

    async def _tell(self) -> None:
        logs = [(part.name, Tail(part.log)) for part in self._parts]
        messages = Tail(self._settings.sms_path)
        while True:
            for line in messages.lines():
                with contextlib.suppress(ValueError):
                    self._narrator.message(json.loads(line))
            for name, tail in logs:
                for line in tail.lines():
                    self._show(name, worth_showing(name, line))
            await asyncio.sleep(0.2)

    def _show(self, source: str, text: str | None) -> None:
        """Pass a warning on, but not the same one again and again."""
        now = time.monotonic()
        if text and now - self._shown.get((source, text), -SAME_WARNING_S) >= SAME_WARNING_S:
            if len(self._shown) > 1000:
                self._shown.clear()
            self._shown[source, text] = now
            self._narrator.warning(source, text)

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Stop API, worker, Valkey and PostgreSQL, each when the one before is gone; setting `hurry` kills them."""
        if self._lock is None:
            return
        stopping = asyncio.create_task(self._stop_in_order())
        if hurry:
            hurried = asyncio.create_task(hurry.wait())
            await asyncio.wait([stopping, hurried], return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
            if not stopping.done():
                for part in self._parts:
                    part.kill()
        await stopping
        self._run_file.unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None

    async def _stop_in_order(self) -> None:
        servers: list[Part] = [part for part in (self._valkey, self._postgres) if part]
        for part in [*self._children, *servers]:
            await part.stop_async(12.0)


async def http_status(port: int, path: str) -> int | None:
    """The status with which a loopback port answers GET, or None where nothing answers within two seconds."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                words = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def believed_proxies(settings: Settings) -> list[str]:
    """Networks whose `X-Forwarded-For` the city's gate believes: those that somebody named, if only to name none.

    Else this machine: everybody there may say in whose name they ask, so that a rehearsal comes from many addresses.
    """
    chosen = "trusted_proxies" in settings.model_fields_set
    return settings.trusted_proxies if chosen else ["127.0.0.0/8", "::1/128"]


def running_city(home: Path) -> dict[str, Any] | None:
    """Addresses and process ids of the city that runs in `home`, or None."""
    lock_file = home / "run" / "city.lock"
    if not lock_file.exists():
        return None
    with lock_file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read_run_file(home / "run" / "city.json")
    return None


def _read_run_file(path: Path) -> dict[str, Any] | None:
    try:
        noted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted
