"""What residents read of their people: records, and what is recommended. The guardianship is asked in the query."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Resident
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Edition, Evaluation, Person
from humiao.immunizations.repository import StoredRecord, records_of
from humiao.immunizations.schemas import RecommendationsAnswer, RecordsAnswer
from humiao.immunizations.service import Programmes
from humiao.immunizations.telling import tell_calendar, tell_recommendations, tell_records
from humiao.kit.database import Database
from humiao.kit.sql import statement


class OwnRecordsService:
    """Reads for the owner and guardians; another account's people do not exist here."""

    def __init__(self, database: Database, programmes: Programmes) -> None:
        self._database = database
        self._programmes = programmes

    async def records(self, me: Resident, person_id: UUID) -> RecordsAnswer | Refusal:
        """Everything on record with what it counts for, or `unknown_person`."""
        read = await self._read(me, person_id)
        if isinstance(read, Refusal):
            return read
        records, found, edition = read
        items = tell_records(edition, found, records)
        return RecordsAnswer(person_id=person_id, items=items)

    async def recommendations(self, me: Resident, person_id: UUID) -> RecommendationsAnswer | Refusal:
        """What is due today and later, or `unknown_person`."""
        read = await self._read(me, person_id)
        if isinstance(read, Refusal):
            return read
        _, found, edition = read
        items = tell_recommendations(edition, found)
        return RecommendationsAnswer(
            person_id=person_id, evaluated_on=found.on, edition=found.edition_id, items=items,
            calendar=tell_calendar(items, found.on),
        )  # fmt: skip

    async def _read(self, me: Resident, person_id: UUID) -> tuple[list[StoredRecord], Evaluation, Edition] | Refusal:
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("immunizations/person_of_account"), me.account_id, person_id)
            if row is None:
                return Refusal("unknown_person")
            records = await records_of(connection, person_id)
        found, edition = await self.evaluate(row, records)
        return records, found, edition

    async def evaluate(self, row: Any, records: list[StoredRecord]) -> tuple[Evaluation, Edition]:
        """Judge records for a person's row on the city's day, by the edition of that day; beside the event loop."""
        # Where somebody lives is not on record: the clinic asks when it matters.
        person = Person(row["birth_date"], row["sex"])
        today, book = datetime.now(CITY_ZONE).date(), self._programmes.book
        found = await asyncio.to_thread(evaluate, book, person, [one.record for one in records], today)
        return found, book.on(today)
