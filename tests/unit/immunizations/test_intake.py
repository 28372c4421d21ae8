"""Doses taken in: written with where they came from, a repeat changes nothing, nobody learns of strangers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from humiao.backoffice.audit import verify
from humiao.cli import app
from humiao.immunizations.doses import ReportedDose
from humiao.immunizations.intake import Intake, take_in
from humiao.immunizations.repository import records_of
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.unit.schoolcheck.lists import id_number, xlsx

BORN = date(2023, 6, 7)
DAY = date(2023, 6, 8)
_sequences = iter(range(2, 999, 2))


async def somebody(connection: Any, keys: Keys, name: str = "李小红") -> tuple[UUID, str]:
    """A girl born on BORN; returns her id and ID number."""
    vault, person, number = keys.vault(), uuid4(), id_number(BORN, next(_sequences))
    await connection.execute(
        """INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date, sex,
                                origin) VALUES ($1, $2, 'resident_id', $3, $4, $5, 'F', 'rehearsal')""",
        person, vault.seal(name, row=person, field="name"), vault.seal(number, row=person, field="document"),
        vault.blind_index("document", number), BORN,
    )  # fmt: skip
    return person, number


def dose(number: str, vaccine: str = "HepB", day: date = DAY, row: int = 2, **more: Any) -> ReportedDose:
    return ReportedDose(row, "李小红", "resident_id", number, vaccine, day, **more)


async def take(database: Database, keys: Keys, doses: Sequence[ReportedDose], **more: Any) -> Intake:
    wanted: dict[str, Any] = {"source": "paper", "clinic_id": None, "by": "staff:1", "sent_from": "desk"}
    async with database.transaction() as connection:
        return await take_in(connection, keys.vault(), doses, **wanted | more)


async def test_new_doses_are_written_with_where_they_came_from(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    person, number = await somebody(connection, keys)
    found = await take(
        database, keys,
        [dose(number, lot="A1", site="left_arm", route="IM", tracing_code="8" * 20, place="苏州门诊", vaccinator="周"),
         dose(number, "BCG", row=3)],
    )  # fmt: skip
    assert [one.row for one in found.recorded] == [2, 3] and not found.errors and not found.duplicates
    first = next(one for one in await records_of(connection, person) if one.record.vaccine == "HepB")
    assert (first.lot, first.site, first.route, first.tracing_code) == ("A1", "left_arm", "IM", "8" * 20)
    assert (first.place, first.vaccinator, first.source, first.verified) == ("苏州门诊", "周", "paper", False)
    assert (first.import_id, first.import_row) == (found.import_id, 2)
    sent = await connection.fetchrow("SELECT * FROM immunization_imports WHERE import_id = $1", found.import_id)
    assert (sent["rows"], sent["recorded"], sent["made_by"]) == (2, 2, "staff:1")
    assert (await verify(connection)).sound


async def test_a_list_sent_again_changes_nothing(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    person, number = await somebody(connection, keys)
    doses = [dose(number), dose(number, "BCG", row=3)]
    await take(database, keys, doses)
    again = await take(database, keys, doses)
    assert again.import_id is None and [one.row for one in again.duplicates] == [2, 3]
    assert len(await records_of(connection, person)) == 2


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [("IPV", "bOPV", 1), ("DTaP-IPV-Hib", "Hib", 1), ("HepB", "BCG", 2), ("RabV", "RabV", 2)],
)
async def test_same_day_same_series_is_one_dose(
    connection: asyncpg.Connection, database: Database, keys: Keys, first: str, second: str, taken: int
) -> None:
    person, number = await somebody(connection, keys)
    found = await take(database, keys, [dose(number, first), dose(number, second, row=3)])
    assert len(found.recorded) == taken == len(await records_of(connection, person))
    assert [(one.row, one.first_row) for one in found.duplicates] == ([(3, 2)] if taken == 1 else [])


async def test_no_third_rabies_dose_of_a_day(connection: asyncpg.Connection, database: Database, keys: Keys) -> None:
    _, number = await somebody(connection, keys)
    found = await take(database, keys, [dose(number, "RabV", row=row) for row in (2, 3, 4)])
    assert [one.row for one in found.recorded] == [2, 3] and [one.row for one in found.duplicates] == [4]


async def test_a_bad_row_keeps_the_others_out_unless_asked(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    person, number = await somebody(connection, keys)
    stranger = id_number(BORN, 999)
    rows = [
        dose(number), dose(stranger, row=3), replace(dose(number, "BCG", row=4), name="赵四"),
        dose(number, "BCG", BORN - timedelta(days=1), row=5), dose(number, "Nothing", row=6),
    ]  # fmt: skip
    refused = await take(database, keys, rows)
    assert [(error.row, error.code) for error in refused.errors] == [
        (3, "no_person"), (4, "name_differs"), (5, "day_before_birth"), (6, "vaccine_unknown"),
    ]  # fmt: skip
    assert refused.import_id is None and await records_of(connection, person) == []
    assert all(number not in error.message and "小红" not in error.message for error in refused.errors)
    done = await take(database, keys, rows, accept_good=True)
    assert [one.row for one in done.recorded] == [2] and len(done.errors) == 4
    assert await connection.fetchval(
        "SELECT refused FROM immunization_imports WHERE import_id = $1", done.import_id
    ) == 4  # fmt: skip


async def test_two_lists_at_once_write_each_dose_once(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    people = [await somebody(connection, keys) for _ in range(6)]
    doses = [dose(number, row=row) for row, (_, number) in enumerate(people, start=2)]
    both = await asyncio.gather(take(database, keys, doses), take(database, keys, [*reversed(doses)]))
    assert sum(len(one.recorded) for one in both) == len(people)
    assert sum(len(one.duplicates) for one in both) == len(people)
    for person, _ in people:
        assert len(await records_of(connection, person)) == 1


async def run(settings: Settings, *words: str) -> Result:
    environment = {
        "HUMIAO_DATABASE_URL": str(settings.database_url), "HUMIAO_KEYS_FILE": str(settings.keys_path),
        "COLUMNS": "200",
    }  # fmt: skip
    return await asyncio.to_thread(CliRunner().invoke, app, ["records", "import", *words], env=environment)


async def test_the_command_takes_a_list_in(
    connection: asyncpg.Connection, keys: Keys, settings: Settings, tmp_path: Path
) -> None:
    person, number = await somebody(connection, keys)
    header = ("姓名", "证件号码", "疫苗", "接种日期")
    file = tmp_path / "doses.xlsx"
    file.write_bytes(xlsx([["李小红", number, "卡介苗", DAY], ["李小红", number, "卡介苗", "某天"]], header))
    refused = await run(settings, str(file), "--source", "paper")
    assert refused.exit_code == 1 and "接种日期应为" in refused.output and "没有登记" in refused.output
    assert await records_of(connection, person) == []
    done = await run(settings, str(file), "--source", "paper", "--accept-good")
    assert done.exit_code == 1 and "登记 1 条" in done.output and number not in done.output
    assert [one.record.vaccine for one in await records_of(connection, person)] == ["BCG"]
    again = await run(settings, str(file), "--source", "paper", "--accept-good")
    assert "登记 0 条，重复 1 条" in again.output
    file.write_bytes(xlsx([["李小红", number, "HepB", DAY]], header))
    nowhere = await run(settings, str(file), "--source", "local", "--clinic", "7")
    assert nowhere.exit_code == 2 and "没有编号为 7 的门诊" in nowhere.output
