"""Who is measured: the gate, and what a user would build instead. Each is one process on a core of its own.

A contender is given the windows of a round (`open_round`) and afterwards tells what it has committed (`taken`).
"""

import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.request import urlopen
from uuid import UUID

import orjson
from redis.asyncio import Redis

from bench.rush.peers.web import KEYS_FILE, STORE_URL
from bench.rush.processes import APP_CPU, Started, family, python
from bench.town import Spot, Town
from humiao.embedded.process import free_port

REFUSAL = json.dumps({"code": "window_full", "title": "x" * 146}).encode()  # where no other is given
UNLIMITED = {  # the limiter is on the way and refuses nobody: the load comes from one address
    "HUMIAO_ACCOUNT_PER_S": "1000", "HUMIAO_ACCOUNT_BURST": "1000",
    "HUMIAO_DEVICE_PER_S": "1000", "HUMIAO_DEVICE_BURST": "1000",
    "HUMIAO_ADDRESS_PER_S": "1000000", "HUMIAO_ADDRESS_BURST": "1000000",
}  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """What a contender's store says after a round; the counters are summed over windows."""

    claims: int
    persons: int
    counted: int
    oversold: int


class Contender(ABC):
    """One process, started before its rounds and stopped after them."""

    name: ClassVar[str]
    decides: ClassVar[bool] = True  # nginx does not
    patience_s: ClassVar[float] = 30  # with which its start is awaited

    def __init__(self, town: Town, folder: Path, *, cpu: int = APP_CPU) -> None:
        self._town, self._folder, self._cpu = town, folder, cpu
        self.port = free_port()
        self._process: Started | None = None

    @property
    def pids(self) -> list[int]:
        """The process and its children."""
        return family(self._process.pid) if self._process else []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start and wait until it takes connections."""
        log = self._folder / f"{self.name}.log"
        self._process = Started(self._command(), cpu=self._cpu, log=log, env=self._environment())
        await self._process.answers(self.port, self.patience_s)

    async def stop(self) -> None:
        if self._process:
            await self._process.stop()

    @abstractmethod
    def _command(self) -> list[str]:
        """What starts it."""

    def _environment(self) -> dict[str, str]:
        return {}

    @abstractmethod
    async def open_round(self, windows: int, places: int) -> list[Spot]:
        """Windows of so many places each, nothing taken; whatever the last round left is gone."""

    @abstractmethod
    async def taken(self, spots: list[Spot]) -> Taken:
        """What is committed."""


class Gate(Contender):
    """The gate as production runs it: `humiao gate`, its ledger in PostgreSQL, its counters in Valkey."""

    name = "gate"

    def __init__(self, town: Town, folder: Path, *, cpu: int = APP_CPU, settings: dict[str, str] | None = None) -> None:
        super().__init__(town, folder, cpu=cpu)
        self.admin_port = free_port()
        self._settings = settings or {}

    def _command(self) -> list[str]:
        return python("-m", "humiao.cli", "gate")

    def _environment(self) -> dict[str, str]:
        return {
            "HUMIAO_HOME": str(self._folder),
            "HUMIAO_KEYS_FILE": str(self._town.keys_file),
            "HUMIAO_DATABASE_URL": self._town.postgres.url,
            "HUMIAO_REDIS_URL": self._town.valkey.url,
            "HUMIAO_HTTP_PORT": str(self.port),
            "HUMIAO_ADMIN": f"127.0.0.1:{self.admin_port}",
            "HUMIAO_LOG_LEVEL": "warning",
            # For trying out one setting: HUMIAO_GATE_…, HUMIAO_LEDGER_… of the caller are passed on.
            **{
                name: value for name, value in os.environ.items() if name.startswith(("HUMIAO_GATE_", "HUMIAO_LEDGER_"))
            },
            **UNLIMITED,
            **self._settings,
        }

    async def open_round(self, windows: int, places: int) -> list[Spot]:
        await self._town.forget_claims()
        return await self._town.spots(windows, places)

    async def taken(self, spots: list[Spot]) -> Taken:
        row = await self._town.sql.fetchrow(
            """SELECT (SELECT count(*) FROM claims WHERE window_id = ANY ($1)) AS claims,
                      (SELECT count(DISTINCT person_id) FROM claims WHERE window_id = ANY ($1)) AS persons,
                      sum(held + booked) AS counted, count(*) FILTER (WHERE held + booked > capacity) AS oversold
               FROM windows WHERE window_id = ANY ($1)""",
            [spot.window_id for spot in spots],
        )
        return Taken(**{name: int(value) for name, value in row.items()})

    async def holders(self, spots: list[Spot]) -> dict[UUID, UUID]:
        """Every hold and whose it is."""
        rows = await self._town.sql.fetch(
            "SELECT claim_id, person_id FROM claims WHERE window_id = ANY ($1)", [spot.window_id for spot in spots]
        )
        return dict(map(tuple, rows))

    def words(self) -> dict[str, int]:
        """Answers so far by status or refusal code, as the gate's own metrics count them."""
        return words_of(self._metrics())

    def connections(self) -> int:
        """Connections that the gate has open."""
        found = re.search(r"^humiao_gate_connections (\d+)", self._metrics(), re.MULTILINE)
        return int(found[1]) if found else 0

    def _metrics(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=30) as answer:
            return str(answer.read().decode())


def words_of(metrics: str) -> dict[str, int]:
    """Counters of the exposition whose names begin with humiao_gate, with their labels."""
    found = {}
    for line in metrics.splitlines():
        if not line.startswith("#") and "_total" in line:
            name, value = line.rsplit(" ", 1)
            with suppress(ValueError):
                found[name] = int(float(value))
    return found


class Peer(Contender):
    """A FastAPI application of `bench.rush.peers`: one process of uvicorn, without an access log."""

    def _command(self) -> list[str]:
        return python(
            "-m", "uvicorn", f"bench.rush.peers.{self.name}:create_app", "--factory", "--host", "127.0.0.1",
            "--port", str(self.port), "--loop", "uvloop", "--http", "httptools", "--no-access-log",
            "--log-level", "warning", "--backlog", "4096",
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return {KEYS_FILE: str(self._town.keys_file), STORE_URL: self._store()}

    @abstractmethod
    def _store(self) -> str:
        """The address of its store."""


class P1(Peer):
    """Valkey is the truth."""

    name = "p1"

    def _store(self) -> str:
        return self._town.valkey.url

    async def open_round(self, windows: int, places: int) -> list[Spot]:
        spots = await self._town.spots(windows, places)
        async with Redis.from_url(self._town.valkey.url) as redis:
            if old := [key async for key in redis.scan_iter("peer:*", count=1000)]:
                await redis.delete(*old)
            for spot in spots:
                names = (
                    f"peer:window:{spot.window_id}",
                    f"peer:quota:{spot.window_id}:h5",
                    f"peer:stock:{spot.stock_id}",
                )
                await redis.mset(dict.fromkeys(names, places))
        self._places = places
        return spots

    async def taken(self, spots: list[Spot]) -> Taken:
        async with Redis.from_url(self._town.valkey.url) as redis:
            free = [int(left or 0) for left in await redis.mget([f"peer:window:{spot.window_id}" for spot in spots])]
            persons = await redis.hlen("peer:claims")
            holds = {orjson.loads(answer)["hold_id"] for answer in await redis.hvals("peer:claims")}
        counted = sum(self._places - left for left in free)
        return Taken(len(holds), persons, counted, sum(left < 0 for left in free))


class TablesOfItsOwn(Peer):
    """PostgreSQL is the truth, in the tables of peers/schema.sql."""

    def _store(self) -> str:
        return self._town.postgres.url

    async def start(self) -> None:
        await self._town.sql.execute((Path(__file__).parent / "peers" / "schema.sql").read_text())
        await super().start()

    async def open_round(self, windows: int, places: int) -> list[Spot]:
        spots, sql = await self._town.spots(windows, places), self._town.sql
        await sql.execute(
            "TRUNCATE rush_peer.windows, rush_peer.quotas, rush_peer.stocks, rush_peer.claims, rush_peer.answers"
        )
        rows = [(spot.window_id, places) for spot in spots]
        await sql.executemany("INSERT INTO rush_peer.windows VALUES ($1, $2)", rows)
        await sql.executemany("INSERT INTO rush_peer.quotas VALUES ($1, 'h5', $2)", rows)
        await sql.executemany(
            "INSERT INTO rush_peer.stocks VALUES ($1, $2)", [(spot.stock_id, places) for spot in spots]
        )
        await sql.execute("ANALYZE rush_peer.windows, rush_peer.quotas, rush_peer.stocks")
        await sql.execute("CHECKPOINT")
        return spots

    async def taken(self, spots: list[Spot]) -> Taken:
        row = await self._town.sql.fetchrow(
            """SELECT (SELECT count(*) FROM rush_peer.claims) AS claims,
                      (SELECT count(DISTINCT person_id) FROM rush_peer.claims) AS persons,
                      sum(taken) AS counted, count(*) FILTER (WHERE taken > capacity) AS oversold
               FROM rush_peer.windows"""
        )
        return Taken(**{name: int(value) for name, value in row.items()})


class P2(TablesOfItsOwn):
    """One transaction for each hold, SELECT … FOR UPDATE."""

    name = "p2"


class P3(TablesOfItsOwn):
    """One statement for each hold."""

    name = "p3"


class Nginx(Contender):
    """The ceiling: nginx with one worker reads the same requests and answers all of them with one body, unlooked at."""

    name = "nginx"
    decides = False

    def __init__(self, town: Town, folder: Path, *, cpu: int = APP_CPU, body: bytes = REFUSAL) -> None:
        super().__init__(town, folder, cpu=cpu)
        self._body = body

    def _command(self) -> list[str]:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "nginx is missing: tools/loaders installs it"
        body = self._body.decode()
        configuration = self._folder / "nginx.conf"
        configuration.write_text(
            f"""daemon off; master_process off; worker_processes 1; error_log stderr crit; pid {self._folder}/nginx.pid;
events {{ worker_connections 20000; multi_accept on; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 60;
  client_body_temp_path {self._folder}/b; proxy_temp_path {self._folder}/p; fastcgi_temp_path {self._folder}/f;
  uwsgi_temp_path {self._folder}/u; scgi_temp_path {self._folder}/s;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{ default_type application/problem+json; add_header cache-control no-store; return 200 '{body}'; }}
  }}
}}
"""
        )
        return [program, "-c", str(configuration)]

    async def open_round(self, windows: int, places: int) -> list[Spot]:
        return await self._town.spots(windows, places)

    async def taken(self, spots: list[Spot]) -> Taken:
        return Taken(0, 0, 0, 0)
