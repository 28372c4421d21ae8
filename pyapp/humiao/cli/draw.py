"""`humiao draw`: rehearse the whole protocol offline, and check what was published. Needs no city and no network.

A rehearsal lives in one directory: `announcement.json`, `tickets.jsonl` and `result.jsonl` are published, each when
`docs/draw.md` says; `secret.json` is kept. No step is done twice, so that nobody can draw again until it pleases.
"""
# ruff: noqa: PLC0415

import json
import os
import secrets
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from humiao.lottery.verify import Verdict

draw_app = typer.Typer(no_args_is_help=True, help="可核验摇号 / the verifiable draw.")
console = Console()
Directory = Annotated[Path, typer.Argument(file_okay=False, help="摇号目录 / directory of this draw")]
ANNOUNCEMENT, TICKETS, RESULT, SECRET = "announcement.json", "tickets.jsonl", "result.jsonl", "secret.json"


def _fail(zh: str, en: str) -> typer.Exit:
    console.print(f"[red]✗[/] {zh}\n  {en}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def _write_once(path: Path, chunks: Iterable[bytes], mode: int = 0o644) -> None:
    """Write a file that is not there yet, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        raise _fail(
            f"{path} 已存在：同一次摇号的每一步只做一次", f"{path} is there already: no step of a draw is done twice"
        ) from None
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _fail(f"读不了 {path}：先完成前一步", f"cannot read {path}: {error.strerror}") from None


@draw_app.command()
def commit(
    directory: Directory,
    campaign: Annotated[str, typer.Option(help="活动名称 / campaign")],
    closes_at: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="报名截止 / registration closes")
    ],
    entropy_rule: Annotated[str, typer.Option(help="以哪一个公开数值为熵 / which public value will be the entropy")],
) -> None:
    """第一步：报名截止前，生成秘密种子并公布承诺 / before closing: keep a secret, publish its commitment."""
    from humiao.lottery.models import DrawMisuse, Terms
    from humiao.lottery.protocol import SECRET_BYTES, commit
    from humiao.lottery.published import announcement_file

    secret = secrets.token_bytes(SECRET_BYTES)
    try:
        announcement = commit(Terms(campaign, closes_at.isoformat(), entropy_rule), secret)
    except DrawMisuse as error:
        raise typer.BadParameter(str(error)) from None
    kept = json.dumps({"campaign": campaign, "secret": secret.hex()}, ensure_ascii=False).encode() + b"\n"
    _write_once(directory / SECRET, [kept], 0o600)
    _write_once(directory / ANNOUNCEMENT, [announcement_file(announcement)])
    console.print(f"承诺 / commitment  [bold]{announcement.commitment.hex()}[/]", highlight=False, soft_wrap=True)
    console.print(f"现在公布 / publish now: {directory / ANNOUNCEMENT}；保密 / keep: {SECRET}", highlight=False)


@draw_app.command()
def seal(
    directory: Directory,
    entrants: Annotated[Path, typer.Argument(dir_okay=False, help="名单，每行“档次 票号” / a line each: tier ticket")],
) -> None:
    """第二步：截止后、公开熵产生前，封存并公布名单 / after closing, before the entropy: seal and publish the list."""
    from humiao import _core
    from humiao.lottery.models import DrawMisuse
    from humiao.lottery.protocol import seal
    from humiao.lottery.published import Unreadable, entrants_of_text, read_announcement, sealed_file

    try:
        campaign = read_announcement(_read(directory / ANNOUNCEMENT)).terms.campaign
        sealed = seal(campaign, entrants_of_text(_read(entrants).decode("utf-8-sig").split("\n")))
    except _core.EntrantsError as error:
        raise _fail("名单中有不合格式或重复的票号（序号从 0 起）", str(error)) from None
    except (DrawMisuse, Unreadable, UnicodeDecodeError) as error:
        raise _fail("名单封存不了", str(error)) from None
    _write_once(directory / TICKETS, sealed_file(sealed))
    console.print(f"名单 {len(sealed.entrants)} 人，摘要 / digest [bold]{sealed.digest.hex()}[/]", highlight=False)
    console.print(f"现在公布 / publish now: {directory / TICKETS}", highlight=False)


def _entropy_of_two_officers() -> str:
    """The public value, read from its source and typed by each officer unseen by the other."""
    first = typer.prompt("第一位监督员输入公开熵 / first officer, the public value", hide_input=True).strip()
    second = typer.prompt("第二位监督员输入公开熵 / second officer, the public value", hide_input=True).strip()
    if first != second:
        raise _fail(
            "两位监督员输入的不同：没有摇号，请核对来源后重来",
            "the two officers typed different values: nothing was drawn",
        )
    return str(first)


@draw_app.command()
def run(directory: Directory) -> None:
    """第三步：两位监督员各自输入公开熵，摇号并公布 / two officers type the public value; draw and publish."""
    from humiao.lottery.models import DrawMisuse
    from humiao.lottery.protocol import draw
    from humiao.lottery.published import Unreadable, read_announcement, read_sealed, result_file

    if (directory / RESULT).exists():
        raise _fail(f"{directory / RESULT} 已存在：不能重摇", "there is a result already: nothing is drawn twice")
    try:
        announcement = read_announcement(_read(directory / ANNOUNCEMENT))
        sealed = read_sealed(_read(directory / TICKETS))
        secret = bytes.fromhex(json.loads(_read(directory / SECRET))["secret"])
        console.print(f"熵的约定 / entropy rule: {announcement.terms.entropy_rule}", highlight=False, markup=False)
        result = draw(announcement, sealed, secret, _entropy_of_two_officers())
    except (DrawMisuse, Unreadable, KeyError, ValueError) as error:
        raise _fail("没有摇号", str(error)) from None
    _write_once(directory / RESULT, result_file(result))
    console.print(f"结果摘要 / digest of the result [bold]{result.digest.hex()}[/]", highlight=False, soft_wrap=True)
    console.print(f"现在公布 / publish now: {directory / RESULT}", highlight=False)


@draw_app.command("verify")
def verify_file(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="公布的结果 / the published result")],
    announcement: Annotated[Path | None, typer.Option(help="事先公布的公告 / as announced before closing")] = None,
    tickets: Annotated[Path | None, typer.Option(help="事先公布的名单 / the list as sealed")] = None,
    ticket: Annotated[str, typer.Option(help="查一个票号 / look a ticket up")] = "",
) -> None:
    """核验：重新计算公布的结果，指出不符之处 / recompute a published result; exits 1 and names what was changed."""
    from humiao.lottery.published import Unreadable, read_announcement, read_sealed
    from humiao.lottery.verify import verify

    try:
        announced = read_announcement(_read(announcement)) if announcement else None
        sealed = read_sealed(_read(tickets)) if tickets else None
    except Unreadable as error:
        raise _fail("事先公布的文件读不了", str(error)) from None
    verdict = verify(_read(file), announced=announced, sealed=sealed)
    _tell(verdict, compared=(announcement is not None, tickets is not None))
    if ticket:
        _tell_place(verdict, ticket)
    raise typer.Exit(0 if verdict.sound and (not ticket or verdict.place(ticket)) else 1)


def _tell(verdict: "Verdict", *, compared: tuple[bool, bool]) -> None:
    if not verdict.sound:
        console.print("[red]✗ 核验不通过 / does not hold[/]")
        for finding in verdict.findings:
            console.print(f"  {finding}", highlight=False, markup=False, soft_wrap=True)
        if verdict.more:
            console.print(f"  另有 {verdict.more} 处 / and {verdict.more} more")
        return
    header = verdict.header
    table = Table("", "值 / value", title="✓ 核验通过 / every byte follows", title_style="green", show_header=False)
    for zh, name in (
        ("活动 / campaign", "campaign"), ("报名截止 / closed", "closes_at"),
        ("熵的约定 / entropy rule", "entropy_rule"), ("承诺 / commitment", "commitment"),
        ("人数 / tickets", "tickets"), ("名单摘要 / list", "tickets_digest"), ("公开熵 / entropy", "entropy"),
        ("最终种子 / seed", "seed"), ("结果摘要 / result", "result_digest"),
    ):  # fmt: skip
        table.add_row(zh, str(header[name]))
    console.print(table)
    for given, zh, en in zip(
        compared,
        ("承诺须与截止前公布的一致（--announcement）", "名单摘要须与开熵前公布的一致（--tickets）"),
        ("compare the commitment with the one announced", "compare the list's digest with the one sealed"),
        strict=True,
    ):
        if not given:
            console.print(f"[yellow]![/] 还请核对：{zh} / {en}", highlight=False)


def _tell_place(verdict: "Verdict", ticket: str) -> None:
    place = verdict.place(ticket)
    if place is None:
        console.print(f"[yellow]![/] 名单中没有票号 {ticket} / not in the list", highlight=False)
        return
    console.print(
        f"票号 {ticket}：第 {place.position} 位，共 {place.of} 位 / position {place.position} of {place.of}\n"
        f"  第 {place.tier} 档占第 {place.tier_first} 至 {place.tier_last} 位；同档按排序值由小到大 / "
        f"tier {place.tier} has positions {place.tier_first} to {place.tier_last}, by key\n"
        f"  排序值 / key {place.key}",
        highlight=False,
        soft_wrap=True,
    )


@draw_app.command("receipt-keys")
def receipt_keys() -> None:
    """印出验证回执的公钥表，供公布 / print the public keys that check receipts, to be published."""
    from humiao.kit.keys import load_keys
    from humiao.lottery.receipts import public_keys
    from humiao.settings import Settings

    typer.echo(json.dumps(public_keys(load_keys(Settings().keys_path).receipt_keys), indent=1))


@draw_app.command()
def receipt(
    text: Annotated[str, typer.Argument(help="回执，- 为标准输入 / the receipt; -: standard input")],
    keys: Annotated[Path, typer.Option(dir_okay=False, help="公布的公钥表 / the published keys")],
) -> None:
    """核验报名回执 / check an entrant's receipt offline; exits 1 where it proves nothing."""
    from humiao.lottery.receipts import ReceiptRefusal, check_receipt

    published = json.loads(_read(keys))
    answer = check_receipt((sys.stdin.read() if text == "-" else text).strip(), published)
    if isinstance(answer, ReceiptRefusal):
        raise _fail(answer.zh, answer.en)
    console.print(
        f"[green]✓[/] 回执有效 / valid：{answer.campaign}，票号 {answer.ticket}，第 {answer.tier} 档，"
        f"报名于 {answer.registered_at}",
        highlight=False,
        soft_wrap=True,
    )
