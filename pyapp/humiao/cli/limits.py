"""`humiao limits`: the rules that limit claims, and the next version of one."""
# ruff: noqa: PLC0415

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="预约限制 / rules that limit claims.")
console = Console()

Result = TypeVar("Result")
Database = Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")]
Number = Annotated[int | None, typer.Option(min=0)]


def _run(database: str, work: Callable[[Any], Awaitable[Result]]) -> Result:
    import asyncpg

    async def run() -> Result:
        connection = await asyncpg.connect(database)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


@app.command("list")
def list_rules(database: Database) -> None:
    """列出规则 / of every rule the newest version and the one that decides today."""
    from humiao.limits.service import newest

    table = Table("规则 / rule", "版本", "系列", "内容 / what it says", "起 / from", "止 / until", "今天 / today")
    for rule in _run(database, newest).items:
        today = "[green]生效 / decides[/]" if rule.in_force else "未生效" if rule.active else "停用 / off"
        until = str(rule.effective_until or "")
        series = rule.series or "全部"
        table.add_row(rule.code, str(rule.version), series, rule.text_zh, str(rule.effective_from), until, today)
    console.print(table)


@app.command("set")
def set_rule(
    code: Annotated[str, typer.Argument(help="规则 / the rule")],
    database: Database,
    reason: Annotated[str, typer.Option(help="为什么 / why: goes into the audit chain")],
    most: Number = None,
    within_days: Number = None,
    pause_days: Number = None,
    before_minutes: Number = None,
    district: Annotated[list[str] | None, typer.Option(help="限哪些区，可重复 / districts, again for more")] = None,
    basis: Annotated[str | None, typer.Option(help="residence、work 或 either")] = None,
    series: Annotated[str | None, typer.Option(help="只限一个系列 / for one series alone")] = None,
    text: Annotated[str | None, typer.Option(help="说明，{most} 等代以数字 / in words")] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="默认今天 / today")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="无此规则的第一天 / first day without")
    ] = None,
    active: Annotated[bool | None, typer.Option("--on/--off", help="启用、停用 / switch on or off")] = None,
) -> None:
    """写一个新版本 / write the next version of a rule: what is not named stays; in force at once, or from its day."""
    import asyncpg

    from humiao.limits.service import add_version, version_to_change

    async def work(connection: Any) -> int | None:
        was = await version_to_change(connection, code)
        if was is None:
            return None
        new = was.changed(
            most=most, within_days=within_days, pause_days=pause_days, before_minutes=before_minutes, series=series,
            districts=district or None, basis=basis,
            text_zh=text, effective_from=since and since.date(), effective_until=until and until.date(), active=active,
        )  # fmt: skip
        return await add_version(connection, new, reason=reason, by="sql", source="cli")

    try:
        version = _run(database, work)
    except asyncpg.PostgresError as refused:
        console.print(str(refused), style="red", highlight=False)
        raise typer.Exit(1) from None
    if version is None:
        console.print(f"没有规则 {code} / no such rule", style="yellow", highlight=False)
        raise typer.Exit(1)
    console.print(f"{code} 第 {version} 版已写入 / written", highlight=False)
