"""`humiao school`: the check of a class list when children enter a nursery, kindergarten or primary school."""
# ruff: noqa: PLC0415

import asyncio
import os
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from humiao.settings import Settings

if TYPE_CHECKING:
    from humiao.kit.sheets import RowError
    from humiao.schoolcheck.class_list import Child
    from humiao.schoolcheck.service import Checked
    from humiao.schoolcheck.verdict import Stage

school_app = typer.Typer(no_args_is_help=True, help="入托入园入学查验 / school checks.")
console = Console()
CHILDREN_SHOWN = 20


class StageChoice(StrEnum):
    """Which check."""

    nursery = "nursery"
    kindergarten = "kindergarten"
    primary = "primary"


@school_app.command("check")
def check_list(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="班级名单 xlsx / class list")],
    stage: Annotated[StageChoice, typer.Option(help="入托、入园、入学 / which check")],
    database: Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="查验日期 / day of the check; default: today")
    ] = None,
    accept_good: Annotated[
        bool, typer.Option("--accept-good", help="有错误行时仍查验其余 / go on with the rest")
    ] = False,
    save: Annotated[Path | None, typer.Option(dir_okay=False, help="结果另存为 xlsx / save the verdicts")] = None,
) -> None:
    """查验班级名单 / check a class list; names every bad row and exits with 1 where there is one."""
    from humiao.immunizations.book import CITY_ZONE
    from humiao.kit.sheets import FILE_BYTES_MAX
    from humiao.schoolcheck.class_list import read_class_list
    from humiao.schoolcheck.report import verdicts_xlsx

    today = datetime.now(CITY_ZONE).date()
    day = on.date() if on else today
    with file.open("rb") as opened:
        data = opened.read(FILE_BYTES_MAX + 1)
    found = read_class_list(data, today=today, on=day)
    if found.errors:
        _tell_errors(found.errors)
        told = f"{len(found.bad_rows)} 行有误，{len(found.children)} 行无误"
        if not accept_good or not found.children:
            console.print(f"{told}：没有查验。改正后重来，或加 --accept-good / nothing was checked", highlight=False)
            raise typer.Exit(1)
        console.print(f"{told}：只查验无误的行 / going on with the good rows", highlight=False)
    chosen: Stage = stage.value
    checked = asyncio.run(_check(database, found.children, day, chosen))
    _tell(checked, day, chosen)
    if save:
        with os.fdopen(os.open(save, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(verdicts_xlsx(checked))
        console.print(f"已保存 / saved: {save}", highlight=False)
    raise typer.Exit(1 if found.errors else 0)


async def _check(database_url: str, children: "Sequence[Child]", day: date, stage: "Stage") -> "list[Checked]":
    from humiao.immunizations.service import Programmes
    from humiao.kit.database import Database
    from humiao.kit.keys import load_keys
    from humiao.schoolcheck.service import check_children

    vault = load_keys(Settings().keys_path).vault()
    database = await Database.connect(database_url, connections=1)
    try:
        programmes = Programmes(database)
        await programmes.read()
        async with database.transaction() as connection:
            return await check_children(
                connection, vault, programmes.book, children, day, stage, by="sql", source="cli"
            )
    finally:
        await database.close()


def _tell_errors(errors: "Sequence[RowError]") -> None:
    table = Table(
        "行 / row", "列 / column", "问题", "代码 / code", title="名单中的错误 / what is wrong", title_style="red"
    )
    for error in errors:
        table.add_row("" if error.row is None else str(error.row), error.column or "", error.message, error.code)
    console.print(table)


def _tell(checked: "Sequence[Checked]", day: date, stage: "Stage") -> None:
    from humiao.kit.masking import mask_name
    from humiao.schoolcheck.service import RESULTS, by_class, title

    counts = Table("班级 / class", *RESULTS.values(), title=f"{title(stage)} {day}：{len(checked)} 人")
    for name, row in by_class(checked).items():
        counts.add_row(name, *(str(row[code] or "") for code in RESULTS))
    console.print(counts)
    open_ones = [one for one in checked if one.result != "PASSED"]
    if open_ones:
        table = Table("行 / row", "姓名", "结果", "说明", title="需跟进 / to follow up")
        for one in open_ones[:CHILDREN_SHOWN]:
            table.add_row(str(one.child.row), mask_name(one.child.name), RESULTS[one.result], one.text_zh)
        console.print(table)
    if len(open_ones) > CHILDREN_SHOWN:
        console.print(f"另有 {len(open_ones) - CHILDREN_SHOWN} 人，见 --save 的文件 / more in the saved file")
