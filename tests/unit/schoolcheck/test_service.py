"""A class list against a real database: the children on record, those who are not, and the command."""

import asyncio
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import openpyxl
import pytest
from typer.testing import CliRunner, Result

from humiao.backoffice.audit import verify
from humiao.cli import app
from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.schoolcheck.class_list import Child
from humiao.schoolcheck.report import verdicts_xlsx
from humiao.schoolcheck.service import RESULTS, Checked, by_class, check_children
from humiao.schoolcheck.verdict import Verdict
from humiao.settings import Settings
from tests.unit.immunizations.histories import BOOK
from tests.unit.schoolcheck.lists import id_number, xlsx
from tests.unit.schoolcheck.test_verdict import AT_FOUR, AUTUMN, BORN, records

_sequences = iter(range(2, 999, 2))


async def on_record(connection: Any, keys: Keys, name: str, doses: Sequence[Record]) -> str:
    """A girl born on BORN with these doses; returns her ID number."""
    vault, person, number = keys.vault(), uuid4(), id_number(BORN, next(_sequences))
    await connection.execute(
        """INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date, sex,
                                origin) VALUES ($1, $2, 'resident_id', $3, $4, $5, 'F', 'rehearsal')""",
        person, vault.seal(name, row=person, field="name"), vault.seal(number, row=person, field="document"),
        vault.blind_index("document", number), BORN,
    )  # fmt: skip
    for dose in doses:
        await add_dose(connection, person, dose)
    return number


async def add_dose(connection: Any, person: UUID, dose: Record) -> None:
    async with connection.transaction():
        await add_version(
            connection, StoredRecord(person, dose, source="local", verified=True), by="staff:1", source="desk"
        )


def child(row: int, name: str, number: str, class_name: str = "小一班") -> Child:
    return Child(row, name, "F", BORN, "resident_id", number, class_name)


async def checked_by(database: Database, keys: Keys, *children: Child) -> list[Checked]:
    async with database.transaction() as connection:
        return await check_children(
            connection, keys.vault(), BOOK, children, AUTUMN, "kindergarten", by="staff:1", source="desk"
        )


async def test_children_are_judged_by_their_records(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    complete = await on_record(connection, keys, "李·小红", records(AT_FOUR))
    lacking = await on_record(connection, keys, "李小丽", records(AT_FOUR)[:-1])
    unknown = id_number(BORN, 998)
    found = await checked_by(
        database, keys,
        child(2, "李小红", complete), child(3, "王小明", unknown, "小二班"), child(4, "李小丽", lacking),
        child(5, "赵四", complete),
    )  # fmt: skip
    assert [(one.child.row, one.result) for one in found] == [
        (2, "PASSED"), (3, "NO_RECORD"), (4, "NEEDS_CATCH_UP"), (5, "NAME_DIFFERS"),
    ]  # fmt: skip
    verdict = found[2].verdict
    assert isinstance(verdict, Verdict) and [(dose.series, dose.number) for dose in verdict.missing] == [("VAR", 2)]
    none = dict.fromkeys(RESULTS, 0)
    assert by_class(found) == {
        "小一班": none | {"PASSED": 1, "NEEDS_CATCH_UP": 1, "NAME_DIFFERS": 1}, "小二班": none | {"NO_RECORD": 1},
    }  # fmt: skip


async def test_who_checked_is_on_record_without_naming_a_child(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    number = await on_record(connection, keys, "李小红", [])
    await checked_by(database, keys, child(2, "李小红", number))
    entry = await connection.fetchrow(
        "SELECT * FROM audit_entries WHERE action = 'school_check.made' ORDER BY at DESC LIMIT 1"
    )
    assert entry["actor"] == "staff:1" and "NEEDS_CATCH_UP" in str(entry["detail"])
    assert number not in str(dict(entry)) and "小红" not in str(dict(entry))
    assert (await verify(connection)).sound


async def test_the_report_masks_and_holds_no_formula(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    number = await on_record(connection, keys, "李小红", [])
    found = await checked_by(database, keys, child(2, "李小红", number, "=1+1"))
    sheet: Any = openpyxl.load_workbook(io.BytesIO(verdicts_xlsx(found))).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[1][:5] == [2, "=1+1", "*小红", f"310***********{number[-4:]}", "需补种"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d"}
    assert "李小红" not in str(cells) and number not in str(cells)
    assert "乙肝疫苗第1剂" in cells[1][5] and "2026-09-01" in cells[1][7]


async def run(settings: Settings, *words: str) -> Result:
    environment = {
        "HUMIAO_DATABASE_URL": str(settings.database_url), "HUMIAO_KEYS_FILE": str(settings.keys_path),
        "COLUMNS": "200",
    }  # fmt: skip
    invoke = CliRunner().invoke
    return await asyncio.to_thread(invoke, app, ["school", "check", *words, "--on", f"{AUTUMN}"], env=environment)


def children_in(saved: Path) -> int:
    """How many children stand in the verdicts that were saved."""
    return openpyxl.load_workbook(saved).active.max_row - 1 if saved.exists() else 0


def closed_to_others(saved: Path) -> bool:
    return saved.stat().st_mode & 0o077 == 0


@pytest.fixture
def save(tmp_path: Path) -> Path:
    return tmp_path / "verdicts.xlsx"


async def test_the_command_checks_a_good_list(
    connection: asyncpg.Connection, keys: Keys, settings: Settings, tmp_path: Path, save: Path
) -> None:
    number = await on_record(connection, keys, "李小红", records(AT_FOUR)[:-1])
    file = tmp_path / "list.xlsx"
    file.write_bytes(xlsx([["李小红", "女", BORN, number, "小一班"]]))
    done = await run(settings, str(file), "--stage", "kindergarten", "--save", str(save))
    assert done.exit_code == 0, done.output
    assert "入园查验" in done.output and "*小红" in done.output and number not in done.output
    assert children_in(save) == 1 and closed_to_others(save)


async def test_the_command_goes_on_with_the_good_rows_only_when_asked(
    connection: asyncpg.Connection, keys: Keys, settings: Settings, tmp_path: Path, save: Path
) -> None:
    number = await on_record(connection, keys, "李小红", [])
    file = tmp_path / "list.xlsx"
    file.write_bytes(xlsx([["李小红", "女", BORN, number, "小一班"], ["", "男", date(2022, 3, 10), "1", "小一班"]]))
    words = (str(file), "--stage", "primary", "--save", str(save))
    refused = await run(settings, *words)
    assert refused.exit_code == 1 and "姓名未填写" in refused.output and "没有查验" in refused.output
    assert children_in(save) == 0
    done = await run(settings, *words, "--accept-good")
    assert done.exit_code == 1 and "姓名未填写" in done.output and "入学查验" in done.output
    assert children_in(save) == 1
