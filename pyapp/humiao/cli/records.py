"""`humiao records`: taking lists of doses in."""
# ruff: noqa: PLC0415

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from humiao.settings import Settings

if TYPE_CHECKING:
    from humiao.immunizations.intake import Duplicate, Intake
    from humiao.immunizations.repository import Source
    from humiao.kit.sheets import RowError

records_app = typer.Typer(no_args_is_help=True, help="接种记录 / immunization records.")
console = Console()
SHOWN = 50


class SourceChoice(StrEnum):
    """Where the doses of a list come from."""

    local = "local"
    transferred = "transferred"
    paper = "paper"
    foreign = "foreign"


@records_app.callback()
def records() -> None:
    """接种记录 / immunization records."""


@records_app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="接种记录 xlsx 或 csv / list of doses")],
    source: Annotated[SourceChoice, typer.Option(help="来源 / given here, moved here, on paper, abroad")],
    database: Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")],
    clinic: Annotated[int | None, typer.Option(help="门诊编号 / the clinic that sends the list")] = None,
    accept_good: Annotated[
        bool, typer.Option("--accept-good", help="有错误行时仍登记其余 / go on with the rest")
    ] = False,
) -> None:
    """导入接种记录 / take doses in; names every bad row, writes what is new and exits with 1 where a row was bad.

    Columns: 姓名、证件号码、疫苗、接种日期; the others are in docs/operations/records.md.
    """
    import asyncpg

    from humiao.kit.sheets import FILE_BYTES_MAX

    with file.open("rb") as opened:
        data = opened.read(FILE_BYTES_MAX + 1)
    try:
        found = asyncio.run(_import(database, data, source.value, clinic, accept_good))
    except asyncpg.ForeignKeyViolationError:
        console.print(f"没有编号为 {clinic} 的门诊 / no such clinic", style="red", highlight=False)
        raise typer.Exit(2) from None
    _tell_errors(found.errors)
    _tell_duplicates(found.duplicates)
    bad = len({error.row for error in found.errors})
    told = f"登记 {len(found.recorded)} 条，重复 {len(found.duplicates)} 条，有误 {bad} 行"
    console.print(f"{told} / recorded, duplicates, bad rows", highlight=False)
    if found.errors and not accept_good:
        console.print("没有登记任何一条。改正后重来，或加 --accept-good / nothing was recorded", highlight=False)
    raise typer.Exit(1 if found.errors else 0)


async def _import(database_url: str, data: bytes, source: "Source", clinic: int | None, accept_good: bool) -> "Intake":
    from humiao.errors import CITY_ZONE
    from humiao.immunizations.doses import read_doses
    from humiao.immunizations.intake import Intake, take_in
    from humiao.immunizations.service import Programmes
    from humiao.kit.database import Database
    from humiao.kit.keys import load_keys

    vault = load_keys(Settings().keys_path).vault()
    database = await Database.connect(database_url, connections=1)
    try:
        programmes = Programmes(database)
        await programmes.read()
        today = datetime.now(CITY_ZONE).date()
        listed = read_doses(data, programmes.book.on(today), today=today)
        if not listed.doses:
            return Intake(None, (), (), listed.errors)
        async with database.transaction() as connection:
            return await take_in(
                connection, vault, listed.doses, source=source, clinic_id=clinic, by="sql", sent_from="cli",
                unread=listed.errors, accept_good=accept_good,
            )  # fmt: skip
    finally:
        await database.close()


def _tell_errors(errors: "Sequence[RowError]") -> None:
    if not errors:
        return
    table = Table("行 / row", "列 / column", "问题 / what is wrong", title="有误的行 / bad rows")
    for error in errors:
        table.add_row(str(error.row or ""), error.column or "", error.message)
    console.print(table)


def _tell_duplicates(duplicates: "Sequence[Duplicate]") -> None:
    for one in duplicates[:SHOWN]:
        console.print(f"第 {one.row} 行：{one.message}", style="yellow", highlight=False)
    if len(duplicates) > SHOWN:
        console.print(f"另有 {len(duplicates) - SHOWN} 条重复 / more duplicates", style="yellow", highlight=False)
