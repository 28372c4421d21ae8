"""Runs a command only when the files it depends on have changed, by content and not by time of day.

    python tools/stamp.py STAMP PATH… [--also TEXT] [--product GLOB] -- COMMAND…

The stamp holds a digest of the paths' files (folders are walked), of TEXT and of COMMAND. When it is the same as last
time and every GLOB finds something, nothing is run. A command that fails leaves no stamp. Standard library only: it
also runs before anything is installed.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = {"node_modules", "dist", "target", "__pycache__", ".git", "screenshots"}


def files_below(path: Path) -> Iterator[Path]:
    """The files that `path` names, in a stable order."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        for name in sorted(names):
            yield Path(folder, name)


def digest(paths: list[Path], *texts: str) -> str:
    """A digest of names and contents; a path that does not exist counts as empty."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() + b"\0")
    for path in paths:
        for file in files_below(path):
            total.update(str(file).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def main() -> int:
    """Returns the exit code of the command, or 0 where it was not needed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stamp", type=Path)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--product", action="append", default=[])
    separator = sys.argv.index("--")
    command = sys.argv[separator + 1 :]
    asked = parser.parse_args(sys.argv[1:separator])

    wanted = digest(asked.paths, *asked.also, *command)
    made = all(any(Path().glob(pattern)) for pattern in asked.product)
    if made and asked.stamp.is_file() and asked.stamp.read_text() == wanted:
        return 0
    asked.stamp.unlink(missing_ok=True)
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        asked.stamp.parent.mkdir(parents=True, exist_ok=True)
        asked.stamp.write_text(digest(asked.paths, *asked.also, *command))
    return code


if __name__ == "__main__":
    sys.exit(main())
