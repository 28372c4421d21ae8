"""Every statement is used, every use has its statement, each says what it takes, and PostgreSQL understands it."""

import re
from pathlib import Path

import asyncpg
import pytest

from humiao.kit.migrations import read_migrations

ROOT = Path(__file__).resolve().parents[2]
QUERIES = ROOT / "sql" / "queries"
NAMES = sorted(str(path.relative_to(QUERIES).with_suffix("")) for path in QUERIES.rglob("*.sql"))
QUOTED = re.compile(r'"([a-z_]+/[a-z_]+)"')
FIRST_PART_ELSEWHERE = re.compile(r'statement\(f"([a-z_]+)/\{(\w+)\}"\)')


def sources() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (ROOT / "pyapp").rglob("*.py")]


def named() -> set[str]:
    """Statement names that the application spells, also those put together from a folder and a word."""
    found: set[str] = set()
    for text in sources():
        found.update(name for name in QUOTED.findall(text) if (QUERIES / name.split("/")[0]).is_dir())
        for folder, _ in FIRST_PART_ELSEWHERE.findall(text):
            words = re.findall(r'"([a-z_]+)"', text)
            found.update(f"{folder}/{word}" for word in words if f"{folder}/{word}" in NAMES)
    return found


def test_every_statement_is_used_and_every_use_has_its_statement() -> None:
    assert named() == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_opens_with_what_it_does_and_names_its_parameters(name: str) -> None:
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    opening = "".join(line for line in text.splitlines(keepends=True) if line.startswith("--"))
    assert text.startswith("-- ")
    parameters = set(re.findall(r"\$\d+", re.sub(r"--.*", "", text)))
    assert parameters <= set(re.findall(r"\$\d+", opening)), "a parameter has no name"


@pytest.mark.parametrize("name", NAMES)
async def test_postgresql_understands_it(name: str, connection: asyncpg.Connection) -> None:
    await connection.prepare((QUERIES / f"{name}.sql").read_text(encoding="utf-8"))


def test_no_migration_has_changed_since_it_was_written_down() -> None:
    """A city compares digests at every start: one that applied the file as it was would not start again."""
    written_down = (ROOT / "sql" / "migrations" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    found = [f"{migration.digest}  {migration.name}.sql" for migration in read_migrations()]
    assert found == written_down, "a new file adds its line (sha256sum); a line that is there already never changes"
