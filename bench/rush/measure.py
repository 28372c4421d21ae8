"""The whole measurement: rounds of everybody in turn, so that a busy moment of the machine meets all of them alike."""

import asyncio
import statistics
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bench.rush.contenders import P1, P2, P3, Contender, Gate, Nginx
from bench.rush.pace import built, crowd
from bench.rush.processes import APART, SPREAD, resident_kb
from bench.rush.stage import CONNECTIONS, PacedRound, Round, Stage

ROUNDS = 7  # after one that warms plans and caches
HOLD_S, SOLD_OUT_S, PACED_S = 3, 3, 4
# Who answers few a second needs longer: while it takes in what all connections send at once, it answers nobody.
PEER_HOLD_S = {"p1": 6, "p2": 12, "p3": 12}
PEOPLE = 250_000
SHARES, OVERLOADS = (0.7,), (1.0, 2.0, 5.0)
OVERLOAD_CONNECTIONS = 8192  # more than may wait for the ledger, so that the gate has to turn away
IDLE, SLOW = 10_000, 200
CROWD_LOAD = 0.5  # of the peak, beside the crowd

Rounds = dict[str, list[Round]]
Paced = dict[str, list[PacedRound]]


class Measurement:
    """Rounds by what was measured; `figures` are their medians and what is promised of them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.holds: Rounds = {}
        self.sold_out: Rounds = {}
        self.paced: Paced = {}
        self.peaks: Rounds = {}  # by layout: "apart" before each share, "spread" before each set of multiples
        self.sizes: dict[str, float] = {}

    async def run(self, stage: Stage) -> None:
        gate, p1, p2, p3 = (kind(stage.town, stage.folder) for kind in (Gate, P1, P2, P3))
        contenders: list[Contender] = [gate, p1, p2, p3]
        try:
            for contender in contenders:
                await contender.start()
            refusal = await stage.refusal_of(gate)
            self.sizes["refusal_bytes"] = len(refusal)
            nginx = Nginx(stage.town, stage.folder, body=refusal)
            contenders.append(nginx)
            await nginx.start()
            # One window and a hundred next to each other: of all that is compared they differ least.
            await self._closed(stage, [(gate, 1), (gate, 100), (p1, 1), (p2, 1), (p3, 1)], [gate, nginx, p1])
            assert isinstance(gate, Gate)
            # Nobody stands by while the gate is compared with itself: what watches a machine looks at each process.
            while contenders[1:]:
                await contenders.pop().stop()
            await self._overloaded(stage, gate)
        finally:
            for contender in contenders:
                await contender.stop()
        await self._crowded(stage)

    async def _closed(self, stage: Stage, holds: list[tuple[Contender, int]], sold_out: list[Contender]) -> None:
        for number in range(ROUNDS + 1):
            for contender, windows in holds:
                seconds = PEER_HOLD_S.get(contender.name, HOLD_S)
                done = await stage.holds(contender, windows=windows, seconds=seconds)
                self._keep(self.holds, f"{contender.name} {windows}", done, warming=number == 0)
            for contender in sold_out:
                done = await stage.sold_out(contender, seconds=SOLD_OUT_S)
                self._keep(self.sold_out, contender.name, done, warming=number == 0)

    def _keep(self, where: Rounds, name: str, done: Round, *, warming: bool) -> None:
        self._say(f"{name}: {done.answered_per_s:,.0f}/s p99 {done.shot.p99_ms:.1f} ms {'; '.join(done.audit.faults)}")
        if not warming:
            where.setdefault(name, []).append(done)

    @property
    def peak(self) -> float:
        """Answers a second of the gate with one window, closed loop."""
        return statistics.median(done.answered_per_s for done in self.peaks["spread"])

    async def _overloaded(self, stage: Stage, gate: Gate) -> None:
        """Shares and multiples of a peak measured just before: a machine in company is not equally fast for long."""
        for _ in range(ROUNDS):
            for name, layout, all_times in (("apart", APART, SHARES), ("spread", SPREAD, OVERLOADS)):
                stage.arrange(layout, gate)
                peak = await stage.holds(gate, windows=1, seconds=HOLD_S)
                self._keep(self.peaks, name, peak, warming=False)
                for times in all_times:
                    connections = CONNECTIONS if times <= 1 else OVERLOAD_CONNECTIONS
                    rate = peak.answered_per_s * times
                    self._keep_paced(f"{times:g}", await self._at(stage, gate, rate, connections))

    async def _crowded(self, stage: Stage) -> None:
        """A gate of its own: what a connection costs in memory is told against one that never had so many."""
        gate = Gate(stage.town, stage.folder)
        await gate.start()
        try:
            stage.arrange(SPREAD, gate)
            await self._at(stage, gate, self.peak * CROWD_LOAD, CONNECTIONS)
            for number in range(ROUNDS):
                alone = await self._at(stage, gate, self.peak * CROWD_LOAD, CONNECTIONS)
                self._keep_paced("alone", alone)
                before_kb = resident_kb(gate.pid)
                async with crowd(built(), gate.port, idle=IDLE, slow=SLOW):
                    await seated(gate, IDLE)
                    if number == 0:
                        self.sizes["kb_per_idle_connection"] = round((resident_kb(gate.pid) - before_kb) / IDLE, 1)
                    self._keep_paced("crowded", await self._at(stage, gate, self.peak * CROWD_LOAD, CONNECTIONS))
        finally:
            await gate.stop()

    async def _at(self, stage: Stage, gate: Gate, rate: float, connections: int) -> PacedRound:
        seconds = max(1, min(PACED_S, int(len(stage.people.ids) / rate)))
        windows = 1 + int(rate * seconds) // 100_000  # a window has 100,000 places at most
        return await stage.paced(gate, rate=int(rate), seconds=seconds, connections=connections, windows=windows)

    def _keep_paced(self, name: str, done: PacedRound) -> None:
        self._say(
            f"{name}: {done.rate}/s due, {done.granted_per_s:,.0f} granted/s, p99 {done.pace.p99_ms:.1f} ms "
            f"{'; '.join(done.faults)}"
        )
        self.paced.setdefault(name, []).append(done)

    @property
    def faults(self) -> list[str]:
        """What the audits found, in all rounds."""
        closed = [
            f"{name}: {fault}"
            for rounds in (self.holds, self.sold_out, self.peaks)
            for name, all_of in rounds.items()
            for done in all_of
            for fault in done.audit.faults
        ]
        return closed + [
            f"paced {name}: {fault}" for name, all_of in self.paced.items() for done in all_of for fault in done.faults
        ]

    def ratios(self) -> dict[str, float]:
        """What is promised, each from medians of this run."""
        committed = {name: median(done.committed_per_s for done in rounds) for name, rounds in self.holds.items()}
        refused = {name: median(done.answered_per_s for done in rounds) for name, rounds in self.sold_out.items()}
        p99 = {name: median(done.pace.p99_ms for done in rounds) for name, rounds in self.paced.items()}
        used = {
            name: median(done.cpu_s[name] / done.shot.answered for done in rounds)
            for name, rounds in self.sold_out.items()
        }
        goodput = (
            done.granted_per_s / (peak.shot.granted / peak.shot.seconds)
            for done, peak in zip(self.paced["5"], self.peaks["spread"], strict=True)
        )
        return {
            "refusals_to_nginx": refused["gate"] / refused["nginx"],
            "refusals_to_p1": refused["gate"] / refused["p1"],
            "holds_to_p1": committed["gate 1"] / committed["p1 1"],
            "holds_to_p2": committed["gate 1"] / committed["p2 1"],
            "holds_to_p3": committed["gate 1"] / committed["p3 1"],
            "windows_100_to_1": committed["gate 100"] / committed["gate 1"],
            "p99_ms_at_70_percent": p99["0.7"],
            "goodput_at_5_times_to_peak": median(goodput),
            "p99_crowded_to_alone": p99["crowded"] / p99["alone"],
            "kb_per_idle_connection": self.sizes["kb_per_idle_connection"],
            "refusal_bytes": self.sizes["refusal_bytes"],
            # Not promised: what the first ratio would be if the load had never been the narrower place.
            "refusals_to_nginx_by_processor_time": used["nginx"] / used["gate"],
        }

    def recorded(self) -> dict[str, Any]:
        """Everything, for the record: ratios, and every round from which they come."""
        return {
            "ratios": {name: round(value, 3) for name, value in self.ratios().items()},
            "holds": {name: [of_round(done) for done in rounds] for name, rounds in self.holds.items()},
            "peaks": {name: [of_round(done) for done in rounds] for name, rounds in self.peaks.items()},
            "sold_out": {name: [of_round(done) for done in rounds] for name, rounds in self.sold_out.items()},
            "paced": {name: [of_paced(done) for done in rounds] for name, rounds in self.paced.items()},
        }


async def seated(gate: Gate, idle: int) -> None:
    """Wait until the gate has taken a crowd's connections."""
    for _ in range(600):
        if gate.connections() >= idle:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"only {gate.connections()} of {idle} connections are open")


def median(values: Any) -> float:
    return float(statistics.median(values))


def of_round(done: Round) -> dict[str, Any]:
    """A round as it is recorded."""
    shot, answered = done.shot, max(done.shot.answered, 1)
    return {
        "answered_per_s": round(done.answered_per_s),
        "committed_per_s": round(done.committed_per_s),
        "granted": shot.granted,
        "refused": shot.refused,
        "p50_ms": shot.p50_ms,
        "p99_ms": shot.p99_ms,
        "cpu_us_per_answer": {name: round(used / answered * 1e6, 1) for name, used in done.cpu_s.items()},
        "cpu_s": done.cpu_s,
    }


def of_paced(done: PacedRound) -> dict[str, Any]:
    """A paced round as it is recorded."""
    told = asdict(done.pace)
    counts = {status: said["count"] for status, said in done.pace.by_status.items()}
    return told | {
        "rate": done.rate,
        "granted_per_s": round(done.granted_per_s),
        "granted_within_a_second": done.in_time,
        "by_status": counts,
        "cpu_s": done.cpu_s,
    }


async def measure(say: Callable[[str], None]) -> Measurement:
    """Measure everything in a town of its own."""
    built()
    measurement = Measurement(say)
    async with Stage.set_up(PEOPLE) as stage:
        await measurement.run(stage)
    return measurement
