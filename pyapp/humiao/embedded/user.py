"""Which user the servers run as, and what that user can reach.

PostgreSQL refuses to run as root. As root the servers are started as an unprivileged user, and whatever that user
cannot reach (a checkout below a 0700 home) is not opened up: data and binaries are put where it can be reached.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

STATE_ROOT = Path("/var/lib/humiao")  # used as root only, when the wanted place cannot be reached by the server user
PREFERRED_USERS = ("humiao", "nobody")  # a dedicated user where somebody made one
OWNER_NOTE = "home"  # a file in every shelter: the home it belongs to


class NoServerUser(Exception):
    """There is no user that the servers could run as, or their data belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that servers run as; `switch` says whether that means changing user."""

    uid: int
    gid: int
    switch: bool


def server_user(home: Path | None = None) -> ServerUser:
    """The caller; for root an unprivileged user: the one that owns the data in `home`, else humiao, else nobody.

    Raises NoServerUser.
    """
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), switch=False)
    data = home / "postgres" if home else None
    if data and data.is_dir() and data.stat().st_uid != 0:  # an ordinary user made this city: it stays theirs
        return ServerUser(data.stat().st_uid, data.stat().st_gid, switch=True)
    for name in PREFERRED_USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(found.pw_uid, found.pw_gid, switch=True)
    raise NoServerUser("as root the servers need an unprivileged user: add one with `useradd --system humiao`")


def reachable(path: Path) -> bool:
    """Whether any user may walk to `path`: every folder above it lets others pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def own(path: Path, user: ServerUser) -> None:
    """Give a folder and everything in it to the server user, private to it; raises NoServerUser if it cannot."""
    path.mkdir(parents=True, exist_ok=True)
    owner = path.stat().st_uid
    if not user.switch and owner != user.uid:
        raise NoServerUser(f"{path} belongs to user {owner}: run as that user or as root, or remove it")
    if user.switch and owner != user.uid:
        for folder, folders, files in os.walk(path):
            for name in ("", *folders, *files):
                os.lchown(os.path.join(folder, name), user.uid, user.gid)  # noqa: PTH118
    path.chmod(0o700)


def data_root(home: Path, user: ServerUser) -> Path:
    """Where the server user can keep its data: `home`, or a shelter elsewhere that the link `home`/data names."""
    pointer = home / "data"
    if pointer.is_symlink() and pointer.is_dir():
        return pointer.resolve()
    home.mkdir(parents=True, exist_ok=True)
    data = home / "postgres"
    if not user.switch or reachable(data):
        return home
    if data.is_dir() and _as_user_reachable(data, user):
        return home
    shelter = _make_shelter(home)
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(shelter)
    for name in ("postgres", "valkey"):  # a home that was closed to others after its city was made
        if (home / name).is_dir():
            shutil.move(home / name, shelter / name)
    return shelter


def _as_user_reachable(path: Path, user: ServerUser) -> bool:
    """Whether this user may walk to `path` as owner of the folders that are closed to others."""
    return all(
        folder.stat().st_mode & stat.S_IXOTH or folder.stat().st_uid == user.uid for folder in path.resolve().parents
    )


def _make_shelter(home: Path) -> Path:
    """Make a folder that everybody may pass, noting whose it is; shelters whose home is gone are removed."""
    home = home.resolve()
    temporary = Path(tempfile.gettempdir()).resolve()
    _sweep([*temporary.glob("humiao-*"), *STATE_ROOT.glob("home-*")])
    if home.is_relative_to(temporary) or not _make_open(STATE_ROOT):
        shelter = Path(tempfile.mkdtemp(prefix="humiao-"))
    else:
        shelter = STATE_ROOT / f"home-{token_hex(6)}"
        shelter.mkdir()
    shelter.chmod(0o755)
    (shelter / OWNER_NOTE).write_text(str(home), encoding="utf-8")
    return shelter


def _sweep(shelters: list[Path]) -> None:
    for shelter in shelters:
        note = shelter / OWNER_NOTE
        if shelter.is_symlink() or not note.is_file() or shelter.stat().st_uid != 0:
            continue
        pointer = Path(note.read_text(encoding="utf-8")) / "data"
        if not (pointer.is_symlink() and pointer.resolve() == shelter.resolve()):
            shutil.rmtree(shelter, ignore_errors=True)


def _make_open(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
    except OSError:
        return False
    return os.access(folder, os.W_OK) and reachable(folder / "any")


def discard_data(home: Path) -> None:
    """Remove the data of both servers, wherever it is. They must not run."""
    pointer = home / "data"
    if pointer.is_symlink():
        shutil.rmtree(pointer.resolve(), ignore_errors=True)
        pointer.unlink()
    for name in ("postgres", "valkey"):
        shutil.rmtree(home / name, ignore_errors=True)


def common_root(tree: tuple[Path, ...]) -> Path:
    """The folder below which all parts of a tree lie; their relative places must survive a copy."""
    return Path(os.path.commonpath([part.parent for part in tree]))


def reach_copy(program: Path, tree: tuple[Path, ...], user: ServerUser, spare: Path) -> Path:
    """The path by which the server user can run `program`: itself, or its place in a copy of `tree`, made once.

    Copies are shared by all cities below STATE_ROOT; where that cannot be written they go below `spare`.
    """
    if not user.switch or all(reachable(part) and _open_to_others(part) for part in (*tree, program)):
        return program
    root = common_root(tree)
    base = STATE_ROOT if _make_open(STATE_ROOT) else spare
    with program.open("rb") as file:  # a new version of the wheel gets a new copy
        target = base / f"{program.name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    if not target.exists():
        building = target.with_name(f"{target.name}.{os.getpid()}")
        for part in tree:
            place = building / part.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            if part.is_dir():
                shutil.copytree(part, place, symlinks=True)
            else:
                shutil.copy2(part, place)
        for folder, _folders, files in os.walk(building):
            Path(folder).chmod(0o755)
            for name in files:
                file_path = Path(folder, name)
                if not file_path.is_symlink():
                    file_path.chmod(file_path.stat().st_mode | stat.S_IRGRP | stat.S_IROTH | _x_for_all(file_path))
        try:
            building.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(building)
    return target / program.relative_to(root)


def _open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)


def _x_for_all(path: Path) -> int:
    return stat.S_IXGRP | stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0
