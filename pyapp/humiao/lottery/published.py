"""The published files, version 1: JSON lines, UTF-8, each written in one way only, so that every byte is checked.

Every file begins with a header object. `announcement` is the header alone. In `tickets` a row is `[tier,"ticket"]`,
sorted by ticket; in `result` it is `[position,tier,"ticket","first 16 hex digits of its key"]`, in the order drawn.
Digests are lower-case hex; there is no white space between tokens, and every line ends with a line feed.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from humiao.lottery.models import Announcement, DrawMisuse, Entrants, Part, Result, SealedList, Terms, check_text

FORMAT = "humiao-draw"
VERSION = 1
KEY_SHOWN_BYTES = 8
FIELDS: dict[Part, tuple[str, ...]] = {
    "announcement": ("campaign", "closes_at", "entropy_rule", "commitment"),
    "tickets": ("campaign", "tickets", "tickets_digest"),
    "result": (
        "campaign", "closes_at", "entropy_rule", "commitment", "tickets", "tickets_digest", "entropy", "secret",
        "seed", "result_digest",
    ),
}  # fmt: skip
DIGESTS = {"commitment", "tickets_digest", "secret", "seed", "result_digest"}
_HEX32 = re.compile(r"[0-9a-f]{64}")
_NUMBER = rb"(0|[1-9][0-9]{0,9})"
TICKET_ROW = re.compile(rb"\[" + _NUMBER + rb',"([0-9A-Za-z-]{1,40})"\]')
RESULT_ROW = re.compile(rb"\[" + _NUMBER + rb"," + _NUMBER + rb',"([0-9A-Za-z-]{1,40})","([0-9a-f]{16})"\]')


class Unreadable(ValueError):
    """A file that is not written as version 1 says. `line` counts from 1; `field` names a header's field or is ''."""

    def __init__(self, line: int, field: str, zh: str, en: str) -> None:
        super().__init__(f"第 {line} 行：{zh} / line {line}: {en}")
        self.line, self.field, self.zh, self.en = line, field, zh, en


def _header(part: Part, **fields: str | int) -> bytes:
    return json_line({"format": FORMAT, "version": VERSION, "part": part} | fields)


def json_line(value: dict[str, Any]) -> bytes:
    """An object in the one way it is written."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def announcement_file(announcement: Announcement) -> bytes:
    """The announcement as it is published."""
    terms = announcement.terms
    return _header(
        "announcement", campaign=terms.campaign, closes_at=terms.closes_at, entropy_rule=terms.entropy_rule,
        commitment=announcement.commitment.hex(),
    )  # fmt: skip


def sealed_file(sealed: SealedList) -> Iterator[bytes]:
    """The sealed list as it is published, line by line."""
    yield _header("tickets", campaign=sealed.campaign, tickets=len(sealed.entrants), tickets_digest=sealed.digest.hex())
    for tier, ticket in zip(sealed.entrants.tiers, sealed.entrants.ticket_list(), strict=True):
        yield b'[%d,"%s"]\n' % (tier, ticket)


def result_file(result: Result) -> Iterator[bytes]:
    """The result as it is published, line by line."""
    terms = result.announcement.terms
    yield _header(
        "result", campaign=terms.campaign, closes_at=terms.closes_at, entropy_rule=terms.entropy_rule,
        commitment=result.announcement.commitment.hex(), tickets=len(result.entrants),
        tickets_digest=result.tickets_digest.hex(), entropy=result.entropy, secret=result.secret.hex(),
        seed=result.seed.hex(), result_digest=result.digest.hex(),
    )  # fmt: skip
    tickets = result.entrants.ticket_list()
    for at, (tier, ticket) in enumerate(zip(result.entrants.tiers, tickets, strict=True)):
        shown = result.keys[at * 32 : at * 32 + KEY_SHOWN_BYTES].hex().encode()
        yield b'[%d,%d,"%s","%s"]\n' % (at + 1, tier, ticket, shown)


def split_lines(data: bytes) -> list[bytes]:
    """The lines of a file without their line feeds. Raises Unreadable where the last one has none."""
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise Unreadable(data.count(b"\n") + 1, "", "最后一行没有换行符", "the last line does not end with a line feed")
    return lines


def read_header(line: bytes, part: Part) -> dict[str, Any]:
    """The header of a file. Raises Unreadable naming the field that is missing, malformed or out of place."""

    def unreadable(field: str, zh: str, en: str) -> Unreadable:
        return Unreadable(1, field, zh, en)

    try:
        found = json.loads(line.decode())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise unreadable("", "文件头不是 JSON 对象", "the header is not a JSON object")
    expected: dict[str, Any] = {"format": FORMAT, "version": VERSION, "part": part}
    names = [*expected, *FIELDS[part]]
    for place, name in enumerate(names):
        if name not in found or place >= len(found) or list(found)[place] != name:
            raise unreadable(name, f"缺少字段 {name} 或顺序不对", f"{name} is missing or out of place")
    if len(found) != len(names):
        extra = next(name for name in found if name not in names)
        raise unreadable(extra, f"多出字段 {extra}", f"{extra} does not belong here")
    for name, value in expected.items():
        if found[name] != value or type(found[name]) is not type(value):
            raise unreadable(name, f"{name} 应为 {value}", f"{name} must be {value}")
    for name in FIELDS[part]:
        _check_field(name, found[name])
    if json_line(found) != line + b"\n":
        raise unreadable("", "文件头的写法不规范", "the header is not written in the one way it may be")
    return found


def _check_field(name: str, value: Any) -> None:
    if name == "tickets":
        good = type(value) is int and 0 <= value < 2**32
    elif name in DIGESTS:
        good = isinstance(value, str) and _HEX32.fullmatch(value) is not None
    else:
        good = isinstance(value, str)
        if good:
            _check_text_field(name, value)
    if not good:
        raise Unreadable(1, name, f"{name} 的格式不对", f"{name} is malformed")


def _check_text_field(name: str, value: str) -> None:
    try:
        check_text(name, value)
    except DrawMisuse as error:
        zh, en = str(error).split(" / ")
        raise Unreadable(1, name, zh, en) from None


def read_announcement(data: bytes) -> Announcement:
    """Reads what `announcement_file` wrote. Raises Unreadable."""
    lines = split_lines(data)
    if len(lines) != 1:
        raise Unreadable(min(len(lines), 1) + 1, "", "公告只有一行", "an announcement has one line")
    header = read_header(lines[0], "announcement")
    return Announcement(_terms(header), bytes.fromhex(header["commitment"]))


def read_sealed(data: bytes) -> SealedList:
    """Reads what `sealed_file` wrote; its digest is the header's and is not checked here. Raises Unreadable."""
    lines = split_lines(data)
    header = read_header(lines[0] if lines else b"", "tickets")
    tiers, tickets = bytearray(), list[bytes]()
    for number, line in enumerate(lines[1:], 2):
        row = TICKET_ROW.fullmatch(line)
        if row is None or int(row[1]) > 255 or (tickets and tickets[-1] >= row[2]):
            raise Unreadable(number, "", "不是按票号排序的一行", "not a row, or not sorted by ticket")
        tiers.append(int(row[1]))
        tickets.append(row[2])
    if len(tickets) != header["tickets"]:
        raise Unreadable(1, "tickets", f"文件有 {len(tickets)} 行", f"there are {len(tickets)} rows")
    return SealedList(header["campaign"], Entrants.of(bytes(tiers), tickets), bytes.fromhex(header["tickets_digest"]))


def _terms(header: dict[str, Any]) -> Terms:
    return Terms(header["campaign"], header["closes_at"], header["entropy_rule"])


def entrants_of_text(lines: Iterable[str]) -> Entrants:
    """Entrants of an officer's list: a line each, `tier ticket`, separated by a space, tab or comma; blank lines pass.

    Raises DrawMisuse naming the line that is neither.
    """
    tiers, tickets = bytearray(), []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        words = re.split(r"[\s,]+", line.strip())
        if len(words) != 2 or not words[0].isascii() or not words[0].isdigit() or int(words[0]) > 255:
            raise DrawMisuse(f"第 {number} 行应为“档次 票号” / line {number} must be a tier (0-255) and a ticket")
        tiers.append(int(words[0]))
        tickets.append(words[1].encode())
    return Entrants.of(bytes(tiers), tickets)
