"""Processes of a measurement: started on a core of their own, their processor time read, ended by id."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from humiao.embedded.process import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
APP_CPU, LOAD_CPU = (0, 1) if (os.cpu_count() or 1) > 1 else (0, 0)
ONE, OTHER, ANYWHERE = frozenset({APP_CPU}), frozenset({LOAD_CPU}), frozenset({APP_CPU, LOAD_CPU})


@dataclass(frozen=True)
class Layout:
    """Who goes on which cores."""

    contender: frozenset[int]
    postgres: frozenset[int]
    valkey: frozenset[int]
    load: frozenset[int]


# Contenders among each other. The stores go where there is room, as they would beside any application: held to one core
# they get what the load there leaves them, while the other one stands half idle.
COMPARED = Layout(contender=ONE, postgres=ANYWHERE, valkey=ANYWHERE, load=OTHER)
# The gate up to its peak: what everybody waits for, PostgreSQL, waits for nobody, as with a machine of its own.
APART = Layout(contender=ONE, postgres=OTHER, valkey=ONE, load=ONE)
# The gate beyond its peak and beside a crowd, whose clients would take the core of whoever is held to one.
SPREAD = Layout(contender=ANYWHERE, postgres=ANYWHERE, valkey=ANYWHERE, load=ANYWHERE)


def allow_files() -> None:
    """As many open files as the system allows (run in a child before its program)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class DidNotStart(Exception):
    """A process ended, or did not answer, before the measurement; the message ends with its output."""


class Started:
    """One process pinned to a core, with its output in a file."""

    def __init__(self, command: Sequence[str | Path], *, cpu: int, log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        arm = die_with_parent(signal.SIGTERM)

        def prepare() -> None:
            os.sched_setaffinity(0, {cpu})
            allow_files()
            if arm:
                arm()

        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), **env},
                process_group=0,
                preexec_fn=prepare,  # noqa: PLW1509 - it takes no lock
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    async def answers(self, port: int, patience_s: float = 30) -> None:
        """Wait until it takes connections; raises DidNotStart."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise DidNotStart(self._log.read_text(errors="replace")[-2000:])

    async def stop(self) -> None:
        """Ask it to end, wait, then kill it."""
        self._process.send_signal(signal.SIGTERM)
        for _ in range(200):
            if self._process.poll() is not None:
                return
            await asyncio.sleep(0.05)
        self._process.kill()
        self._process.wait()


def on(cpus: Iterable[int]) -> list[str]:
    """The beginning of a command that is kept on some cores."""
    return ["taskset", "-c", ",".join(map(str, sorted(cpus)))]


def python(*words: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *words]


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            text = stat.read_text()
            parents.setdefault(int(text[text.rindex(")") + 2 :].split()[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue += parents.get(one, [])
    return found


def pin(pids: Iterable[int], cpus: Iterable[int]) -> None:
    """Keep processes, all threads of them, on some cores."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), cpus)


def cpu_s(pids: Iterable[int]) -> float:
    """Processor seconds that processes have used so far, those of their ended children with them."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            text = Path(f"/proc/{pid}/stat").read_text()
            ticks += sum(int(field) for field in text[text.rindex(")") + 2 :].split()[11:15])
    return ticks / TICKS_PER_S


def resident_kb(pid: int) -> int:
    """Memory of a process that is in use (kB)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
