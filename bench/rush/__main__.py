"""One case, quickly: python -m bench.rush gate-holds --windows 100 --seconds 4"""

import argparse
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict

import uvloop

from bench.rush.contenders import P1, P2, P3, Contender, Gate, Nginx
from bench.rush.measure import seated
from bench.rush.pace import built, crowd
from bench.rush.processes import SPREAD, resident_kb
from bench.rush.room import fill, polled
from bench.rush.stage import RATE_MAX, Round, Stage

CONTENDERS: dict[str, type[Contender]] = {kind.name: kind for kind in (Gate, Nginx, P1, P2, P3)}


def shown(number: int, done: Round, words: Counter[str]) -> str:
    """A round as a developer reads it."""
    shot = done.shot
    used = " ".join(f"{name} {seconds:.2f}" for name, seconds in done.cpu_s.items())
    per_request = {name: f"{seconds / max(shot.answered, 1) * 1e6:.1f}" for name, seconds in done.cpu_s.items()}
    lines = [
        f"round {number}: {done.answered_per_s:,.0f} answers/s, {done.committed_per_s:,.0f} committed/s, "
        f"p50 {shot.p50_ms:.2f} ms, p99 {shot.p99_ms:.2f} ms, max {shot.max_ms:.0f} ms",
        f"  answers: {shot.granted} granted, {shot.refused} refused, {shot.broken} broken, {shot.sent} sent",
        f"  processor s: {used}; us per answer: {per_request}",
        f"  audit: {'; '.join(done.audit.faults) or 'nothing wrong'} {asdict(done.audit) if done.audit.faults else ''}",
    ]
    lines += [f"  {count:>9} {name}" for name, count in words.most_common(12)]
    return "\n".join(lines)


async def rounds_of(stage: Stage, contender: Contender, asked: argparse.Namespace) -> None:
    """Rounds of one contender under wrk."""
    for number in range(asked.rounds):
        before = Counter(contender.words()) if isinstance(contender, Gate) else Counter()
        if asked.what == "holds":
            done = await stage.holds(contender, windows=asked.windows, seconds=asked.seconds)
        else:
            done = await stage.sold_out(contender, seconds=asked.seconds)
        words = Counter(contender.words()) if isinstance(contender, Gate) else Counter()
        words.subtract(before)
        print(shown(number, done, +words), flush=True)


async def paced_rounds(stage: Stage, gate: Gate, asked: argparse.Namespace) -> None:
    """Rounds at a fixed rate, among a crowd if one is asked for; everybody goes where there is room."""
    stage.arrange(SPREAD, gate)
    empty_kb = resident_kb(gate.pid)
    for _ in range(asked.rounds):
        async with crowd(built(), gate.port, idle=asked.idle, slow=asked.slow) if asked.idle else nullcontext():
            await seated(gate, asked.idle)
            full_kb = resident_kb(gate.pid)
            done = await stage.paced(
                gate, rate=asked.rate, seconds=int(asked.seconds), connections=asked.connections, windows=asked.windows
            )
        pace, counts = done.pace, {status: said["count"] for status, said in done.pace.by_status.items()}
        print(
            f"{done.rate}/s due: {done.granted_per_s:,.0f} granted/s, {done.in_time} granted within a second, "
            f"p50 {pace.p50_ms} p99 {pace.p99_ms} ms, granted p99 {pace.granted_p99_ms} ms\n"
            f"  {counts}, {pace.broken} broken, {pace.unanswered} unanswered; processor s: {done.cpu_s}\n"
            f"  audit: {'; '.join(done.faults) or 'nothing wrong'}",
            flush=True,
        )
        if asked.idle:
            print(f"  {(full_kb - empty_kb) / asked.idle:.1f} kB for a connection")


async def room_rounds(stage: Stage, gate: Gate, asked: argparse.Namespace) -> None:
    """Rounds of polls of a waiting room. Compare with nginx: the same machine, the same minute."""
    empty_kb = resident_kb(gate.pid)
    path = await fill(stage, gate)
    print(
        f"{len(stage.people.ids)} wait; {(resident_kb(gate.pid) - empty_kb) / 1024:.0f} MB more in the gate", flush=True
    )
    for number in range(asked.rounds):
        done = await polled(gate, path, seconds=asked.seconds)
        print(
            f"round {number}: {done.per_s:,.0f} polls/s, p99 {done.shot.p99_ms:.2f} ms, {done.body_bytes} bytes",
            flush=True,
        )


async def main(asked: argparse.Namespace) -> None:
    name, _, asked.what = asked.case.partition("-")
    needed = int(asked.seconds * (asked.rate if asked.what == "paced" else RATE_MAX))
    async with Stage.set_up(asked.people or (needed if asked.what in {"holds", "paced"} else 20_000)) as stage:
        contender = CONTENDERS[name](stage.town, stage.folder)
        await contender.start()
        try:
            if asked.what == "room":
                assert isinstance(contender, Gate)
                await room_rounds(stage, contender, asked)
            elif asked.what == "paced":
                assert isinstance(contender, Gate)
                await paced_rounds(stage, contender, asked)
            else:
                await rounds_of(stage, contender, asked)
        finally:
            await contender.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    cases = [f"{name}-{what}" for name in ("gate", "p1", "p2", "p3") for what in ("holds", "soldout")]
    parser.add_argument("case", choices=[*cases, "gate-paced", "gate-room", "nginx"])
    parser.add_argument("--windows", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4, help="of one round")
    parser.add_argument("--rounds", type=int, default=3, help="the first warms plans and caches")
    parser.add_argument("--people", type=int, default=0, help="none: enough for the round")
    parser.add_argument("--rate", type=int, default=5000, help="of a paced round, requests a second")
    parser.add_argument("--connections", type=int, default=1024, help="of a paced round")
    parser.add_argument("--idle", type=int, default=0, help="idle connections beside a paced round")
    parser.add_argument("--slow", type=int, default=0, help="slow clients beside a paced round")
    uvloop.run(main(parser.parse_args()))
