"""Immunizations in the database: editions of the programme and the versions of records."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID, uuid4

from humiao.immunizations.doses import Route, Site
from humiao.immunizations.models import Record
from humiao.kit.sql import statement

Source = Literal["local", "transferred", "paper", "foreign"]
Correction = Literal["wrong_entry", "wrong_person", "duplicate", "clinical_decision", "verified_later"]
_PLAIN = (
    "record_id", "version", "person_id", "dose_recorded", "source", "verified", "lot", "clinic_id", "tracing_code",
    "manufacturer", "site", "route", "place", "vaccinator", "import_id", "import_row",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One version of a record. `record` is what the rules judge; the rest says where it comes from."""

    person_id: UUID
    record: Record
    source: Source
    verified: bool
    record_id: UUID = field(default_factory=uuid4)
    version: int = 1
    dose_recorded: int | None = None
    lot: str | None = None
    clinic_id: int | None = None
    void: bool = False
    reason: Correction | None = None
    note_sealed: bytes | None = None
    tracing_code: str | None = None
    manufacturer: str | None = None
    site: Site | None = None
    route: Route | None = None
    place: str | None = None
    vaccinator: str | None = None
    import_id: UUID | None = None
    import_row: int | None = None


def stored_record(row: Any) -> StoredRecord:
    """A row of the database as a record."""
    judged = Record(row["vaccine_code"], row["given_on"], row["campaign"], row["course_complete"], row["override"])
    plain = {name: row[name] for name in _PLAIN}
    return StoredRecord(record=judged, **plain)


async def records_of(connection: Any, person_id: UUID) -> list[StoredRecord]:
    """What counts of a person's records, oldest first."""
    rows = await connection.fetch(statement("immunizations/records_of"), person_id)
    return [stored_record(row) for row in rows]


async def add_version(connection: Any, stored: StoredRecord, *, by: str, source: str) -> None:
    """Write a record or its next version, with its audit entry, in the caller's transaction.

    Raises asyncpg.UniqueViolationError where another record holds the day in one of the series, or where somebody
    wrote the version first; ForeignKeyViolationError where the version does not follow one of the same person.
    """
    record = stored.record
    await connection.execute(
        statement("immunizations/add_version"),
        stored.record_id,
        stored.version,
        stored.person_id,
        record.vaccine,
        record.given_on,
        stored.dose_recorded,
        stored.lot,
        stored.clinic_id,
        record.campaign,
        record.course_complete,
        record.override,
        stored.source,
        stored.verified,
        stored.void,
        stored.reason,
        stored.note_sealed,
        by,
        source,
        stored.tracing_code,
        stored.manufacturer,
        stored.site,
        stored.route,
        stored.place,
        stored.vaccinator,
        stored.import_id,
        stored.import_row,
    )


async def edition_ids(connection: Any) -> list[tuple[str, str]]:
    """Id and digest of every edition, in order of their days."""
    return [
        (row["edition_id"], row["digest"]) for row in await connection.fetch(statement("immunizations/edition_ids"))
    ]


async def edition_texts(connection: Any) -> list[tuple[str, str]]:
    """Id and text of every edition, in order of their days."""
    return [(row["edition_id"], row["document"]) for row in await connection.fetch(statement("immunizations/editions"))]


async def publish_edition(
    connection: Any, edition_id: str, effective_from: date, digest: str, document: str, *, by: str
) -> bool:
    """Publish an edition; False where the id is there already. Raises asyncpg.PostgresError for a day that is past."""
    made = await connection.fetchval(
        statement("immunizations/publish_edition"), edition_id, effective_from, digest, document, by
    )
    return made is not None
