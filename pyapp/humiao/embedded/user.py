"""Which user the servers run as, and what that user can reach.

PostgreSQL refuses to run as root. As root the servers are started as an unprivileged user, and whatever that user
cannot reach (a checkout below a 0700 home) is not opened up: data and binaries are put where it can be reached.
"""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

SHELTER = Path("/var/lib/humiao")  # used as root only, when the wanted place cannot be reached by the server user


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that servers run as; `switch` says whether that means changing user."""

    uid: int
    gid: int
    switch: bool


def server_user() -> ServerUser:
    """The caller, or `nobody` when the caller is root."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), switch=False)
    nobody = pwd.getpwnam("nobody")
    return ServerUser(nobody.pw_uid, nobody.pw_gid, switch=True)


def reachable(path: Path) -> bool:
    """Whether any user may walk to `path`: every folder above it lets others pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def own(path: Path, user: ServerUser) -> None:
    """Give a folder and everything in it to the server user, private to it."""
    path.mkdir(parents=True, exist_ok=True)
    if user.switch:
        for folder, folders, files in os.walk(path):
            for name in ("", *folders, *files):
                os.lchown(os.path.join(folder, name), user.uid, user.gid)  # noqa: PTH118
    path.chmod(0o700)


def place_for_data(wanted: Path, user: ServerUser) -> Path:
    """Where the server user can keep its data: `wanted`, or below SHELTER with a link left at `wanted`."""
    if wanted.is_symlink():
        return wanted.resolve()
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not user.switch or reachable(wanted):
        return wanted
    shelter = SHELTER / str(wanted.resolve()).strip("/").replace("/", "-")
    shelter.mkdir(parents=True, exist_ok=True)
    wanted.symlink_to(shelter)
    return shelter


def common_root(tree: tuple[Path, ...]) -> Path:
    """The folder below which all parts of a tree lie; their relative places must survive a copy."""
    return Path(os.path.commonpath([part.parent for part in tree]))


def reach_copy(tree: tuple[Path, ...], user: ServerUser, label: str) -> Path | None:
    """Copy a tree of binaries to where the server user can run it; None when it can already."""
    if not user.switch or all(reachable(part) and part.stat().st_mode & stat.S_IXOTH for part in tree):
        return None
    target = SHELTER / "binaries" / label
    if not target.exists():
        building = target.with_name(f"{label}.{os.getpid()}")
        root = common_root(tree)
        for part in tree:
            place = building / part.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            if part.is_dir():
                shutil.copytree(part, place, symlinks=True)
            else:
                shutil.copy2(part, place)
        for folder in (SHELTER, target.parent, building):
            folder.chmod(0o755)
        try:
            building.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(building)
    return target
