"""Append-only migrations: sql/migrations/NNNN_name.sql, each applied once, in order, in its own transaction.

A file that was applied must never change: its digest is kept and compared, and a difference stops the start with the
file's name. Two processes that migrate at once wait for each other on an advisory lock. See docs/decisions/0002.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from humiao.errors import CITY_ZONE
from humiao.kit.sql import SQL_ROOT

LOCK = 4_821_007  # any constant: the advisory lock of migrations
TABLE = """CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""


class MigrationChanged(Exception):
    """A migration file differs from what was applied, or one is missing from the middle."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, its text and the SHA-256 of that text."""

    name: str
    text: str
    digest: str


def read_migrations(folder: Path = SQL_ROOT / "migrations") -> list[Migration]:
    """Read the migration files in order; names must be 0001_…, 0002_… without a gap."""
    found = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        if not re.fullmatch(rf"{number:04d}_[a-z0-9_]+\.sql", path.name):
            raise MigrationChanged(f"{path.name}: expected a name that begins with {number:04d}_")
        text = path.read_text(encoding="utf-8")
        found.append(Migration(path.stem, text, hashlib.sha256(text.encode()).hexdigest()))
    return found


async def apply(connection: Any, on_progress: Callable[[int, int, str], None] | None = None) -> list[str]:
    """Apply what is missing on an open connection; returns the names applied. Raises MigrationChanged."""
    migrations = read_migrations()
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        await connection.execute(TABLE)
        rows = await connection.fetch("SELECT name, digest FROM schema_migrations ORDER BY name")
        applied = {row["name"]: row["digest"] for row in rows}
        done: list[str] = []
        for number, migration in enumerate(migrations, start=1):
            if on_progress:
                on_progress(number, len(migrations), migration.name)
            if migration.name in applied:
                if applied[migration.name] != migration.digest:
                    raise MigrationChanged(f"{migration.name}.sql was applied and has changed since")
                continue
            async with connection.transaction():
                await connection.execute(migration.text)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, digest) VALUES ($1, $2)",
                    migration.name,
                    migration.digest,
                )
            done.append(migration.name)
        return done
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def migrate(dsn: str, on_progress: Callable[[int, int, str], None] | None = None) -> list[str]:
    """Bring the database at `dsn` up to date; returns the names of the migrations applied now.

    In the city's time zone, whatever the server's is: months of partitions begin at the city's midnight.
    """
    connection = await asyncpg.connect(dsn, server_settings={"TimeZone": CITY_ZONE.key})
    try:
        return await apply(connection, on_progress)
    finally:
        await connection.close()
