"""Keeps what is due beside the records: works out again only who is stale, and plans the reminders that follow.

A row is kept only where its version is the one that was read, so a record written meanwhile is not lost: the person is
still stale and comes again. Nothing is held in memory between steps; any number of keepers may run beside each other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from humiao.errors import CITY_ZONE
from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import UnknownVaccine, evaluate
from humiao.immunizations.models import Evaluation, Person, Record
from humiao.immunizations.service import Programmes
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.messaging.quiet import QuietHours

log = structlog.get_logger(__name__)
PEOPLE_AT_ONCE = 100
LOOK_AGAIN = timedelta(days=31)  # what no date of the answer tells, such as an age from which a series applies


@dataclass(frozen=True, slots=True)
class Worked:
    """What was worked out for one person at one version; `found` None: nobody is to be told, or it cannot be read."""

    person_id: UUID
    version: int
    stale_from: date
    found: Evaluation | None = None


def next_change_on(found: Evaluation) -> date:
    """Return the first day after the evaluation on which a status may be another one; at most a month away."""
    days = [
        day
        for state in found.series.values()
        for day in (state.earliest, state.recommended, state.overdue, state.closes)
        if day is not None and day > found.on
    ]
    return min([*days, found.on + LOOK_AGAIN])


def work_out(book: RuleBook, row: Any, today: date) -> Worked:
    """Work out one row of `reminders/stale_people` for a day of the city."""
    person_id, version = row["person_id"], row["version"]
    if not row["followed"]:
        return Worked(person_id, version, date.max)
    records = [Record(vaccine, date.fromisoformat(given), *more) for vaccine, given, *more in row["records"]]
    try:
        # Where somebody lives is not on record: the clinic asks when it matters.
        found = evaluate(book, Person(row["birth_date"], row["sex"]), records, today)
    except UnknownVaccine as unknown:  # one person's record must not keep the others waiting
        log.warning("records not worked out", person_id=str(person_id), vaccine=str(unknown))
        return Worked(person_id, version, today + timedelta(days=1))
    return Worked(person_id, version, next_change_on(found), found)


class DueKeeper:
    """One step works out a bounded number of people who are stale."""

    def __init__(
        self, database: Database, programmes: Programmes, quiet: QuietHours,
        on_planned: Callable[[str, int], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        """`on_planned` is told how many reminders of which kind were planned, once they are."""
        self._on_planned = on_planned
        self._database = database
        self._programmes = programmes
        self._quiet = quiet

    async def step(self, now: datetime | None = None) -> int:
        """Work out who is stale as of `now` (None: the database's time); returns how many when there may be more."""
        await self._programmes.read()
        rows, now = await self.read(now)
        kept = await self.keep(await self.work_out(rows, now), now)
        # where others hold every row there is nothing to do at once
        return kept if len(rows) == PEOPLE_AT_ONCE else 0

    async def read(self, now: datetime | None = None) -> tuple[list[Any], datetime]:
        """Read who is stale, and the time that is meant."""
        async with self._database.read() as connection:
            now = now or await connection.fetchval(statement("kit/now"))
            today = now.astimezone(CITY_ZONE).date()
            edition = self._programmes.book.on(today).id
            return await connection.fetch(statement("reminders/stale_people"), today, edition, PEOPLE_AT_ONCE), now

    async def work_out(self, rows: list[Any], now: datetime) -> list[Worked]:
        """Work out what was read, beside the event loop: about a millisecond a person."""
        book, today = self._programmes.book, now.astimezone(CITY_ZONE).date()
        return await asyncio.to_thread(lambda: [work_out(book, row, today) for row in rows])

    async def keep(self, worked: list[Worked], now: datetime) -> int:
        """Keep what still holds and plan its reminders, in one transaction; returns how many people were kept."""
        if not worked:
            return 0
        planned: list[Any] = []
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                statement("reminders/keep_people"),
                [one.person_id for one in worked],
                [one.version for one in worked],
                [one.found and one.found.on for one in worked],
                [one.found and one.found.edition_id for one in worked],
                [one.stale_from for one in worked],
            )
            kept = {row["person_id"] for row in rows}
            await connection.execute(statement("reminders/forget_doses"), list(kept))
            doses = [dose for one in worked if one.person_id in kept for dose in self._doses(one)]
            if doses:
                await connection.execute(statement("reminders/keep_doses"), *map(list, zip(*doses, strict=True)))
                planned = await connection.fetch(statement("reminders/plan_doses"), list(kept), self._quiet.after(now))
        for row in planned:
            self._on_planned(row["kind"], row["messages"])
        return len(kept)

    def _doses(self, one: Worked) -> list[tuple[Any, ...]]:
        if one.found is None:
            return []
        series = self._programmes.book.on(one.found.on).series
        return [
            (one.person_id, code, series[code].name_zh, state.status.value, state.counted,
             series[code].kind != "non_programme", state.next_dose, state.earliest, state.recommended, state.overdue)
            for code, state in one.found.series.items()
        ]  # fmt: skip
