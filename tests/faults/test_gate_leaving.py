"""A gate told to stop answers whoever has sent; a new one may stand at the same port before the old one left."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from humiao.embedded.process import free_port
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.factories import World, make_residents, make_session
from tests.gates import LOST, Answer, GateProcess, Line, gate, holds_of

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: humiao.test\r\n\r\n"
IN_FLIGHT = 60


@asynccontextmanager
async def locked(settings: Settings, world: World) -> AsyncIterator[None]:
    """Somebody holds the window's row: no hold in it is decided meanwhile."""
    connection = await asyncpg.connect(settings.database_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SELECT 1 FROM windows WHERE window_id = $1 FOR UPDATE", world.window_ids[0])
        yield
    finally:
        await transaction.rollback()
        await connection.close()


async def held(connection: asyncpg.Connection, world: World) -> int:
    """Places of the window that somebody has, says the ledger."""
    found: int = await connection.fetchval("SELECT held FROM windows WHERE window_id = $1", world.window_ids[0])
    return found


async def in_flight(leaving: GateProcess, requests: list[bytes], settings: Settings, world: World) -> list[Line]:
    """Lines with a hold each that has reached the ledger and waits there."""
    lines = [await Line.open(leaving.port) for _ in requests]
    for line, request in zip(lines, requests, strict=True):
        line.send(request)
    await leaving.until('humiao_gate_queue_depth{queue="ledger"}', len(requests))
    return lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "control: killed"])
async def test_what_is_at_the_ledger_when_the_gate_is_asked_to_stop_is_answered(
    settings: Settings, connection: asyncpg.Connection, keys: Keys, tmp_path: Path, number: int
) -> None:
    world = await make_session(connection, capacity=IN_FLIGHT)
    people = await make_residents(connection, keys.vault(), IN_FLIGHT)
    async with gate(settings, port=free_port(), log=tmp_path / "gate.log") as leaving:
        async with locked(settings, world):
            lines = await in_flight(leaving, holds_of(keys, people, world), settings, world)
            leaving.send(number)
            if number == signal.SIGTERM:
                await leaving.until("humiao_gate_draining", 1)
        answers = await asyncio.gather(*(line.answer() for line in lines))
        code = await leaving.ended()
    if number == signal.SIGTERM:
        assert code == 0
        assert [answer.status for answer in answers] == [201] * IN_FLIGHT
        assert await held(connection, world) == IN_FLIGHT
    else:
        assert answers == [LOST] * IN_FLIGHT, "the test would notice an answer that is not given"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "control: killed"])
async def test_what_was_sent_before_and_not_even_read_is_answered(
    settings: Settings, connection: asyncpg.Connection, keys: Keys, tmp_path: Path, number: int
) -> None:
    """The gate stands still while residents connect and send; the signal is waiting when it goes on."""
    world = await make_session(connection, capacity=IN_FLIGHT)
    people = await make_residents(connection, keys.vault(), IN_FLIGHT)
    requests = holds_of(keys, people, world)
    async with gate(settings, port=free_port(), log=tmp_path / "gate.log") as leaving:
        kept = [await Line.open(leaving.port) for _ in requests[::2]]
        assert {answer.status for answer in await asyncio.gather(*(line.ask(ALIVE) for line in kept))} == {200}
        leaving.send(signal.SIGSTOP)
        lines = kept + [await Line.open(leaving.port) for _ in requests[1::2]]  # half of them in the line of the door
        for line, request in zip(lines, requests, strict=True):
            line.send(request)
        await asyncio.sleep(0)
        leaving.send(number)
        leaving.send(signal.SIGCONT)
        answers = await asyncio.gather(*(line.answer() for line in lines))
        code = await leaving.ended()
    if number == signal.SIGTERM:
        assert code == 0
        assert [answer.status for answer in answers] == [201] * IN_FLIGHT
        assert {answer.headers.get("connection") for answer in answers} == {"close"}, (
            "told to come by another connection"
        )
        assert await held(connection, world) == IN_FLIGHT
    else:
        assert answers == [LOST] * IN_FLIGHT


class Visitor:
    """Asks without a pause on a kept connection, and comes by a new one when told that the old one ends."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self._port, self._requests = port, requests
        self.answers: list[Answer] = []
        self.connections = 0

    async def visit(self, over: asyncio.Event) -> None:
        line: Line | None = None
        for request in self._requests:
            if line is None:
                try:
                    line = await Line.open(self._port)
                except ConnectionError:
                    self.answers.append(LOST)
                    continue
                self.connections += 1
            answer = await line.ask(request)
            self.answers.append(answer)
            if answer == LOST or answer.headers.get("connection") == "close":
                line.close()
                line = None
            if over.is_set():
                break
        if line is not None:
            line.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "control: killed"])
async def test_gates_that_follow_each_other_at_one_port_fail_nobody(
    settings: Settings, connection: asyncpg.Connection, keys: Keys, tmp_path: Path, number: int
) -> None:
    visitors, asks, changes = 12, 100_000, 3
    port, log, over = free_port(), tmp_path / "gate.log", asyncio.Event()
    world = await make_session(connection, capacity=visitors)
    people = await make_residents(connection, keys.vault(), visitors)
    crowd = [Visitor(port, [ALIVE, hold] + [ALIVE] * asks) for hold in holds_of(keys, people, world)]
    async with AsyncExitStack() as gates:

        async def another() -> GateProcess:
            unlimited = gate(settings, port=port, log=log, address_per_s=1e6, address_burst=1_000_000)
            return await gates.enter_async_context(unlimited)

        now = await another()
        visiting = [asyncio.create_task(visitor.visit(over)) for visitor in crowd]
        for _ in range(changes):
            following = await another()
            now.send(number)
            await now.ended()
            now = following
        over.set()
        await asyncio.gather(*visiting)
    answers = [answer.status for visitor in crowd for answer in visitor.answers]
    assert min(visitor.connections for visitor in crowd) > 1, "everybody met more than one gate"
    if number == signal.SIGTERM:
        assert set(answers) == {200, 201}, "nobody was refused or cut off"
        assert answers.count(201) == await held(connection, world) == visitors
    else:
        assert 0 in answers, "the test would notice somebody who is cut off"
