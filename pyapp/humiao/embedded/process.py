"""Starting, finding and ending server processes.

A child started here dies with its parent (Linux: parent-death signal), so a launcher that is killed leaves no orphan.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from humiao.embedded.user import ServerUser

PR_SET_PDEATHSIG = 1
CLUSTER_BUS_SAFE_MAX = 55_535  # a Valkey cluster bus is at port + 10000


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
    """Start a server in its own process group, as the server user, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # setuid clears the parent-death signal, so as root the child is armed after the switch: preexec runs last
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"} | (env or {}),
            umask=0o077,
            process_group=0,
            preexec_fn=_switch_and_arm(user, death_signal),  # noqa: PLW1509 - no threads run at this point of a launch
        )


def _switch_and_arm(user: ServerUser, death_signal: int) -> Callable[[], None]:
    arm = die_with_parent(death_signal)

    def run() -> None:
        if user.switch:
            os.setgroups([])
            os.setgid(user.gid)
            os.setuid(user.uid)
        if arm:
            arm()

    return run


def stop(process: subprocess.Popen[bytes], *, ask: int, patience_s: float) -> None:
    """Ask a process to end, wait, then kill it; always returns with it gone."""
    if process.poll() is None:
        process.send_signal(ask)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def end_stranger(pid: int, marker: str, *, ask: int, patience_s: float = 10.0) -> None:
    """End a process left by an earlier launcher, but only if its command line names `marker`."""
    if not command_line_names(pid, marker):
        return
    os.kill(pid, ask)
    deadline = time.monotonic() + patience_s
    while command_line_names(pid, marker):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 5
        time.sleep(0.05)


def command_line_names(pid: int, marker: str) -> bool:
    """Whether process `pid` lives and its command line contains `marker`; False for zombies and on other systems."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return False
    return marker in line
