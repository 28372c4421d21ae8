"""Histories of a waiting room: people who come, go away and come back, gates that die, keepers that are cut off, and a
database that is killed in the middle of all of it.

A history is driven step by step from a seed: real PostgreSQL, real gates asked over HTTP, nothing waits for time. What
is checked afterwards is the record alone and what people were told, by rules that are spelled out here a second time.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Set
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from humiao import _core
from humiao.auth.tokens import RoomTicket
from humiao.embedded.postgres import Postgres
from humiao.gate.desk import Desk
from humiao.gate.rooms import RoomFollower
from humiao.gate.run import gate_options, ledger_options, measure_clock, vocabulary
from humiao.kit.database import DISCONNECTED, Database, DatabaseBusy
from humiao.kit.keys import Keys
from humiao.rooms.draw import draw
from humiao.rooms.keeper import RoomKeeper
from humiao.settings import Settings
from tests.rooms import HEADER, RoomStage

LOST = (asyncpg.PostgresError, DatabaseBusy, *DISCONNECTED)  # how work ends whose connection does
PEOPLE = 18
STEPS = 10
NO_LIMITS = {"account_per_s": 1e5, "account_burst": 10**6, "device_per_s": 1e5, "device_burst": 10**6,
             "address_per_s": 1e5, "address_burst": 10**6, "http_port": 0}  # fmt: skip


class DrivenGate:
    """A gate whose news come when they are told to. Killing it loses what it saw and has not reported."""

    def __init__(self, settings: Settings, database: Database, keys: Keys) -> None:
        self._settings = settings.model_copy(update=NO_LIMITS)
        self._database, self._keys = database, keys
        self._gate: Any = None

    async def start(self) -> None:
        """Serve from a memory that is empty."""
        desk = Desk(None, None, self._database, "h5")  # type: ignore[arg-type]  # holds are no part of it
        loop = asyncio.get_running_loop()
        cache_url, ledger = self._settings.redis_url or "", ledger_options(self._settings)
        self._gate = _core.Gate(loop, desk, vocabulary(), cache_url, ledger, gate_options(self._settings))
        desk.connect(self._gate)
        self._gate.take_keys([(key.kid, key.secret) for key in self._keys.token_keys], 0, 0, 0)
        self._gate.align_clock(*await measure_clock(self._database))
        self.follower = RoomFollower(self._database, self._gate.rooms, "h5", self._gate.take_ledger_ms)
        await self.follower.follow()
        self._gate.serve()
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._gate.port}", timeout=30)

    async def kill(self) -> None:
        """Stop, without a word to the record."""
        await self.http.aclose()
        await asyncio.to_thread(self._gate.drain)

    async def killed_and_back(self) -> None:
        await self.kill()
        await self.start()


@dataclass(frozen=True)
class Answer:
    """What somebody was told."""

    person: UUID
    gate: int
    state: str
    place: int | None
    version: int


@dataclass
class History:
    """One room's history as it was lived."""

    stage: RoomStage
    gates: list[DrivenGate]
    token_of: Callable[[UUID], str]
    dice: random.Random
    people: list[UUID]
    doomed: Database  # the pool of keepers that are cut off
    postgres: Postgres  # the record's own server
    dies_at: int | None = None  # the step in which it is killed
    coming: list[UUID] = field(default_factory=list)
    tickets: dict[UUID, str] = field(default_factory=dict)
    acknowledged: set[tuple[UUID, UUID]] = field(default_factory=set)  # (person, entry) that somebody was told of
    away: set[UUID] = field(default_factory=set)
    done: set[UUID] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)

    async def live(self) -> None:
        """From before the opening to the last one who is let in."""
        self.coming = list(self.people)
        for _ in range(self.dice.randrange(PEOPLE // 2)):
            await self.join(self.coming.pop(0))
        await self.poll_all()
        await self.stage.open_now()
        for step in range(STEPS):
            while self.coming and self.dice.random() < 0.6:
                await self.join(self.coming.pop(0))
            for person in list(self.tickets):
                if self.dice.random() < 0.15:
                    self.away ^= {person}
            await (self.database_dies() if step == self.dies_at else self.mishap())
            await self.step(self.dice.randrange(4))
        while self.coming:
            await self.join(self.coming.pop(0))
        self.away.clear()
        while len(self.done) < len(self.tickets):
            await self.step(4)

    async def step(self, people: int) -> None:
        """Gates learn, people poll, gates report, the keeper lets some in; half a minute goes by."""
        for gate in self.gates:
            if self.dice.random() < 0.8:  # the others are a moment behind
                await gate.follower.follow()
        await self.poll_all()
        for gate in self.gates:
            await gate.follower.report()
        await self.stage.tick(people)
        await self.stage.connection.execute(
            "UPDATE rooms SET turned_at = turned_at - interval '31 seconds' WHERE room_id = $1", self.stage.room_id
        )

    async def mishap(self) -> None:
        """A gate dies, a keeper is cut off in the middle, two keepers think that they lead; or nothing."""
        lot = self.dice.random()
        if lot < 0.15:
            await self.dice.choice(self.gates).killed_and_back()
        elif lot < 0.4:
            await self.cut_off()
        elif lot < 0.6:
            await asyncio.gather(*(self.stage.keeper.tick(self.stage.room_id) for _ in range(2)))

    async def cut_off(self) -> None:
        """A tick whose connection the server ends, wherever it is just then."""
        room_id, connection = self.stage.room_id, self.stage.connection
        await connection.execute("UPDATE rooms SET credit = 2000000 WHERE room_id = $1", room_id)
        keeper = RoomKeeper(self.doomed, self.stage.keeper._vault)
        ticking = asyncio.create_task(keeper.tick(room_id))
        for _ in range(self.dice.randrange(40)):
            await asyncio.sleep(0)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'humiao doomed keeper'"
        )
        with contextlib.suppress(*LOST):
            await ticking
        await connection.execute("UPDATE rooms SET credit = 0 WHERE room_id = $1", room_id)

    async def database_dies(self) -> None:
        """kill -9 while the keeper ticks, people join and gates report; it recovers, and who got no answer asks again.

        A batch of people may have been committed or not: nobody knows, and nobody may have two places for it.
        """
        room_id = self.stage.room_id
        await self.stage.connection.execute("UPDATE rooms SET credit = 2000000 WHERE room_id = $1", room_id)
        hopeful = [self.coming.pop(0) for _ in range(min(3, len(self.coming)))]
        under_way = [
            asyncio.create_task(work)
            for work in (
                self.stage.keeper.tick(room_id),
                *(self.join(person) for person in hopeful),
                *(gate.follower.report() for gate in self.gates),
                *(gate.follower.follow() for gate in self.gates),
            )
        ]
        for _ in range(self.dice.randrange(60)):
            await asyncio.sleep(0)
        self.postgres.kill()
        for ending in await asyncio.gather(*under_way, return_exceptions=True):
            if isinstance(ending, BaseException) and not isinstance(ending, LOST):
                raise ending
        await self.postgres.start_async()
        self.stage.connection = await asyncpg.connect(self.postgres.url)
        await self.stage.connection.execute("UPDATE rooms SET credit = 0 WHERE room_id = $1", room_id)
        self.coming = [person for person in hopeful if person not in self.tickets] + self.coming

    async def join(self, person: UUID) -> None:
        ticket = await self.stage.join(person)
        entry = self.stage.tokens.read_room_ticket(ticket)
        assert isinstance(entry, RoomTicket)
        self.tickets[person] = ticket
        self.acknowledged.add((person, entry.ticket))

    async def poll_all(self) -> None:
        """Everybody who is there asks one of the gates."""
        asking = [person for person in self.tickets if person not in self.away | self.done]
        self.dice.shuffle(asking)
        for person in asking:
            number = self.dice.randrange(len(self.gates))
            headers = {"Authorization": f"Bearer {self.token_of(person)}", HEADER: self.tickets[person]}
            path = f"/api/v1/resident/rooms/{self.stage.room_id}/place"
            answer = await self.gates[number].http.get(path, headers=headers)
            if answer.status_code >= 500:
                continue  # passed on to an application that is not there: the record has not come so far here
            told = answer.json()
            assert answer.status_code == 200, told
            self.answers.append(Answer(person, number, told["state"], told["place"], told["version"]))
            if told["state"] == "admitted":
                self.done.add(person)


@dataclass
class Record:
    """What the database says of a room."""

    entries: set[tuple[UUID, UUID]]  # (person, entry)
    places: dict[int, UUID]
    early: list[int]
    arrivals: list[int]  # seq of later ones, by place
    drawn: list[UUID]
    ticks: list[tuple[int, list[int], list[int], set[int]]]  # tick, admitted, gone, present


async def record_of(stage: RoomStage) -> Record:
    """Read it, and draw once more from what is published."""
    rows = await stage.connection.fetch(
        "SELECT ticket, place, person_id, early, seq FROM room_entries WHERE room_id = $1 ORDER BY place", stage.room_id
    )
    room = await stage.connection.fetchrow("SELECT secret FROM rooms WHERE room_id = $1", stage.room_id)
    early = {str(row["ticket"]): UUID(str(row["person_id"])) for row in rows if row["early"]}
    drawn = draw(stage.room_id, room["secret"], sorted(early)).tickets
    ticks = await stage.connection.fetch(
        "SELECT tick, admitted, gone, present FROM room_ticks WHERE room_id = $1 ORDER BY tick", stage.room_id
    )
    return Record(
        {(UUID(str(row["person_id"])), UUID(str(row["ticket"]))) for row in rows},
        {row["place"]: UUID(str(row["person_id"])) for row in rows},
        [row["place"] for row in rows if row["early"]],
        [row["seq"] for row in rows if not row["early"]],
        [early[ticket] for ticket in drawn],
        [(row["tick"], row["admitted"], row["gone"], _places(row["present"])) for row in ticks],
    )


def _places(column: bytes) -> set[int]:
    return {8 * n + bit + 1 for n, byte in enumerate(column) for bit in range(8) if byte >> bit & 1}


def faults_of(record: Record, answers: list[Answer], acknowledged: Set[tuple[UUID, UUID]] = frozenset()) -> list[str]:
    """Everything in a history that must not be; empty where it is sound."""
    faults = [f"{person} was told of an entry that is not there" for person, _ in acknowledged - record.entries]
    if len({person for person, _ in record.entries}) != len(record.entries):
        faults.append("somebody has two places")
    if sorted(record.places) != list(range(1, len(record.places) + 1)):
        faults.append("places are not numbered one by one")
    if record.early != list(range(1, len(record.early) + 1)):
        faults.append("somebody who came later stands before the draw's")
    if [record.places[place] for place in record.early] != record.drawn:
        faults.append("the draw is not what was published")
    if record.arrivals != sorted(record.arrivals):
        faults.append("somebody who came later stands before an earlier one")
    admitted: dict[int, int] = {}
    waiting = set(record.places)
    for tick, inside, gone, present in record.ticks:
        if inside != sorted(inside) or not set(inside) <= waiting:
            faults.append(f"tick {tick} lets in twice or out of order: {inside}")
        waiting -= set(inside)
        over = [place for place in waiting & present if place < max(inside, default=0)]
        if over:
            faults.append(f"tick {tick} passes over {over}, who are present")
        admitted |= dict.fromkeys(inside, tick)
        waiting -= set(gone)
    for told in answers:
        if told.place is None:
            continue
        if record.places.get(told.place) != told.person:
            faults.append(f"{told} names a place of somebody else")
        inside_by_then = admitted.get(told.place, told.version + 1) <= told.version
        # The places are news of their own, and may be newer than the last tick that is known.
        if (told.state == "waiting" and inside_by_then) or (told.state == "admitted" and told.place not in admitted):
            faults.append(f"{told} is not what the record says")
    return faults


@contextlib.asynccontextmanager
async def two_gates(settings: Settings, database: Database, keys: Keys) -> AsyncIterator[list[DrivenGate]]:
    """Two gates of one city."""
    gates = [DrivenGate(settings, database, keys) for _ in range(2)]
    for gate in gates:
        await gate.start()
    try:
        yield gates
    finally:
        for gate in gates:
            await gate.kill()
