"""Starting, finding and ending processes.

A child started here dies with its parent (Linux: parent-death signal), so a launcher that is killed leaves no orphan.
That signal is sent when the *thread* that started the child ends: start children from the main thread only.

What takes time is written as steps, a generator that yields wherever it would wait, so that the same code serves the
blocking caller (`run_blocking`) and the one in an event loop (`run_async`).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from humiao.embedded.user import ServerUser

PR_SET_PDEATHSIG = 1
CLUSTER_BUS_SAFE_MAX = 55_535  # a Valkey cluster bus is at port + 10000
PAUSE_S = 0.02

Steps = Generator[None, None, None]


def run_blocking(steps: Steps) -> None:
    """Run steps to their end, sleeping in between."""
    for _ in steps:
        time.sleep(PAUSE_S)


async def run_async(steps: Steps) -> None:
    """Run steps to their end, letting the event loop go on in between; a cancelled caller ends them."""
    with contextlib.closing(steps):
        for _ in steps:
            await asyncio.sleep(PAUSE_S)


def free_port() -> int:
    """A TCP port of the loopback address that nobody uses now, low enough for a cluster bus."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port <= CLUSTER_BUS_SAFE_MAX:
            return port


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def die_with_parent(death_signal: int) -> Callable[[], None] | None:
    """What the child runs before its program, so that it is told when its parent dies (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os.kill(os.getpid(), death_signal)

    return arm


def start(
    command: Sequence[str | Path],
    *,
    user: ServerUser,
    log: Path,
    env: dict[str, str] | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a process in its own group, as `user`, its output appended to `log`; raises OSError.

    With `env` None it gets PATH and a UTF-8 locale and nothing else.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # a folder that every user can read
            env=env or {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
            umask=0o077,
            process_group=0,  # Ctrl-C in the terminal reaches the launcher alone, which stops the rest in order
            preexec_fn=_switch_and_arm(user, death_signal),  # noqa: PLW1509 - it takes no lock
        )


def _switch_and_arm(user: ServerUser, death_signal: int) -> Callable[[], None]:
    arm = die_with_parent(death_signal)

    def run() -> None:
        if user.switch:
            os.setgroups([])
            os.setgid(user.gid)
            os.setuid(user.uid)
        if arm:  # after the switch: setuid clears the parent-death signal
            arm()

    return run


def stopping(process: subprocess.Popen[bytes], *, ask: int, patience_s: float) -> Steps:
    """Steps: ask a process to end, wait, then kill it; always ends with it gone."""
    if process.poll() is None:
        process.send_signal(ask)
    deadline = time.monotonic() + patience_s
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            deadline = time.monotonic() + 5
        yield


def find(marker: str, programs: Sequence[str]) -> list[int]:
    """Ids of live processes whose command line contains `marker` and whose program's name begins with one of these.

    By command line, because that is readable everywhere; where a process works (/proc/…/cwd) is not.
    """
    found = []
    for pid, line in _command_lines():
        words = line.split(maxsplit=1)
        if marker in line and words and Path(words[0]).name.startswith(tuple(programs)) and pid != os.getpid():
            found.append(pid)
    return found


def _command_lines() -> Iterator[tuple[int, str]]:
    if Path("/proc/self/cmdline").exists():
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    raw = (folder / "cmdline").read_bytes()
                except OSError:  # it has just ended
                    continue
                yield int(folder.name), raw.replace(b"\0", b" ").decode(errors="replace")
        return
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.strip()


def ending_strays(marker: str, programs: Sequence[str], *, ask: int, patience_s: float) -> Steps:
    """Steps: end what an earlier launcher left behind, found by its marker; kill what does not go in time."""
    for pid in find(marker, programs):
        signal_quietly(pid, ask)
    deadline = time.monotonic() + patience_s
    while strays := find(marker, programs):
        if time.monotonic() > deadline:
            for pid in strays:
                signal_quietly(pid, signal.SIGKILL)
        yield


def signal_quietly(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone by now; raises PermissionError for somebody else's."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
