"""Gates in processes of their own before the run's servers, and clients that send to them byte by byte."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from humiao.embedded.process import free_port
from humiao.kit.keys import Keys
from humiao.rush.people import signed
from humiao.rush.residents import home_of
from humiao.settings import Settings
from tests.factories import World
from tests.passes import VACCINE, lasting_tokens

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60.0


@dataclass
class GateProcess:
    """One `humiao gate`."""

    process: asyncio.subprocess.Process
    port: int
    admin: str

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it is gone; returns its exit code."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def metric(self, line: str) -> float:
        """The value of one series, spelled as the text spells it; 0 where it is not there."""
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"{self.admin}/metrics")).text
        found = [row.rpartition(" ")[2] for row in text.splitlines() if row.rpartition(" ")[0] == line]
        return float(found[0]) if found else 0.0

    async def until(self, line: str, wanted: float) -> None:
        """Wait until a series has reached a value."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.metric(line) < wanted:  # noqa: ASYNC110 - another process tells only who asks
                await asyncio.sleep(0.02)


@asynccontextmanager
async def gate(settings: Settings, *, port: int, log: Path, **more: Any) -> AsyncIterator[GateProcess]:
    """A gate that serves at `port`, with settings of its own; killed at the end if it has not ended."""
    admin = f"127.0.0.1:{free_port()}"
    own = {"http_port": port, "admin": admin, "keys_file": settings.keys_path.resolve(), "home": settings.home,
           "database_url": settings.database_url, "redis_url": settings.redis_url,
           "upstream": f"http://127.0.0.1:{free_port()}", "trusted_proxies": '["127.0.0.0/8"]'} | more  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUMIAO_")}
    environment |= {f"HUMIAO_{name.upper()}": str(value) for name, value in own.items()}
    environment["PYTHONPATH"] = str(ROOT / "pyapp")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "humiao.cli", "gate", env=environment, stdout=output, stderr=output
        )
    found = GateProcess(process, port, f"http://{admin}")
    try:
        await _until_it_serves(found)
        yield found
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()


async def _until_it_serves(found: GateProcess) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as http:
        while True:
            assert found.process.returncode is None, "it ended; its log is in the test's folder"
            try:
                if (await http.get(f"{found.admin}/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(0.05)


def holds_of(keys: Keys, people: list[UUID], world: World, window: int = 0) -> list[bytes]:
    """One whole request for a hold, as bytes, for each resident: account, person and address are the resident's own."""
    requests = []
    for person, shown in signed(lasting_tokens(keys), people, VACCINE).items():
        body = {"person_id": str(person), "window_id": world.window_ids[window], "stock_id": world.stock_id}
        told = json.dumps(body).encode()
        headers = shown | {
            "Host": "humiao.test", "Idempotency-Key": uuid4().hex, "X-Forwarded-For": home_of(person),
            "Content-Type": "application/json", "Content-Length": str(len(told)),
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        requests.append(f"POST /api/v1/resident/holds HTTP/1.1\r\n{lines}\r\n".encode() + told)
    return requests


@dataclass(frozen=True)
class Answer:
    """What came back. Status 0: the connection ended before an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body).get("code", "")) if self.body else ""


LOST = Answer(0, {}, b"")


class Line:
    """A connection that is kept: what is sent goes to the kernel at once, whoever reads it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, request: bytes) -> None:
        self._writer.write(request)

    async def answer(self) -> Answer:
        """The next answer, or LOST where the connection ends before it."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, asyncio.IncompleteReadError):
            return LOST
        return Answer(int(head[0].split()[1]), headers, body)

    async def ask(self, request: bytes) -> Answer:
        self.send(request)
        return await self.answer()

    def close(self) -> None:
        self._writer.transport.abort()
