"""`humiao waitlist`: recompute what the waitlist did, from its records alone."""
# ruff: noqa: PLC0415

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from humiao.waitlist.audit import WaitlistReport

app = typer.Typer(no_args_is_help=True, help="紧缺疫苗排队 / the waitlist.")
console = Console()


@app.callback()
def main() -> None:
    """Keeps `audit` a command of its own name while it is the only one."""


@app.command("audit")
def waitlist_audit(
    database: Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")],
) -> None:
    """核对排队次序 / recompute order, offers, doses and draws; exits 1 and names what does not fit."""
    import asyncpg

    from humiao.waitlist.audit import audit

    async def run() -> "WaitlistReport":
        connection = await asyncpg.connect(database)
        try:
            return await audit(connection)
        finally:
            await connection.close()

    report = asyncio.run(run())
    for finding in report.findings:
        console.print(f"[red]✗[/] {finding}", highlight=False, soft_wrap=True)
    console.print(
        f"核对 {report.offers} 个名额、{report.releases} 次投放、{report.draws} 次摇号："
        f"{'全部相符 / all fit' if report.sound else '有不符 / something does not fit'}",
        highlight=False,
    )
    raise typer.Exit(0 if report.sound else 1)
