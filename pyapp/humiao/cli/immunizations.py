"""`humiao immunizations`: the programme's data and the rules over many people."""
# ruff: noqa: PLC0415

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="免疫程序与应种评估 / the programme and what is due.")
console = Console()

STATUSES = {
    "COMPLETE": "已完成",
    "NOT_YET_DUE": "未到期",
    "DUE": "应种",
    "OVERDUE": "逾期",
    "AGED_OUT": "超龄",
    "NOT_APPLICABLE": "不适用",
    "MANUAL_REVIEW": "待医生判定",
}
Editions = Annotated[
    list[Path] | None,
    typer.Option("--programme", help="程序数据，可多个 / programme data, several editions; default: the shipped one"),
]  # fmt: skip


@app.command()
def check(files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]) -> None:
    """检查程序数据 / check programme data; names file and line of every mistake and exits with 1."""
    from humiao.immunizations.reading import ProgrammeMistakes
    from humiao.immunizations.service import read_edition

    good = True
    for file in files:
        try:
            edition = read_edition(file)
        except ProgrammeMistakes as mistakes:
            console.print(str(mistakes), style="red", highlight=False)
            good = False
        else:
            console.print(
                f"{file}: {edition.id}，{edition.effective_from} 起生效，{len(edition.series)} 个系列 / sound"
            )
    raise typer.Exit(0 if good else 1)


@app.command("evaluate")
def evaluate_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="每行一人的 JSON / one person a line")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="评估日期 / the day; default: today")
    ] = None,
    programme: Editions = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="进程数 / processes")] = 2,
) -> None:
    """批量评估 / evaluate a file of people and count them by series and status."""
    from humiao.immunizations.batch import evaluate_lines
    from humiao.immunizations.book import CITY_ZONE
    from humiao.immunizations.reading import ProgrammeMistakes
    from humiao.immunizations.service import PROGRAMME

    day = on.date() if on else datetime.now(CITY_ZONE).date()
    sources = [(path.read_text(encoding="utf-8"), path.name) for path in programme or [PROGRAMME]]
    with file.open("rb") as counted:
        total = sum(1 for _ in counted)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("评估 / evaluating", total=total)
            summary = evaluate_lines(
                _lines(file), sources, day, processes=processes, progress=lambda done: bar.advance(task, done)
            )
    except ProgrammeMistakes as mistakes:
        console.print(str(mistakes), style="red", highlight=False)
        raise typer.Exit(1) from None
    table = Table("系列", *STATUSES.values(), title=f"{day}：{summary.people} 人，{summary.doses} 剂次")
    for code in dict.fromkeys(series for series, _ in sorted(summary.by_status)):
        table.add_row(code, *(str(summary.by_status[code, status] or "") for status in STATUSES))
    console.print(table)
    for number, why in summary.unread:
        console.print(f"{file.name}:{number}: {why}", style="yellow", highlight=False)
    if summary.unread_count:
        console.print(f"{summary.unread_count} 行无法读取 / lines could not be read", style="yellow")
        raise typer.Exit(1)


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    database: Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")],
) -> None:
    """发布程序数据 / publish an edition: in force from 00:00 of its day, without a restart."""
    import asyncio

    import asyncpg

    from humiao.immunizations.reading import ProgrammeMistakes
    from humiao.immunizations.service import EditionChanged
    from humiao.immunizations.service import publish as publish_edition

    text = file.read_text(encoding="utf-8")

    async def work() -> str:
        connection = await asyncpg.connect(database)
        try:
            edition = await publish_edition(connection, text, file.name)
        finally:
            await connection.close()
        return f"{edition.id}，{edition.effective_from} 起生效 / published"

    try:
        console.print(asyncio.run(work()), highlight=False)
    except (ProgrammeMistakes, EditionChanged, asyncpg.PostgresError) as refused:
        console.print(str(refused), style="red", highlight=False)
        raise typer.Exit(1) from None


@app.command()
def preview(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    database: Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")],
) -> None:
    """影响预览 / count the children on record who would be told something else on an edition's first day."""
    import asyncio

    from humiao.immunizations.drafts import count_everybody
    from humiao.immunizations.reading import ProgrammeMistakes

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("评估 / evaluating", total=None)
            edition, count = asyncio.run(
                count_everybody(
                    database,
                    file.read_text(encoding="utf-8"),
                    lambda done, total: bar.update(task, completed=done, total=total),
                )
            )
    except (ProgrammeMistakes, ValueError) as mistakes:
        console.print(str(mistakes), style="red", highlight=False)
        raise typer.Exit(1) from None
    table = Table("系列", "原状态", "新状态", "人数", title=f"{edition.id}，{edition.effective_from} 起")
    for (series, before, after), people in sorted(count.by_change.items()):
        table.add_row(series, STATUSES.get(before, before), STATUSES.get(after, after), str(people))
    console.print(table)
    console.print(f"{count.people} 名儿童中 {count.changed} 名的告知内容有变化 / told something else", highlight=False)


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from lines
