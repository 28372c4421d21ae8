"""Use cases of immunizations: the rule book this process holds, and publishing an edition.

A process reads the editions when it starts and looks for new ones every few seconds. An edition is published before its
day; at midnight of that day every process that holds it goes over to it by the date it is asked about.
"""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from humiao.immunizations import repository
from humiao.immunizations.book import RuleBook
from humiao.immunizations.loader import load_edition
from humiao.immunizations.models import Edition
from humiao.kit.database import Database
from humiao.kit.sql import SQL_ROOT
from humiao.kit.upkeep import keep_reading

log = structlog.get_logger(__name__)
PROGRAMME = SQL_ROOT / "seed" / "reference" / "programme.yaml"
EVERY_S = 5.0
_REFUSED_BY_RULE = "HM002"  # raised by the triggers of sql/migrations


class EditionChanged(ValueError):
    """An edition that was published has another text now. Give the new text a new id and a later day."""


def shipped_text() -> str:
    """Return the programme data that comes with this release."""
    return PROGRAMME.read_text(encoding="utf-8")


def read_edition(path: Path = PROGRAMME) -> Edition:
    """Read and compile an edition. Raises `ProgrammeMistakes` with the line of every mistake, or OSError."""
    return load_edition(path.read_text(encoding="utf-8"), path.name)


async def publish(connection: Any, text: str | None = None, name: str = PROGRAMME.name, *, by: str = "sql") -> Edition:
    """Publish the edition of a text (None: the shipped one), or find it published already; returns it.

    Raises `ProgrammeMistakes` before anything is written, `EditionChanged` where the id stands for another text.
    """
    text = shipped_text() if text is None else text
    edition = load_edition(text, name)
    made = await repository.publish_edition(connection, edition.id, edition.effective_from, edition.digest, text, by=by)
    if not made and dict(await repository.edition_ids(connection))[edition.id] != edition.digest:
        raise EditionChanged(f"{name}: edition {edition.id} was published with another text; use a new id")
    return edition


async def publish_shipped(connection: Any) -> bool:
    """Publish the edition of this release where that is possible; what is published stays in force where it is not.

    An installation that is brought up to date late meets an edition whose day is past. It must start all the same, and
    somebody must give the edition a day to come.
    """
    try:
        await publish(connection)
    except EditionChanged as changed:
        log.warning("programme of this release not published", why=str(changed))
        return False
    except asyncpg.PostgresError as refused:
        if refused.sqlstate != _REFUSED_BY_RULE:
            raise
        log.warning("programme of this release not published", why=str(refused))
        return False
    return True


class Programmes:
    """The rule book of this process: `read` at the start, then `keep_up`. Before that it holds the shipped edition."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.book = RuleBook([read_edition()])

    async def read(self) -> None:
        """Take over what is published, where it is other than what is held."""
        held = [(edition.id, edition.digest) for edition in self.book.editions]
        async with self._database.read() as connection:
            known = await repository.edition_ids(connection)
            if not known or known == held:
                return
            texts = await repository.edition_texts(connection)
        # Compiled beside the loop: an edition takes a tenth of a second.
        editions = await asyncio.to_thread(lambda: [load_edition(text, name) for name, text in texts])
        self.book = RuleBook(editions)
        log.info("programme read", editions=[edition.id for edition in editions])

    async def keep_up(self, every_s: float = EVERY_S) -> None:
        """Read until cancelled, so that an edition is in force without a restart."""
        await keep_reading("programme", self.read, every_s)
