"""Tables as people send them (xlsx, csv), read without trusting them. Pure: bytes in, rows out.

Nothing raises but `Unreadable`, which says in Chinese what to do. A file is bounded before it is unpacked (its size),
while it is unpacked (sum of the sizes the archive declares, beyond which zipfile reads nothing) and while it is read
(rows, columns). What a cell says is never repeated in an error.
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import openpyxl

FILE_BYTES_MAX = 5_000_000
UNPACKED_BYTES_MAX = 60_000_000
PARTS_MAX = 500
SHEET_ROWS_MAX = 20_000
COLUMNS_MAX = 40
TITLE_ROWS_MAX = 5  # a title above the header, in one cell
DIGITS_EXACT_MAX = 10**15  # Excel keeps fifteen digits of a number and writes zeros for the rest
_DATE = re.compile(r"([0-9]{4})(?:-|/|\.|年)([0-9]{1,2})(?:-|/|\.|月)([0-9]{1,2})日?")
_COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a row (as Excel counts; None: the whole file) and column. Repeats nothing of what was typed."""

    row: int | None
    column: str | None
    code: str
    message: str


class Unreadable(Exception):
    """The table cannot be read at all."""

    def __init__(self, code: str, message: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(code)
        self.error = RowError(row, column, code, message)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a csv file, in the words of openpyxl."""

    value: Any
    data_type: str = "s"


Cells = Mapping[str, Any]  # by column; None where the row ends before it


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table has: needed ones, others it may have, and other names for them."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    aliases: Mapping[str, str]


def table_rows(
    data: bytes, columns: Columns, *, rows_max: int, what: str, plain: bool = False
) -> Iterator[tuple[int, Cells]]:
    """The rows below the header with their numbers, empty ones left out. `what` is one row's word, such as 人 or 条.

    `plain`: a csv is taken too. Raises Unreadable.
    """
    places: dict[str, int] | None = None
    count = 0
    for number, cells in _rows(data, plain):
        filled = sum(1 for cell in cells if text_of(cell.value))
        if not filled or (filled == 1 and places is None and number <= TITLE_ROWS_MAX):
            continue
        if places is None:
            places = _header(columns, number, [text_of(cell.value) for cell in cells])
            continue
        count += 1
        if count > rows_max:
            raise Unreadable("too_many_rows", f"超过 {rows_max} {what}，请分成几份提交", number)
        yield number, {name: cells[i] if i < len(cells) else None for name, i in places.items()}
    if places is None or count == 0:
        raise Unreadable("empty_list", f"表格是空的：第一行应为表头，其后每行一{what}")


def _rows(data: bytes, plain: bool) -> Iterator[tuple[int, Sequence[Any]]]:
    if len(data) > FILE_BYTES_MAX:
        raise Unreadable("file_too_large", f"文件超过 {FILE_BYTES_MAX // 1_000_000} MB，请删去图片或分成几份提交")
    if plain and data[:2] != b"PK":
        return _csv_rows(data)
    _bound(data)
    return _xlsx_rows(data)


def _bound(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except Exception:  # whatever a damaged archive makes of zipfile
        raise _no_table() from None
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        raise Unreadable("unpacks_too_large", "文件解压后过大，不像是一份名单，请另存为新的 xlsx 后重试")


def _no_table() -> Unreadable:
    return Unreadable("not_xlsx", "不是能读取的表格文件，请用 Excel 或 WPS 另存为“Excel 工作簿（.xlsx）”")


def _xlsx_rows(data: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows of the first sheet with their numbers."""
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own size is not believed
        for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), start=1):
            if number > SHEET_ROWS_MAX:
                raise _too_long(number)
            yield number, cells
    except Unreadable:
        raise
    except Exception:  # openpyxl raises a dozen kinds for a file that is none
        raise _no_table() from None


def _too_long(number: int) -> Unreadable:
    return Unreadable("too_many_rows", f"工作表超过 {SHEET_ROWS_MAX} 行，请删去名单后面的空行", number)


def _csv_rows(data: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    """UTF-8 with or without a mark, or what Excel writes in China (GB 18030)."""
    if b"\0" in data:
        raise _no_table()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise _no_table() from None
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            if number > SHEET_ROWS_MAX:
                raise _too_long(number)
            yield number, [Cell(cell) for cell in cells[:COLUMNS_MAX]]
    except csv.Error:
        raise _no_table() from None


def _header(columns: Columns, number: int, titles: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for i, title in enumerate(titles):
        name = columns.aliases.get(title.rstrip("*:："), title.rstrip("*:："))
        if not name:
            continue
        if name not in (*columns.needed, *columns.optional):
            letter = openpyxl.utils.get_column_letter(i + 1)
            told = f"{letter} 列的表头不认识，请只保留：{'、'.join(columns.needed)}"
            raise Unreadable("unknown_column", told, number, letter)
        if name in places:
            raise Unreadable("column_twice", f"“{name}”这一列出现了两次", number, name)
        places[name] = i
    missing = [name for name in columns.needed if name not in places]
    if missing:
        raise Unreadable("column_missing", f"缺少列：{'、'.join(missing)}", number, missing[0])
    return places


def text_of(value: Any) -> str:
    """A cell as text: half-width, without spaces and what cannot be seen."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    plain = unicodedata.normalize("NFKC", str(value))
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))


def texts_of(cells: Cells) -> dict[str, str]:
    """The cells of a row as text."""
    return {column: text_of(cell.value) if cell is not None else "" for column, cell in cells.items()}


def formulas_of(number: int, cells: Cells, *, but: str = "") -> list[RowError]:
    """An error for each cell that is a formula, except in the column `but`."""
    return [
        RowError(number, column, "formula", "单元格是公式，请改为填写数值")
        for column, cell in cells.items()
        if cell is not None and cell.data_type == "f" and column != but
    ]


def day_of(cell: Any) -> date | None:
    """A cell as a day, in any of the ways people write one; None where it is none."""
    value = cell.value if cell is not None else None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = text_of(value)
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def lost_digits(cell: Any) -> bool:
    """Whether a long number was kept as a number, so that its last digits are gone."""
    value = cell.value if cell is not None else None
    return isinstance(value, int | float) and value >= DIGITS_EXACT_MAX


def absent_or(text: str, code: str, column: str, rule: str) -> tuple[str, str]:
    """Code and message for a cell that is empty, or holds something else."""
    return (f"{code}_malformed", f"{column}{rule}") if text else (f"{code}_missing", f"{column}未填写")
