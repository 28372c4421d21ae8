"""`humiao room`: waiting rooms from the command line, on record as changes by the back office are."""
# ruff: noqa: PLC0415

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="排队大厅 / waiting rooms.")
console = Console()

Result = TypeVar("Result")
Database = Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")]
AsJson = Annotated[bool, typer.Option("--json", help="机器可读 / for machines")]
RoomId = Annotated[int, typer.Argument(min=1, help="大厅编号 / the room")]
Reason = Annotated[str, typer.Option(help="为什么 / why: goes into the audit chain")]
SHOWN = ("room_id", "scope", "title", "state", "is_on", "paused", "opens_at", "rate_per_minute", "pace_per_minute",
         "on_above", "admit_ttl_s", "waiting", "places", "holds_per_s", "ledger_ms", "session_ids", "commitment",
         "secret", "tickets_digest", "seed", "drawn_at")  # fmt: skip
STATES = {"on": "开启 / on", "auto": "自动 / auto", "off": "关闭排队 / off", "closed": "已结束 / closed"}
WHY = {
    "closed": "已结束 / closed",
    "off": "不排队 / nobody has to wait",
    "nobody_waits": "自动模式，现在不排队 / auto, not on now",
    "early": "还没有开放 / not open yet",
    "paused": "已暂停放行 / paused",
    "ledger_slow": "记账变慢，自动放慢 / slowed: the ledger is slow",
    "as_set": "按设定放行 / as set",
}
COUNTS = {
    "waiting": "等候 / waiting",
    "present": "其中在场 / of them present",
    "unnumbered": "其中未编号 / of them without a number yet",
    "inside": "已放行 / let in, may hold",
    "lapsed": "放行后过时 / let in, too late",
    "used": "已占号 / used",
    "left_it": "已放弃 / left",
    "by_hand": "热线或前台加入 / joined by hotline or desk",
}


def _run(database: str, work: Callable[[Any], Awaitable[Result]]) -> Result:
    import asyncpg

    async def run() -> Result:
        connection = await asyncpg.connect(
            database, server_settings={"TimeZone": "Asia/Shanghai", "lock_timeout": "5s"}
        )
        try:
            async with connection.transaction():
                return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def _unless_refused(told: Any) -> Any:
    """The answer; exits 1 with the refusal's words where it is one."""
    from humiao.errors import Refusal, problem_body

    if isinstance(told, Refusal):
        _, problem = problem_body(told)
        console.print(f"{problem['title']}：{problem['detail']}（{told.code}）", style="red", highlight=False)
        for error in problem.get("errors", []):
            console.print(f"  {error['field']}：{error['message']}", highlight=False)
        raise typer.Exit(1)
    return told


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def _rooms_members(room: dict[str, Any]) -> dict[str, Any]:
    return {name: room[name] for name in SHOWN}


@app.command("list")
def list_rooms(database: Database, as_json: AsJson = False) -> None:
    """列出排队大厅 / rooms that are not closed, or were within a day."""
    from humiao.kit.sql import statement
    from humiao.rooms.running import shown

    async def work(connection: Any) -> list[dict[str, Any]]:
        return [shown(row) for row in await connection.fetch(statement("rooms/list"))]

    rooms = _run(database, work)
    if as_json:
        _print_json([_rooms_members(room) for room in rooms])
        return
    table = Table(
        "编号", "名称 / title", "状态 / state", "排队中 / on", "开放 / opens", "等候", "每分钟放行 / a minute"
    )
    for room in rooms:
        pace = "暂停" if room["paused"] else f"{room['pace_per_minute']} / {room['rate_per_minute']}"
        opens_at = f"{room['opens_at']:%m-%d %H:%M:%S}"
        on = "是" if room["is_on"] else "否"
        table.add_row(
            str(room["room_id"]), room["title"], STATES[room["state"]], on, opens_at, str(room["waiting"]), pace
        )
    console.print(table)


@app.command()
def show(room_id: RoomId, database: Database, as_json: AsJson = False) -> None:
    """看一个大厅：人数、队首、现在的放行速度及原因 / how many, the front, the rate now and why."""
    from humiao.rooms.running import figures

    found = _unless_refused(_run(database, lambda connection: figures(connection, room_id)))
    if as_json:
        more = {"front": found.front, "last_let_in": found.last_let_in, "rate_now": found.rate_now, "why": found.why}
        _print_json(_rooms_members(found.room) | {"counts": found.places} | more)
        return
    room = found.room
    table = Table("", "", title=f"{room_id} {room['title']}", show_header=False)
    table.add_row("状态 / state", STATES[room["state"]])
    table.add_row("开放 / opens", str(room["opens_at"]))
    for name, words in COUNTS.items():
        table.add_row(words, str(found.places[name]))
    table.add_row("队首位次 / front", str(found.front or "—"))
    table.add_row("最后放行的位次 / last let in", str(found.last_let_in or "—"))
    table.add_row("设定每分钟放行 / set, a minute", str(room["rate_per_minute"]))
    slow = f"（{room['ledger_ms']} ms）" if found.why == "ledger_slow" else ""
    table.add_row("现在每分钟放行 / now, a minute", f"{found.rate_now}　{WHY[found.why]}{slow}")
    table.add_row("每秒占号请求 / holds a second", str(room["holds_per_s"]))
    table.add_row("承诺 / commitment", room["commitment"])
    console.print(table)


@app.command("open")
def open_room(
    title: Annotated[str, typer.Argument(help="名称 / what people see")],
    database: Database,
    rate: Annotated[int, typer.Option(min=0, help="每分钟放行人数 / people a minute")],
    sessions: Annotated[
        list[int] | None, typer.Option("--session", min=1, help="场次，可多次；不填为全市 / none: the whole service")
    ] = None,
    opens_at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="之前加入的由摇号定位次；默认现在")
    ] = None,
    state: Annotated[str, typer.Option(help="on | auto | off")] = "on",
    on_above: Annotated[int | None, typer.Option(min=1, help="auto：每秒占号数 / holds a second")] = None,
    admit_ttl: Annotated[int, typer.Option(min=10, max=7200, help="放行后几秒内可占号 / seconds")] = 600,
    as_json: AsJson = False,
) -> None:
    """开设大厅，公布摇号承诺 / open a room; the commitment to its draw is published with it."""
    from pydantic import ValidationError

    from humiao.kit.keys import load_keys
    from humiao.rooms import running
    from humiao.rooms.schemas import RoomInput
    from humiao.settings import Settings

    scope = "service" if not sessions else "session" if len(sessions) == 1 else "campaign"
    try:
        body = RoomInput.model_validate({
            "scope": scope, "title": title, "session_ids": sessions or [], "state": state, "opens_at": opens_at,
            "rate_per_minute": rate, "on_above": on_above, "admit_ttl_s": admit_ttl,
        })  # fmt: skip
    except ValidationError as wrong:
        fields = ", ".join(str(error["loc"][0]) for error in wrong.errors())
        console.print(f"填写有误 / not as it must be: {fields}", style="red", highlight=False)
        raise typer.Exit(2) from None
    vault = load_keys(Settings().keys_path).vault()

    async def work(connection: Any) -> Any:
        return await running.open_room(connection, vault, body, by="sql", source="cli")

    opened = _unless_refused(_run(database, work))
    show(opened["room_id"], database, as_json)


def _change(database: str, room_id: int, reason: str, as_json: bool, **change: Any) -> None:
    from humiao.rooms import running
    from humiao.rooms.schemas import RoomChange

    body = RoomChange(reason=reason, **change)

    async def work(connection: Any) -> Any:
        return await running.change_room(connection, room_id, body, by="sql", source="cli")

    _unless_refused(_run(database, work))
    show(room_id, database, as_json)


@app.command()
def rate(
    room_id: RoomId,
    per_minute: Annotated[int, typer.Argument(min=0, max=6_000_000, help="每分钟放行人数 / people a minute")],
    database: Database,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """调整放行速度 / set how many a minute are let in."""
    _change(database, room_id, reason, as_json, rate_per_minute=per_minute)


@app.command()
def pause(room_id: RoomId, database: Database, reason: Reason, as_json: AsJson = False) -> None:
    """暂停放行，位次都保留 / let nobody in; every place is kept."""
    _change(database, room_id, reason, as_json, paused=True)


@app.command()
def resume(room_id: RoomId, database: Database, reason: Reason, as_json: AsJson = False) -> None:
    """恢复放行 / let people in again."""
    _change(database, room_id, reason, as_json, paused=False)


@app.command()
def close(room_id: RoomId, database: Database, reason: Reason, as_json: AsJson = False) -> None:
    """结束大厅，不能再开 / close for good."""
    _change(database, room_id, reason, as_json, state="closed")
