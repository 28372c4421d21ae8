"""wrk: a closed loop of connections, each sending the next request of the file when it has an answer."""

import asyncio
import json
import resource
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.rush.processes import OTHER, on

SCRIPT = Path(__file__).with_name("replay.lua")


@dataclass(frozen=True)
class Shot:
    """What wrk saw. `refused` are answers other than 2xx, `broken` connections that failed."""

    sent: int
    rounds: int
    answered: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_s: float = 0.0  # of wrk itself: where it nears the length of the round, the load was the narrower place

    @property
    def granted(self) -> int:
        """Answers of 2xx."""
        return self.answered - self.refused


async def wrk(
    port: int,
    requests: Path,
    *,
    connections: int,
    seconds: float,
    loop: bool = False,
    cpus: Iterable[int] = OTHER,
) -> Shot:
    """Load one port of this machine for so long, from some of its cores."""
    program = shutil.which("wrk")
    assert program, "wrk is missing: tools/loaders installs it"
    process = await asyncio.create_subprocess_exec(
        *on(cpus), program, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s",
        "-s", str(SCRIPT), f"http://127.0.0.1:{port}/", "--", str(requests), "loop" if loop else "stream",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output, _ = await process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    lines = output.decode().splitlines()
    assert process.returncode == 0, lines
    return Shot(**json.loads(next(line for line in lines if line.startswith('{"sent"'))), cpu_s=round(used, 2))
