"""Flame graphs of the gate under load: python -m bench.rush.profile

Writes docs/performance/sold-out.svg and granted.svg. Needs perf, and inferno (cargo install inferno) on the path.
Stacks are unwound from the debug information of the release build; the flames of Python show the interpreter, not the
function.
"""

import asyncio
import subprocess
from pathlib import Path

import uvloop

from bench.rush.contenders import Gate
from bench.rush.processes import LOAD_CPU, on
from bench.rush.stage import RATE_MAX, Stage

PAGES = Path(__file__).resolve().parents[2] / "docs" / "performance"
SECONDS = 4
SAMPLES_PER_S = 499


async def sampled(gate: Gate, data: Path) -> asyncio.subprocess.Process:
    """Begin to sample a gate; it ends by itself."""
    return await asyncio.create_subprocess_exec(
        *on({LOAD_CPU}), "perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_S),
        "--call-graph", "dwarf,16384", "-p", str(gate.pid), "-o", data, "--", "sleep", str(SECONDS - 1),
    )  # fmt: skip


def draw(data: Path, title: str, picture: Path) -> None:
    """Turn samples into a picture."""
    script = subprocess.run(["perf", "script", "-i", data, "--no-inline"], capture_output=True, check=True)
    folded = subprocess.run(["inferno-collapse-perf"], input=script.stdout, capture_output=True, check=True)
    data.with_suffix(".folded").write_bytes(folded.stdout)
    drawn = subprocess.run(
        ["inferno-flamegraph", "--title", title, "--minwidth", "0.3", "--deterministic"],
        input=folded.stdout, capture_output=True, check=True,
    )  # fmt: skip
    picture.write_bytes(drawn.stdout)


async def main() -> None:
    """Sample both roads of a hold."""
    PAGES.mkdir(parents=True, exist_ok=True)
    async with Stage.set_up(SECONDS * RATE_MAX) as stage:
        gate = Gate(stage.town, stage.folder)
        await gate.start()
        try:
            for name, title in (("sold-out", "A full window"), ("granted", "Holds granted and committed")):
                data = Path("/tmp") / f"humiao-{name}.perf"  # kept, to be looked at by hand

                async def load(name: str = name) -> None:
                    if name == "sold-out":
                        done = await stage.sold_out(gate, seconds=SECONDS)
                    else:
                        done = await stage.holds(gate, windows=1, seconds=SECONDS)
                    print(name, round(done.answered_per_s), done.cpu_s, *done.audit.faults)

                await load()  # warms
                loading = asyncio.create_task(load())
                await stage.loading.wait()
                await asyncio.sleep(0.3)
                sampling = await sampled(gate, data)
                await asyncio.gather(loading, sampling.wait())
                draw(data, title, PAGES / f"{name}.svg")
        finally:
            await gate.stop()


if __name__ == "__main__":
    uvloop.run(main())
