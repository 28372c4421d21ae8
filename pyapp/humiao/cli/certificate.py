"""`humiao certificate`: verify without a network, publish keys and revocations, revoke."""
# ruff: noqa: PLC0415

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from humiao.settings import Settings

if TYPE_CHECKING:
    from humiao.certificates.payload import Certificate, Revocations

certificate_app = typer.Typer(no_args_is_help=True, help="电子接种证 / vaccination certificates.")
console = Console()
FILE_BYTES_MAX = 20_000_000
FAULTS = {
    "malformed": "不是完整的接种证内容：请重新扫描原件 / not a whole certificate: scan it again",
    "unknown_key": "签名所用的密钥不在公钥表中：请取最新公钥表 / signed by a key that is not listed: get the list",
    "bad_signature": "签名不符：内容被改动，或不是本市签发 / the signature does not fit: changed, or not of this city",
}
Result = TypeVar("Result")
DatabaseUrl = Annotated[str, typer.Option("--database", envvar="HUMIAO_DATABASE_URL", help="数据库 / the database")]


class ReasonChoice(StrEnum):
    """Why a certificate ends."""

    lost = "lost"
    wrong_record = "wrong_record"
    wrong_person = "wrong_person"
    replaced = "replaced"


@certificate_app.command()
def verify(
    shown: Annotated[str, typer.Argument(help="PDF、文本文件，或扫码得到的内容 / a PDF, a file, or what was scanned")],
    keys: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="公钥表 / the published keys; default: own keys")
    ] = None,
    revoked: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="作废清单 / the signed list of revocations")
    ] = None,
) -> None:
    """离线核验接种证 / verify a certificate without a network; exits with 1 where it does not count.

    The keys are those of GET /api/v1/public/certificates/keys, the list that of /revoked, each saved as it came.
    """
    from humiao.certificates.payload import Certificate, check_certificate, find_text

    published = _published(keys)
    text = find_text(_read(shown))
    found = check_certificate(text, published) if text else "malformed"
    if not isinstance(found, Certificate):
        _refuse(FAULTS[found])
    listed = _revocations(revoked, published) if revoked else None
    _tell(found)
    if listed and found.number in listed.numbers:
        _refuse(f"这张证已于 {listed.numbers[found.number]} 作废 / revoked")
    against = (
        f"作废清单截至 {listed.at} / not on the list" if listed else "未核对作废清单 / revocations were not looked at"
    )
    console.print(f"签名有效 / genuine；{against}", style="green", highlight=False)


def _published(file: Path | None) -> Mapping[str, str]:
    from humiao.kit.keys import load_keys
    from humiao.kit.signed import public_keys

    if file is None:
        return public_keys(load_keys(Settings().keys_path).certificate_keys)
    try:
        return {one["key_id"]: one["public_key"] for one in json.loads(file.read_text(encoding="utf-8"))["keys"]}
    except (ValueError, KeyError, TypeError):
        _refuse(f"{file} 不是公钥表 / not a list of keys")


def _revocations(file: Path, published: Mapping[str, str]) -> "Revocations":
    from humiao.certificates.payload import check_revocations

    content = file.read_text(encoding="utf-8").strip()
    try:
        listed = check_revocations(json.loads(content)["text"] if content.startswith("{") else content, published)
    except (ValueError, KeyError, TypeError):
        listed = "malformed"
    if isinstance(listed, str):
        _refuse(f"作废清单不可信 / the list of revocations proves nothing：{FAULTS[listed]}")
    return listed


def _read(shown: str) -> str:
    """What was scanned, or the file's content: of a PDF whatever of it can be read as text."""
    path = Path(shown)
    if len(shown) > 255 or not path.is_file():
        return shown
    with path.open("rb") as opened:
        return opened.read(FILE_BYTES_MAX).decode("latin-1")


def _refuse(told: str) -> NoReturn:
    console.print(told, style="red", highlight=False)
    raise typer.Exit(1)


def _tell(one: "Certificate") -> None:
    from humiao.certificates.payload import KINDS
    from humiao.immunizations.service import read_edition
    from humiao.schoolcheck.service import RESULTS
    from humiao.schoolcheck.verdict import STAGES

    names = {code: vaccine.name_zh for code, vaccine in read_edition().vaccines.items()}
    console.print(f"{KINDS[one.kind]} {one.number}", style="bold", highlight=False)
    if one.check:
        verdict = f"{STAGES[one.check.stage]}查验：{RESULTS[one.check.result.value]}"
        day = f"，{one.check.day}" if one.check.day else ""
        console.print(f"{verdict}{day}（规则版本 {one.edition}）", highlight=False)
    if one.doses:
        table = Table("接种日期", "疫苗", title=f"{one.total} 剂")
        for dose in one.doses:
            table.add_row(dose.given_on.isoformat(), names.get(dose.vaccine, dose.vaccine))
        console.print(table)
    holder = f"{one.name_masked}，{one.birth_date} 出生，{one.issued_on} 签发"
    console.print(f"{holder}：请与证件和纸面核对 / compare with the document and the paper", highlight=False)


@certificate_app.command("keys")
def show_keys() -> None:
    """公钥表 / print the published keys as the API does, for those who verify without a network."""
    listed = [{"key_id": kid, "public_key": key} for kid, key in _published(None).items()]
    typer.echo(json.dumps({"keys": listed}, indent=1))


def _with_database(database_url: str, work: Callable[[Any], Awaitable[Result]]) -> Result:
    from humiao.kit.database import Database

    async def run() -> Result:
        database = await Database.connect(database_url, connections=1)
        try:
            async with database.transaction() as connection:
                return await work(connection)
        finally:
            await database.close()

    return asyncio.run(run())


@certificate_app.command()
def revoke(
    number: Annotated[str, typer.Argument(help="编号 / the number")],
    reason: Annotated[ReasonChoice, typer.Option(help="原因 / why")],
    database: DatabaseUrl,
) -> None:
    """作废接种证 / end a certificate, for good."""
    from humiao.certificates.payload import find_number
    from humiao.certificates.service import revoke_number

    found = find_number(number)
    if found is None:
        _refuse("编号应形如 HM2611-7K3F-9QWX-2B5D / not a number of a certificate")
    ended = _with_database(database, lambda connection: revoke_number(connection, found, reason.value, "sql", "cli"))
    if not isinstance(ended, dict):
        _refuse("没有这张证，或它已作废 / no such certificate, or revoked already")
    console.print(f"已作废 / revoked {found}", highlight=False)
