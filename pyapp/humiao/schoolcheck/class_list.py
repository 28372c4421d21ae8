"""Reads a class list as schools send it (xlsx) and says of every row what is wrong with it. Pure: bytes in, values out.

Nothing raises on what a user sends. The list is bounded before it is unpacked (file), while it is unpacked (sum of the
sizes the archive declares, beyond which zipfile reads nothing) and while it is read (rows, columns).
"""

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args

import openpyxl

from humiao.residents.documents import (
    NAMES,
    Document,
    DocumentFault,
    DocumentType,
    Sex,
    check_document,
    normalise_number,
)

FILE_BYTES_MAX = 5_000_000
UNPACKED_BYTES_MAX = 60_000_000
PARTS_MAX = 500
CHILDREN_MAX = 5_000
SHEET_ROWS_MAX = 20_000
COLUMNS_MAX = 40
TITLE_ROWS_MAX = 5  # a title above the header, in one cell
NAME_LENGTH_MAX = 40

COLUMNS = ("姓名", "性别", "出生日期", "证件号码", "班级")
OPTIONAL = ("证件类型", "序号")  # 序号 is for the eye alone
ALIASES = {
    "名字": "姓名", "学生姓名": "姓名", "儿童姓名": "姓名", "幼儿姓名": "姓名",
    "出生年月日": "出生日期", "生日": "出生日期", "出生年月": "出生日期",
    "身份证号": "证件号码", "身份证号码": "证件号码", "身份证": "证件号码", "证件号": "证件号码",
    "班": "班级", "所在班级": "班级", "班级名称": "班级", "证件种类": "证件类型", "编号": "序号",
}  # fmt: skip
SEXES: dict[str, Sex] = {"男": "M", "男性": "M", "M": "M", "女": "F", "女性": "F", "F": "F"}
TYPES: dict[str, DocumentType] = {NAMES[code]: code for code in get_args(DocumentType)} | {"身份证": "resident_id"}
_DATE = re.compile(r"([0-9]{4})(?:-|/|\.|年)([0-9]{1,2})(?:-|/|\.|月)([0-9]{1,2})日?")
_COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_DIGITS_EXACT_MAX = 10**15  # Excel keeps fifteen digits of a number and writes zeros for the rest


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a row (as Excel counts; None: the whole file) and column. Repeats nothing of what was typed."""

    row: int | None
    column: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Child:
    """A row that is good."""

    row: int
    name: str
    sex: Sex
    birth_date: date
    document_type: DocumentType
    document_number: str
    class_name: str


@dataclass(frozen=True, slots=True)
class ClassList:
    """The good rows and the errors, both in the order of the rows."""

    children: tuple[Child, ...]
    errors: tuple[RowError, ...]

    @property
    def bad_rows(self) -> tuple[int, ...]:
        """Numbers of the rows with an error, each once."""
        return tuple(dict.fromkeys(error.row for error in self.errors if error.row is not None))


class _Refused(Exception):
    """The list cannot be read at all."""

    def __init__(self, code: str, message: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(code)
        self.error = RowError(row, column, code, message)


def read_class_list(data: bytes, *, today: date, on: date) -> ClassList:
    """Read a list for a check on `on`; `today` is the city's date. A list that cannot be read has no children."""
    try:
        return _read(data, today, on)
    except _Refused as refused:
        return ClassList((), (refused.error,))


def _read(data: bytes, today: date, on: date) -> ClassList:
    _bound(data)
    rows = _rows(data)
    places: dict[str, int] | None = None
    children: list[Child] = []
    errors: list[RowError] = []
    seen: dict[str, int] = {}
    count = 0
    for number, cells in rows:
        filled = sum(1 for cell in cells if _text(cell.value))
        if not filled or (filled == 1 and places is None and number <= TITLE_ROWS_MAX):
            continue
        if places is None:
            places = _header(number, [_text(cell.value) for cell in cells])
            continue
        count += 1
        if count > CHILDREN_MAX:
            raise _Refused("too_many_rows", f"名单超过 {CHILDREN_MAX} 人，请分成几份提交", number)
        found = _row(
            number, {name: cells[i] if i < len(cells) else None for name, i in places.items()}, today, on, seen
        )
        if isinstance(found, Child):
            children.append(found)
        else:
            errors += found
    if places is None or count == 0:
        raise _Refused("empty_list", "名单是空的：第一行应为表头，其后每行一名儿童")
    return ClassList(tuple(children), tuple(errors))


def _bound(data: bytes) -> None:
    if len(data) > FILE_BYTES_MAX:
        raise _Refused("file_too_large", f"文件超过 {FILE_BYTES_MAX // 1_000_000} MB，请删去图片或分成几份提交")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except Exception:  # whatever a damaged archive makes of zipfile
        raise _not_xlsx() from None
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        raise _Refused("unpacks_too_large", "文件解压后过大，不像是一份名单，请另存为新的 xlsx 后重试")


def _not_xlsx() -> _Refused:
    return _Refused("not_xlsx", "不是能读取的 xlsx 文件，请用 Excel 或 WPS 另存为“Excel 工作簿（.xlsx）”")


def _rows(data: bytes) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The rows of the first sheet with their numbers."""
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own size is not believed
        rows = sheet.iter_rows(max_col=COLUMNS_MAX)
        for number, cells in enumerate(rows, start=1):
            if number > SHEET_ROWS_MAX:
                raise _Refused("too_many_rows", f"工作表超过 {SHEET_ROWS_MAX} 行，请删去名单后面的空行", number)
            yield number, cells
    except _Refused:
        raise
    except Exception:  # openpyxl raises a dozen kinds for a file that is none
        raise _not_xlsx() from None


def _header(number: int, titles: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for i, title in enumerate(titles):
        name = ALIASES.get(title.rstrip("*:："), title.rstrip("*:："))
        if not name:
            continue
        if name not in (*COLUMNS, *OPTIONAL):
            letter = openpyxl.utils.get_column_letter(i + 1)
            told = f"{letter} 列的表头不认识，请只保留：{'、'.join(COLUMNS)}"
            raise _Refused("unknown_column", told, number, letter)
        if name in places:
            raise _Refused("column_twice", f"“{name}”这一列出现了两次", number, name)
        places[name] = i
    missing = [name for name in COLUMNS if name not in places]
    if missing:
        raise _Refused("column_missing", f"缺少列：{'、'.join(missing)}", number, missing[0])
    return places


def _text(value: Any) -> str:
    """A cell as text: half-width, without spaces and what cannot be seen."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    plain = unicodedata.normalize("NFKC", str(value))
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))


def _row(number: int, cells: dict[str, Any], today: date, on: date, seen: dict[str, int]) -> Child | list[RowError]:
    formulas = [
        RowError(number, column, "formula", "单元格是公式，请改为填写数值")
        for column, cell in cells.items()
        if cell is not None and cell.data_type == "f" and column != "序号"
    ]
    if formulas:
        return formulas
    texts = {column: _text(cell.value) if cell is not None else "" for column, cell in cells.items()}
    faults = _faults_of_names(texts)
    sex = SEXES.get(texts["性别"].upper())
    if sex is None:
        faults.append(("性别", *_absent_or(texts["性别"], "sex", "性别", "应填“男”或“女”")))
    born = _birth_date(cells["出生日期"].value if cells["出生日期"] is not None else None)
    if born is None:
        faults.append(
            ("出生日期", *_absent_or(texts["出生日期"], "birth_date", "出生日期", "应为 2020-01-02 这样的日期"))
        )
    elif born > today:
        faults.append(("出生日期", "birth_date_future", "出生日期晚于今天"))
    elif born > on:
        faults.append(("出生日期", "birth_date_after_check", "出生日期晚于查验日期"))
    document = _document(cells["证件号码"], texts["证件号码"], texts.get("证件类型", ""), today)
    if isinstance(document, tuple):
        faults.append(("证件号码", *document))
    else:
        if born and document.birth_date and born != document.birth_date:
            faults.append(("出生日期", "birth_date_differs", "出生日期与证件号码不一致"))
        if sex and document.sex and sex != document.sex:
            faults.append(("性别", "sex_differs", "性别与证件号码不一致"))
        first = seen.setdefault(document.number, number)
        if first != number:
            faults.append(("证件号码", "duplicate", f"证件号码与第 {first} 行重复"))
    if faults or born is None or sex is None or isinstance(document, tuple):
        return [RowError(number, *fault) for fault in faults]
    return Child(number, texts["姓名"], sex, born, document.document_type, document.number, texts["班级"])


def _absent_or(text: str, code: str, column: str, rule: str) -> tuple[str, str]:
    return (f"{code}_malformed", f"{column}{rule}") if text else (f"{code}_missing", f"{column}未填写")


def _faults_of_names(texts: dict[str, str]) -> list[tuple[str, str, str]]:
    faults = []
    name = texts["姓名"]
    if not name:
        faults.append(("姓名", "name_missing", "姓名未填写"))
    elif len(name) > NAME_LENGTH_MAX or not name[0].isalpha():
        faults.append(("姓名", "name_malformed", "姓名不正确，请按证件填写"))
    if not texts["班级"]:
        faults.append(("班级", "class_missing", "班级未填写"))
    return faults


def _birth_date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = _text(value)
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _document(cell: Any, text: str, type_text: str, today: date) -> Document | tuple[str, str]:
    """The document of a row, or code and message of what is wrong."""
    if not text:
        return "id_missing", "证件号码未填写"
    if isinstance(cell.value, int | float) and cell.value >= _DIGITS_EXACT_MAX:
        return "id_as_number", "证件号码被存成了数字，末几位已丢失：请把该列设为文本后重新填写"
    if type_text and type_text not in TYPES:
        return "document_type_unknown", "证件类型不认识，居民身份证可以不填"
    if type_text:
        found = check_document(TYPES[type_text], text, today=today)
    else:
        found = check_document("resident_id", text, today=today)
        if isinstance(found, DocumentFault) and found.code == "id_other_type":
            kinds = [check_document(kind, text, today=today) for kind in get_args(DocumentType)[1:3]]
            found = next((one for one in kinds if not isinstance(one, DocumentFault)), found)
        elif re.fullmatch("[A-Z][0-9]{9}", normalise_number(text)):
            found = check_document("birth_certificate", text, today=today)
    return (found.code, found.message) if isinstance(found, DocumentFault) else found
