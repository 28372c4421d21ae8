"""Where it is measured: a town, residents with what they show, and one round after another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rush import requests
from bench.rush.audit import Audit, audit, faults_in
from bench.rush.contenders import Contender, Gate, Taken
from bench.rush.pace import GRANTED, Pace, built, faults_of, paced
from bench.rush.people import People
from bench.rush.processes import COMPARED, Layout, cpu_s, family, pin
from bench.rush.requests import Plan
from bench.rush.single import ask, first
from bench.rush.wrk import Shot, wrk
from bench.town import Spot, Town

CONNECTIONS = 1024
IN_TIME_MS = 1000
RATE_MAX = 36_000  # requests a second for which files of a closed loop are long enough
LEAD_S = 1  # of a paced round, whose times are not told: emptying the tables threw plans and caches away
REPEATED = 20
REST_S, RESTING = 0.3, 2  # a contender rests when it has taken nothing and hardly worked so often in a row
WINDOW_MAX = 100_000  # places that a window may have


async def settled(contender: Contender, spots: list[Spot]) -> Taken:
    """What a contender has taken once it rests: what was on the way when the load left is decided all the same."""
    resting, before = 0, (Taken(-1, 0, 0, 0), 0.0)
    while resting < RESTING:
        await asyncio.sleep(REST_S)
        now = (await contender.taken(spots), cpu_s(contender.pids))
        resting = resting + 1 if now[0] == before[0] and now[1] - before[1] <= REST_S / 5 else 0
        before = now
    return before[0]


@dataclass(frozen=True)
class Round:
    """One round of one contender: what wrk saw, what the audit found, processor seconds by process."""

    shot: Shot
    audit: Audit
    cpu_s: dict[str, float]

    @property
    def answered_per_s(self) -> float:
        return self.shot.answered / self.shot.seconds

    @property
    def committed_per_s(self) -> float:
        """Holds acknowledged while the load lasted, each of which is in the store after it."""
        return self.audit.acknowledged / self.shot.seconds


@dataclass(frozen=True)
class PacedRound:
    """One round at a fixed rate. `in_time` are granted answers within a second of when their request was due."""

    rate: int
    pace: Pace
    claims: int
    granted_per_s: float  # granted answers while the load lasted, not those that came after its end
    in_time: int
    faults: tuple[str, ...]
    cpu_s: dict[str, float]


class Stage:
    """A town with residents. `folder` is for files of requests, logs and configurations."""

    def __init__(self, town: Town, people: People, folder: Path) -> None:
        self.town, self.people, self.folder = town, people, folder
        self.layout = COMPARED
        self.loading = asyncio.Event()  # set while a round's load is under way
        self._rounds = 0

    @classmethod
    @asynccontextmanager
    async def set_up(cls, people: int) -> AsyncIterator["Stage"]:
        """A town of so many residents, gone afterwards."""
        with TemporaryDirectory(prefix="humiao-bench-") as name:
            town = Town(Path(name) / "town")
            await town.open()
            try:
                stage = cls(town, await People.make(town, people), Path(name))
                stage.arrange(COMPARED)
                yield stage
            finally:
                await town.close()

    def arrange(self, layout: Layout, contender: Contender | None = None) -> None:
        """Move everybody that runs to the cores of a layout; loads of later rounds go there as well."""
        self.layout = layout
        pin(family(self.town.postgres.pid or 0), layout.postgres)
        pin(family(self.town.valkey.pid or 0), layout.valkey)
        if contender:
            pin(contender.pids, layout.contender)

    def plan(self, spots: list[Spot], count: int, *, mixed: bool = True) -> Plan:
        """The requests of the next round, with keys of their own."""
        self._rounds += 1
        path = self.folder / "requests"
        return requests.write(path, self.people, spots, count, f"round{self._rounds}", mixed=mixed)

    def _cpu_s(self, contender: Contender) -> dict[str, float]:
        """Processor seconds of everybody with a part in a round, so far; of processes that began meanwhile as well."""
        return {
            contender.name: cpu_s(contender.pids),
            "postgres": cpu_s(family(self.town.postgres.pid or 0)),
            "valkey": cpu_s(family(self.town.valkey.pid or 0)),
        }

    async def holds(self, contender: Contender, *, windows: int, seconds: float) -> Round:
        """A round in which there is a place for everybody."""
        # Every first request of the file finds a place; a window is never the reason for a refusal here.
        count = min(int(seconds * RATE_MAX), len(self.people.ids), requests.longest_file(windows * WINDOW_MAX))
        spots = await contender.open_round(windows, min(-(-count // windows), WINDOW_MAX))
        return await self._round(contender, self.plan(spots, count), seconds, loop=False)

    async def sold_out(self, contender: Contender, *, seconds: float, people: int = 20_000) -> Round:
        """A round in which everything is gone before it begins."""
        spots = await self._emptied(contender)
        return await self._round(contender, self.plan(spots, people, mixed=False), seconds, loop=True)

    async def refusal_of(self, contender: Contender) -> bytes:
        """What somebody is told who comes too late."""
        plan = self.plan(await self._emptied(contender), 1, mixed=False)
        reply = (await ask(contender.port, first(plan.path, 1)))[0]
        assert reply.status == 409, reply
        return reply.body

    async def _emptied(self, contender: Contender) -> list[Spot]:
        """A window whose only place is taken."""
        spots = await contender.open_round(1, 1)
        if contender.decides:
            seller = self.plan(spots, 1, mixed=False)
            replies = await ask(contender.port, first(seller.path, 1))
            assert replies[0].status == 201, replies
            await settled(contender, spots)
        return spots

    async def paced(self, gate: Gate, *, rate: int, seconds: int, connections: int, windows: int = 1) -> PacedRound:
        """A round at a fixed rate, with a place for everybody. Every answer is audited; times are told after LEAD_S."""
        count = min(rate * seconds, len(self.people.ids), windows * WINDOW_MAX)
        assert count == rate * seconds, "more requests than the town has residents, or a window places"
        spots = await gate.open_round(windows, -(-count // windows))
        plan, tool = self.plan(spots, count), built()
        before = self._cpu_s(gate)
        lead = LEAD_S if seconds > LEAD_S else 0
        seen, answers = await paced(
            tool, gate.port, plan, rate=rate, connections=connections, seconds=seconds, lead=lead, cpus=self.layout.load
        )
        used = {name: round(total - before[name], 2) for name, total in self._cpu_s(gate).items()}
        taken = await settled(gate, plan.spots)
        claims = await gate.holders(plan.spots)
        faults = [*faults_of(plan, seen, answers, claims, self.people.ids), *faults_in(taken)]
        granted = [answer for answer in answers if answer.status == int(GRANTED)]
        during = sum((answer.request + 1) / rate + answer.took_ms / 1000 <= seen.seconds for answer in granted)
        in_time = sum(answer.took_ms <= IN_TIME_MS for answer in granted)
        return PacedRound(rate, seen, taken.claims, during / seen.seconds, in_time, tuple(faults), used)

    async def _round(self, contender: Contender, plan: Plan, seconds: float, *, loop: bool) -> Round:
        before = self._cpu_s(contender)
        self.loading.set()
        shot = await wrk(
            contender.port, plan.path, connections=CONNECTIONS, seconds=seconds, loop=loop, cpus=self.layout.load
        )
        self.loading.clear()
        used = {name: round(total - before[name], 2) for name, total in self._cpu_s(contender).items()}
        used["wrk"] = shot.cpu_s
        taken = await settled(contender, plan.spots)
        if not contender.decides:
            return Round(shot, Audit(0, 0, shot.granted, 0, shot.refused, ()), used)
        found = audit(plan, shot, taken, connections=CONNECTIONS, sold_out=loop)
        if not loop:
            torn = await self._repeated(contender, plan, taken)
            found = replace(found, faults=(*found.faults, *torn))
        return Round(shot, found, used)

    async def _repeated(self, contender: Contender, plan: Plan, taken: Taken) -> list[str]:
        """What comes of asking again with answered keys, since wrk reads no answer: the same, and nothing more."""
        earliest = first(plan.path, REPEATED)
        one, other = await ask(contender.port, earliest), await ask(contender.port, earliest)
        faults = []
        if one != other or {reply.status for reply in one} != {201}:
            faults.append("a repeated key did not get its first answer")
        if (now := await contender.taken(plan.spots)) != taken:
            faults.append(f"repeated keys changed {taken} to {now}")
        return faults
