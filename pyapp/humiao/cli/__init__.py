"""The command line: `humiao up` for a whole city on one machine, and each process on its own for production.

Commands load what they need when they run, so that `--help` is quick and the launcher stays small.
"""
# ruff: noqa: PLC0415

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from humiao.cli.certificate import certificate_app
from humiao.cli.draw import draw_app
from humiao.cli.immunizations import app as immunizations_app
from humiao.cli.limits import app as limits_app
from humiao.cli.records import records_app
from humiao.cli.room import app as room_app
from humiao.cli.school import school_app
from humiao.cli.waitlist import app as waitlist_app
from humiao.settings import Settings, keep_memory

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold personal data and keys
    help="沪苗 Humiao：疫苗接种登记、预约与公共服务 / registration, booking and public services for immunization.",
)
keys_app = typer.Typer(invoke_without_command=True)
staff_app = typer.Typer(no_args_is_help=True, help="员工账号 / staff accounts.")
audit_app = typer.Typer(no_args_is_help=True, help="审计链 / the audit chain.")
challenge_app = typer.Typer(no_args_is_help=True, help="安全验证 / challenges.")
demo_app = typer.Typer(no_args_is_help=True, help="演示城市 / the demo city.")
app.add_typer(keys_app, name="keys")
app.add_typer(staff_app, name="staff")
app.add_typer(audit_app, name="audit")
app.add_typer(challenge_app, name="challenge")
app.add_typer(demo_app, name="demo")
app.add_typer(immunizations_app, name="immunizations")
app.add_typer(draw_app, name="draw")
app.add_typer(limits_app, name="limits")
app.add_typer(school_app, name="school")
app.add_typer(records_app, name="records")
app.add_typer(certificate_app, name="certificate")
app.add_typer(waitlist_app, name="waitlist")
app.add_typer(room_app, name="room")
console = Console()

Result = TypeVar("Result")
OfCity = Annotated[str, typer.Option("--city", hidden=True, help="the city this process belongs to, as `ps` shows it")]


def _addressed(*, needed: bool = True) -> Settings:
    """Settings of this process, completed with the addresses of the city that runs in its home.

    Exits with 2 where no city runs, no address is set and one is `needed`.
    """
    from humiao.embedded.city import running_city

    settings = Settings()
    if settings.database_url and settings.redis_url:
        return settings
    city = running_city(settings.home)
    if city:
        found = {"database_url": settings.database_url or city["database_url"]}
        found["redis_url"] = settings.redis_url or city["redis_url"]
        return settings.model_copy(update=found | {"http_port": city["port"]})
    if needed:
        console.print(
            "这里没有正在运行的城市：先运行 make run，或设置 HUMIAO_DATABASE_URL 和 HUMIAO_REDIS_URL。\n"
            f"No city runs in {settings.home}: start one with `make run`, or set both addresses.",
            style="yellow",
            highlight=False,
        )
        raise typer.Exit(2)
    return settings


def _with_database(work: Callable[[Any, Settings], Awaitable[Result]]) -> Result:
    """Run `work(connection, settings)` on a connection to the city's database."""
    import asyncpg

    settings = _addressed()

    async def run() -> Result:
        connection = await asyncpg.connect(settings.database_url)
        try:
            return await work(connection, settings)
        finally:
            await connection.close()

    return asyncio.run(run())


def _bar() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)


@app.command()
def up(
    demo: Annotated[bool | None, typer.Option("--demo/--no-demo", help="载入演示城市 / load the demo city")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="HTTP 端口，0 为任意空闲 / 0: any free")] = None,
) -> None:
    """在本机启动整座城市；Ctrl-C 停止 / start a whole city here; Ctrl-C stops it and leaves nothing behind."""
    from humiao.cli.up import run_city

    settings = Settings()
    if port is not None:
        settings = settings.model_copy(update={"http_port": port})
    raise typer.Exit(asyncio.run(run_city(settings, demo=settings.demo if demo is None else demo, console=console)))


@app.command()
def serve(city: OfCity = "") -> None:
    """提供接口与页面 / serve the API and pages: one process; run as many as needed behind gates or a balancer."""
    import uvicorn

    from humiao.kit.garbage import calm_down

    del city
    settings = _settings_of_process()
    place: dict[str, Any] = {"host": settings.http_host, "port": settings.http_port}
    if settings.http_socket:
        # Only gates reach the socket, and they say who asks.
        place = {"uds": str(settings.http_socket), "proxy_headers": True, "forwarded_allow_ips": "*"}
    import humiao.main  # noqa: F401 - what is imported now is set aside with the rest

    calm_down()
    uvicorn.run(
        "humiao.main:create_app", factory=True, loop="uvloop", http="httptools", access_log=False, server_header=False,
        timeout_graceful_shutdown=8, log_level="warning", **place,
    )  # fmt: skip


@app.command()
def gate(city: OfCity = "") -> None:
    """抢号入口 / the gate: answers the hot routes, passes everything else on to the API; run as many as needed."""
    import uvloop

    keep_memory()  # before the core is loaded, which the next line does
    from humiao.gate.run import main

    del city
    uvloop.run(main(_settings_of_process()))


@app.command()
def worker(city: OfCity = "") -> None:
    """后台任务 / expiry, messages, reconciliation. Several may run; one leads."""
    from humiao.worker.run import main

    del city
    asyncio.run(main(_settings_of_process()))


def _settings_of_process() -> Settings:
    settings = Settings()
    if not settings.database_url or not settings.redis_url:
        console.print("请设置 HUMIAO_DATABASE_URL 和 HUMIAO_REDIS_URL（humiao up 会自动设置）/ set both addresses.")
        raise typer.Exit(2)
    return settings


@keys_app.callback()
def keys(context: typer.Context) -> None:
    """建密钥文件 / make the key file where there is none; a key that is there is never replaced."""
    from humiao.kit.keys import make_keys

    if context.invoked_subcommand:
        return
    path = Settings().keys_path
    there = path.exists()
    make_keys(path)
    console.print(f"{'已有 / already there' if there else '已建 / made'}：{path}", highlight=False)


class RevokedChoice(StrEnum):
    """Which tokens."""

    passes = "passes"
    residents = "residents"
    staff = "staff"


@keys_app.command("revoke")
def keys_revoke(what: Annotated[RevokedChoice, typer.Argument(help="哪一种 / which tokens")]) -> None:
    """吊销已签发的凭证 / refuse every pass or access token signed so far, within two seconds, everywhere."""
    from humiao.auth.generations import Audience, revoke

    audiences: dict[RevokedChoice, Audience] = {
        RevokedChoice.passes: "pass", RevokedChoice.residents: "resident", RevokedChoice.staff: "staff",
    }  # fmt: skip

    async def work(connection: Any, _settings: Settings) -> int:
        return await revoke(connection, audiences[what])

    generation = _with_database(work)
    console.print(f"已吊销 / revoked {what.value}：第 {generation} 代以前的都不再有效 / those before are refused")


@app.command()
def migrate() -> None:
    """升级数据库 / bring the database up to date: schema and reference data."""
    import asyncpg

    from humiao.immunizations.service import publish_shipped
    from humiao.kit.migrations import migrate as run
    from humiao.vaccines.load import load_catalogue

    settings = Settings()
    settings = settings if settings.database_url else _addressed()
    database_url = str(settings.database_url)

    async def work(bar: Progress) -> list[str]:
        task = bar.add_task("migrations", total=None)
        done = await run(
            database_url, lambda n, total, what: bar.update(task, completed=n, total=total, description=what)
        )
        bar.update(task, description="疫苗目录 / vaccine catalogue")
        connection = await asyncpg.connect(database_url)
        try:
            await load_catalogue(connection)
            await publish_shipped(connection)
        finally:
            await connection.close()
        return done

    with _bar() as bar:
        done = asyncio.run(work(bar))
    console.print(f"已应用 {len(done)} 个迁移：{', '.join(done)}" if done else "数据库已是最新 / up to date")


@app.command()
def status() -> None:
    """正在运行的城市 / the running city: its processes and what is in it."""
    from humiao.embedded.city import running_city

    home = Settings().home
    city = running_city(home)
    if city is None:
        console.print(f"没有城市在 {home} 运行 / no city runs here", style="yellow", highlight=False)
        raise typer.Exit(1)
    table = Table("进程 / process", "PID", "指标 / metrics", "日志 / log", title=city["url"])
    table.add_row("up", str(city["pid"]), "", "")
    for name, pid in city["pids"].items():
        admin = city["admin"].get(name)
        shown = f"http://{admin}/metrics" if admin else ""
        table.add_row(name, str(pid), shown, str(home / "logs" / f"{name}.log"))
    console.print(table)


@app.command()
def sms(
    phone: Annotated[str, typer.Option(help="只看发给此手机号的 / only messages to this phone")] = "",
    count: Annotated[int, typer.Option(min=1, help="条数 / how many")] = 5,
    code: Annotated[
        bool, typer.Option(help="只印最新验证码，等它十秒 / only the newest code; waits ten seconds")
    ] = False,
) -> None:
    """最近的短信 / the newest text messages of the embedded city, codes included."""
    from humiao.cli.up import read_messages, sms_line, wait_for_code

    path = Settings().sms_path
    if code:
        found_code = wait_for_code(path, phone, patience_s=10)
        if found_code is None:
            console.print("还没有验证码 / no code yet", style="yellow")
            raise typer.Exit(1)
        typer.echo(found_code)
        return
    found = [message for message in read_messages(path) if message["phone"].endswith(phone)]
    for message in found[-count:]:
        console.print(f"{message['at'][:19]}  {sms_line(message)}", highlight=False, markup=False, soft_wrap=True)
    if not found:
        console.print("还没有短信 / no messages yet")


@app.command()
def openapi() -> None:
    """接口描述 / print the OpenAPI document of the API; needs no city."""
    from humiao.main import create_app

    nowhere = {"database_url": "postgresql://nowhere", "redis_url": "redis://nowhere"}
    document = create_app(Settings().model_copy(update=nowhere)).openapi()
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True))


@app.command()
def problems() -> None:
    """答复用语 / print what to do next for every problem code, as the pages read it; needs no city."""
    from humiao.errors import steps_by_code

    typer.echo(json.dumps(steps_by_code(), ensure_ascii=False, indent=1, sort_keys=True))


@app.command()
def doctor() -> None:
    """体检 / check this machine and the running city; says what to do where something is wrong."""
    from humiao.cli.doctor import examine

    table = Table("检查 / check", "", "结果 / seen", "怎么办 / what to do")
    signs = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "bad": "[red]✗[/]"}
    findings = asyncio.run(examine(_addressed(needed=False)))
    for finding in findings:
        table.add_row(
            finding.what, signs[finding.verdict], finding.seen, "" if finding.verdict == "ok" else finding.remedy
        )
    console.print(table)
    raise typer.Exit(1 if any(finding.verdict == "bad" for finding in findings) else 0)


class FaultChoice(StrEnum):
    """What may happen in the middle of a rush."""

    none = "none"
    quota = "quota"
    valkey = "valkey"
    api = "api"
    gate = "gate"
    postgres = "postgres"
    every = "all"


@app.command()
def rush(
    residents: Annotated[int, typer.Option(min=1, max=100_000, help="多少人抢 / how many race")] = 2000,
    places: Annotated[int, typer.Option(min=1, max=50_000, help="多少个号 / for how many places")] = 200,
    fault: Annotated[
        FaultChoice,
        typer.Option(
            help="quota: +50, -20; valkey: kill -9, back empty; api, gate, postgres: kill -9; all: 依次 / in turn"
        ),
    ] = FaultChoice.none,
    json_file: Annotated[Path | None, typer.Option(help="write the verdict here as JSON")] = None,
) -> None:
    """抢号演练 / let residents race for places through the real API, and audit what came of it."""
    from humiao.cli.rush import rush_at_terminal

    with _bar() as bar:
        code = rush_at_terminal(
            _addressed(), console, bar, residents=residents, places=places, choice=fault.value, json_file=json_file
        )
    raise typer.Exit(code)


@app.command()
def fairness(
    scripts: Annotated[int, typer.Option(min=1, max=20_000, help="多少脚本 / how many scripts")] = 1000,
    humans: Annotated[int, typer.Option(min=1, max=20_000, help="多少人 / how many people")] = 1000,
    places: Annotated[int, typer.Option(min=1, max=10_000, help="多少个号 / for how many places")] = 400,
    per_minute: Annotated[
        int | None,
        typer.Option(min=1, max=600_000, help="排队大厅每分钟放行 / let in by the room; none: places × 1.2"),
    ] = None,
    think: Annotated[float, typer.Option(min=0, max=10, help="思考时间倍数 / factor on 0.5-3 s of thinking")] = 0.5,
    json_file: Annotated[Path | None, typer.Option(help="write the outcomes here as JSON")] = None,
) -> None:
    """公平演练 / scripts against people; fails where scripts get more than their share in room or draw."""
    from humiao.cli.fairness import fairness_at_terminal
    from humiao.rush.fair_run import Terms

    if places > scripts + humans:
        raise typer.BadParameter("号多于人 / more places than people", param_hint="--places")
    terms = Terms(scripts, humans, places, per_minute or max(1, places * 6 // 5), think)
    raise typer.Exit(fairness_at_terminal(_addressed(), console, terms, json_file))


@demo_app.command("load")
def demo_load() -> None:
    """载入演示城市 / load clinics, two weeks of sessions and demo accounts; adds only what is missing."""
    from humiao.demo.load import load_demo
    from humiao.embedded.demo_people import bring_people
    from humiao.kit.keys import load_keys
    from humiao.vaccines.load import load_catalogue

    async def work(connection: Any, settings: Settings) -> Any:
        with _bar() as bar:
            task = bar.add_task("demo", total=None)
            catalogue = await load_catalogue(connection)
            loaded = await load_demo(
                connection,
                lambda n, total, what: bar.update(task, completed=n, total=total, description=what),
                catalogue=catalogue,
            )
            await bring_people(connection, settings.home, load_keys(settings.keys_path).vault())
        return loaded

    loaded = _with_database(work)
    console.print(f"{loaded.clinics} 家门诊；新增 {loaded.sessions} 个场次、{loaded.windows} 个时段 / added")


@staff_app.command("create-admin")
def create_admin(
    username: str,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
    clinic: Annotated[int | None, typer.Option(help="门诊编号：建门诊账号 / clinic id: staff of this clinic")] = None,
) -> None:
    """建管理员 / create a city administrator, or staff of one clinic."""
    from humiao.auth.staff import Role
    from humiao.auth.staff import create_admin as create

    role: Role = "clinic_staff" if clinic else "city_admin"

    async def work(connection: Any, _settings: Settings) -> int | None:
        return await create(connection, username, password, username, role, clinic_id=clinic)

    try:
        made = _with_database(work)
    except ValueError as refused:
        raise typer.BadParameter(str(refused)) from None
    if made is None:
        console.print(f"用户名 {username} 已被占用 / taken", style="yellow")
        raise typer.Exit(1)
    console.print(f"已创建 / created {username}（{role}）")


@audit_app.command("verify")
def audit_verify() -> None:
    """核验审计链 / recompute every link of the audit chain; names the first that does not fit."""
    from humiao.backoffice.audit import verify

    async def work(connection: Any, _settings: Settings) -> Any:
        return await verify(connection)

    report = _with_database(work)
    console.print(f"核验 {report.links} 个链节、{report.entries} 条记录：{report.finding}")
    raise typer.Exit(0 if report.sound else 1)


@challenge_app.command("solve")
def challenge_solve() -> None:
    """完成安全验证 / solve the challenge on standard input (of GET /public/challenges) and print the solution."""
    from humiao.antiabuse.challenges import solve

    try:
        typer.echo(solve(json.loads(sys.stdin.read())))
    except ValueError:
        console.print("标准输入不是安全验证题 / no challenge on standard input", style="red")
        raise typer.Exit(1) from None


@app.command("signals")
def signals_command(
    days: Annotated[int, typer.Option(min=1, max=90, help="最近几天 / how far back")] = 7,
    count: Annotated[int, typer.Option(min=1, max=1000, help="条数 / how many")] = 50,
) -> None:
    """异常信号 / the breaker of codes by SMS, and what looked like abuse: masked, for people to judge."""
    from humiao.cli.signals import show

    async def work(connection: Any, _settings: Settings) -> Any:
        from humiao.antiabuse.signals import review

        return await review(connection, days=days, at_most=count)

    show(_with_database(work), console)
