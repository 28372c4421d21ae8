"""Takes reported doses in: finds the people, finds what is on record already, writes the rest, says where it came from.

A dose of a day and series that is on record is a duplicate (rules, C10): it is told and written nowhere, so a list
may be sent again. People are found by document, and the name must agree: whoever types a stranger's number learns
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from humiao.immunizations.doses import ReportedDose
from humiao.immunizations.models import Record
from humiao.immunizations.repository import Source, StoredRecord, add_version
from humiao.kit.crypto import Vault
from humiao.kit.sheets import RowError
from humiao.kit.sql import statement
from humiao.residents.naming import compared_name


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row whose day and series are on record already, or stand in an earlier row."""

    row: int
    series: str
    record_id: UUID | None = None
    first_row: int | None = None

    @property
    def message(self) -> str:
        """For whoever sent the row."""
        if self.first_row is not None:
            return f"与第 {self.first_row} 行是同一天的同类疫苗，按一剂计算，没有重复登记"
        return "当天已有同类疫苗的接种记录，按一剂计算，没有重复登记"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row that was written."""

    row: int
    record_id: UUID


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of the rows. `import_id` is None where nothing was written."""

    import_id: UUID | None
    recorded: tuple[Recorded, ...]
    duplicates: tuple[Duplicate, ...]
    errors: tuple[RowError, ...]


@dataclass(slots=True)
class _Sorted:
    """Rows on their way: those to write with their person, the others with the reason."""

    good: list[tuple[UUID, ReportedDose]] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


async def take_in(
    connection: Any,
    vault: Vault,
    doses: Sequence[ReportedDose],
    *,
    source: Source,
    clinic_id: int | None,
    by: str,
    sent_from: str,
    unread: Sequence[RowError] = (),
    accept_good: bool = False,
) -> Intake:
    """Write the doses that are new, in the caller's transaction; `unread` are rows that could not be read.

    Where a row is wrong nothing is written, unless the good ones are to be accepted. A dose given at `clinic_id` counts
    as verified (source local); what was transferred, declared on paper or given abroad waits for a clinic to do so.
    """
    sorted_rows = await _sort(connection, vault, doses)
    errors = tuple(sorted((*unread, *sorted_rows.errors), key=lambda error: error.row or 0))
    if (errors and not accept_good) or not sorted_rows.good:
        return Intake(None, (), tuple(sorted_rows.duplicates), errors)
    import_id, recorded, late = uuid4(), [], []
    # In one order, so that two lists with the same people wait for each other and never in a circle.
    for person, dose in sorted(sorted_rows.good, key=_order):
        one = _stored(person, dose, source, clinic_id, import_id)
        try:
            async with connection.transaction():
                await add_version(connection, one, by=by, source=sent_from)
            recorded.append(Recorded(dose.row, one.record_id))
        except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError) as broken:
            if broken.table_name != "immunization_days":
                raise
            late.append(Duplicate(dose.row, ""))  # somebody else was a moment faster
    duplicates = sorted((*sorted_rows.duplicates, *late), key=lambda one: one.row)
    refused = len({error.row for error in errors})
    await connection.execute(
        statement("immunizations/add_import"), import_id, clinic_id, source, _digest(vault, doses),
        len(recorded) + len(duplicates) + refused, len(recorded), len(duplicates), refused, by, sent_from,
    )  # fmt: skip
    return Intake(import_id, tuple(sorted(recorded, key=lambda one: one.row)), tuple(duplicates), errors)


def _order(pair: tuple[UUID, ReportedDose]) -> tuple[bytes, date, str, int]:
    person, dose = pair
    return person.bytes, dose.given_on, dose.vaccine, dose.row


def _digest(vault: Vault, doses: Sequence[ReportedDose]) -> bytes:
    return vault.blind_index("immunization_import", orjson.dumps(doses).decode())


def _stored(person: UUID, dose: ReportedDose, source: Source, clinic_id: int | None, import_id: UUID) -> StoredRecord:
    local = source == "local"
    return StoredRecord(
        person, Record(dose.vaccine, dose.given_on), source=source, verified=local, dose_recorded=dose.dose_recorded,
        lot=dose.lot, clinic_id=clinic_id if local else None, tracing_code=dose.tracing_code,
        manufacturer=dose.manufacturer, site=dose.site, route=dose.route, place=dose.place, vaccinator=dose.vaccinator,
        import_id=import_id, import_row=dose.row,
    )  # fmt: skip


async def _sort(connection: Any, vault: Vault, doses: Sequence[ReportedDose]) -> _Sorted:
    rows = await connection.fetch(
        statement("immunizations/find_people"),
        [dose.document_type for dose in doses],
        [vault.blind_index("document", dose.document_number) for dose in doses],
    )
    people = {row["place"] - 1: row for row in rows}
    vaccines = await connection.fetch(statement("immunizations/series_of_vaccines"))
    series = {row["vaccine_code"]: row["series"] for row in vaccines}
    held = await _held(connection, {row["person_id"] for row in rows})
    found = _Sorted()
    places: dict[tuple[UUID, date, str], list[int]] = {}
    for i, dose in enumerate(doses):
        error = _fault(vault, dose, people.get(i)) or _unknown(dose, series)
        if error:
            found.errors.append(error)
            continue
        person = people[i]["person_id"]
        duplicate = _duplicate(person, dose, series[dose.vaccine], held, places)
        if duplicate:
            found.duplicates.append(duplicate)
            continue
        found.good.append((person, dose))
        for code in series[dose.vaccine]:
            places.setdefault((person, dose.given_on, code), []).append(dose.row)
    return found


async def _held(connection: Any, people: set[UUID]) -> dict[tuple[UUID, date, str], list[UUID]]:
    held: dict[tuple[UUID, date, str], list[UUID]] = {}
    for row in await connection.fetch(statement("immunizations/days_held"), list(people)):
        held.setdefault((row["person_id"], row["given_on"], row["series"]), []).append(row["record_id"])
    return held


def _fault(vault: Vault, dose: ReportedDose, row: Any) -> RowError | None:
    if row is None:
        return RowError(dose.row, "证件号码", "no_person", "本市没有这个证件的档案，请先建档")
    if compared_name(vault.open(row["name_sealed"], row=row["person_id"], field="name")) != compared_name(dose.name):
        return RowError(dose.row, "姓名", "name_differs", "证件号码已建档，但姓名不一致，请核对姓名和证件号码")
    if dose.given_on < row["birth_date"]:
        return RowError(dose.row, "接种日期", "day_before_birth", "接种日期早于出生日期")
    return None


def _unknown(dose: ReportedDose, series: dict[str, list[str]]) -> RowError | None:
    known = dose.vaccine in series
    return None if known else RowError(dose.row, "疫苗", "vaccine_unknown", "疫苗不在目录中，应填目录里的名称或代码")


def _duplicate(
    person: UUID,
    dose: ReportedDose,
    series: list[str],
    held: dict[tuple[UUID, date, str], list[UUID]],
    places: dict[tuple[UUID, date, str], list[int]],
) -> Duplicate | None:
    for code in series:
        key = person, dose.given_on, code
        on_record, in_list = held.get(key, []), places.get(key, [])
        # Two doses of rabies vaccine may be given on the first day (2-1-1).
        if len(on_record) + len(in_list) >= (2 if code == "RAB" else 1):
            return Duplicate(dose.row, code, on_record[0] if on_record else None, None if on_record else in_list[0])
    return None
