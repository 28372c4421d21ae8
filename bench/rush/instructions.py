"""Instructions of the gate for one answer, counted by callgrind: a number that a busy machine does not move.

    python -m bench.rush.instructions            counts and compares with bench/results/instructions.json
    python -m bench.rush.instructions --accept   records what was counted

The gate runs whole, with its HTTP, under `valgrind --tool=callgrind`; one connection asks one thing after another, and
only the thread that serves connections is counted. More than the tolerance above the record is a regression.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path

import uvloop

from bench.rush.contenders import Gate
from bench.rush.single import ask, first
from bench.rush.stage import Stage
from bench.rush.wrk import wrk

RESULTS = Path(__file__).parents[1] / "results" / "instructions.json"
TOLERANCE = 1.01  # counts repeat within a thousandth
WARMING, COUNTED = 300, 1500
# Under valgrind everything takes fifty times as long, on a slow machine a hundred times: what is done by the clock must
# not be counted. What is known of a session does not grow old, and other gates are not told every ten milliseconds whom
# this one let through (that was 7,000 instructions for a refusal on a quick machine and 9,500 on a slow one).
PATIENT = {"HUMIAO_GATE_RENEW_S": "600", "HUMIAO_GATE_TRUST_S": "1200", "HUMIAO_SHARE_LIMITS": "false"}


class CountedGate(Gate):
    """A gate under callgrind, which counts nothing until it is told to."""

    patience_s = 180

    def _command(self) -> list[str]:
        program = shutil.which("valgrind")
        assert program, "valgrind is missing: tools/loaders installs it"
        return [
            program, "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
            f"--callgrind-out-file={self._folder}/count", *super()._command(),
        ]  # fmt: skip

    def control(self, *words: str) -> None:
        """Tell callgrind something."""
        command = ["callgrind_control", *words, str(self.pid)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def counted(self) -> int:
        """Instructions of the busiest thread since the count began; the count is written and begins anew."""
        before = set(self._folder.glob("count.*"))
        self.control("-d")
        totals = []
        for path in set(self._folder.glob("count.*")) - before:
            found = re.search(r"^(?:totals|summary): (\d+)", path.read_text(errors="replace"), re.MULTILINE)
            totals.append(int(found[1]) if found else 0)
        return max(totals)


async def count_of(gate: CountedGate, requests: list[bytes], status: int) -> int:
    """Instructions for one answer."""
    await asked(gate, requests, WARMING, status)
    gate.counted()
    await asked(gate, requests, COUNTED, status)
    return gate.counted() // COUNTED


async def asked(gate: Gate, requests: list[bytes], count: int, status: int) -> None:
    """Ask so often, the requests in turn; every answer has the status."""
    replies = await ask(gate.port, list(islice(cycle(requests), count)))
    assert {reply.status for reply in replies} == {status}, replies[0]


async def counts() -> dict[str, int]:
    """Instructions by kind of answer."""
    async with Stage.set_up(1000) as stage:
        gate = CountedGate(stage.town, stage.folder, settings=PATIENT)
        await gate.start()
        try:
            spots = await gate.open_round(1, 1)
            await wrk(gate.port, stage.plan(spots, 1, mixed=False).path, connections=1, seconds=2)
            holds = first(stage.plan(spots, 1000, mixed=False).path, 1000)
            path = f"/api/v1/public/sessions/{spots[0].session_id}/availability"
            await asked(gate, holds, 50, 409)
            gate.control("-i", "on")
            return {
                "a hold in a full window": await count_of(gate, holds, 409),
                "a hold with a forged token": await count_of(gate, [forged(hold) for hold in holds], 401),
                "availability of a session": await count_of(
                    gate, [f"GET {path} HTTP/1.1\r\nHost: humiao.test\r\n\r\n".encode()], 200
                ),
            }
        finally:
            await gate.stop()


def forged(hold: bytes) -> bytes:
    """The request with the middle of its access token's signature changed."""
    end = hold.index(b"\r\nEligibility-Pass")
    other = b"B" if hold[end - 20 : end - 19] == b"A" else b"A"
    return hold[: end - 20] + other + hold[end - 19 :]


def compared(found: dict[str, int], recorded: dict[str, int]) -> list[str]:
    """What has become dearer than the record allows."""
    return [
        f"{name}: {count:,} instructions, recorded {recorded[name]:,}"
        for name, count in found.items()
        if name in recorded and count > recorded[name] * TOLERANCE
    ]


def main(*, accept: bool) -> int:
    """Count, compare, and record what is accepted."""
    found = uvloop.run(counts())
    recorded = json.loads(RESULTS.read_text())["instructions"] if RESULTS.exists() else {}
    for name, count in found.items():
        print(f"{name}: {count:,} instructions (recorded: {recorded.get(name, 0):,})")
    dearer = compared(found, recorded)
    if accept or not recorded:
        compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        written = {"command": "python -m bench.rush.instructions --accept", "compiler": compiler, "instructions": found}
        RESULTS.write_text(json.dumps(written, indent=2) + "\n")
        return 0
    print("\n".join(dearer) or "none dearer than recorded")
    return bool(dearer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accept", action="store_true", help="record what was counted")
    sys.exit(main(accept=parser.parse_args().accept))
