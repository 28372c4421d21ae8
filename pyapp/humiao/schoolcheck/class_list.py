"""Reads a class list as schools send it (xlsx) and says of every row what is wrong with it. Pure: bytes in, values out.

Nothing raises on what a user sends; how a table is read and bounded is in kit/sheets.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from humiao.kit.sheets import (
    Cells,
    Columns,
    RowError,
    Unreadable,
    absent_or,
    day_of,
    formulas_of,
    lost_digits,
    table_rows,
    texts_of,
)
from humiao.residents.documents import Document, DocumentFault, DocumentType, Sex
from humiao.residents.listed import ID_AS_NUMBER, listed_document

CHILDREN_MAX = 5_000
NAME_LENGTH_MAX = 40

COLUMNS = Columns(
    needed=("姓名", "性别", "出生日期", "证件号码", "班级"),
    optional=("证件类型", "序号"),  # 序号 is for the eye alone
    aliases={
        "名字": "姓名", "学生姓名": "姓名", "儿童姓名": "姓名", "幼儿姓名": "姓名",
        "出生年月日": "出生日期", "生日": "出生日期", "出生年月": "出生日期",
        "身份证号": "证件号码", "身份证号码": "证件号码", "身份证": "证件号码", "证件号": "证件号码",
        "班": "班级", "所在班级": "班级", "班级名称": "班级", "证件种类": "证件类型", "编号": "序号",
    },
)  # fmt: skip
SEXES: dict[str, Sex] = {"男": "M", "男性": "M", "M": "M", "女": "F", "女性": "F", "F": "F"}


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
    """The good rows and the errors, both in the order of the rows. What is not `readable` has one error and no rows."""

    children: tuple[Child, ...]
    errors: tuple[RowError, ...]
    readable: bool = True

    @property
    def bad_rows(self) -> tuple[int, ...]:
        """Numbers of the rows with an error, each once."""
        return tuple(dict.fromkeys(error.row for error in self.errors if error.row is not None))


def read_class_list(data: bytes, *, today: date, on: date) -> ClassList:
    """Read a list for a check on `on`; `today` is the city's date. A list that cannot be read has no children."""
    children: list[Child] = []
    errors: list[RowError] = []
    seen: dict[str, int] = {}
    try:
        for number, cells in table_rows(data, COLUMNS, rows_max=CHILDREN_MAX, what="人"):
            found = read_row(number, cells, today, on, seen)
            if isinstance(found, Child):
                children.append(found)
            else:
                errors += found
    except Unreadable as unreadable:
        return ClassList((), (unreadable.error,), readable=False)
    return ClassList(tuple(children), tuple(errors))


def read_row(number: int, cells: Cells, today: date, on: date, seen: dict[str, int]) -> Child | list[RowError]:
    """Read one row: a child, or what is wrong. `seen` holds the row of each number so far, and takes this one's."""
    formulas = formulas_of(number, cells, but="序号")
    if formulas:
        return formulas
    texts = texts_of(cells)
    faults = _faults_of_names(texts)
    sex = SEXES.get(texts["性别"].upper())
    if sex is None:
        faults.append(("性别", *absent_or(texts["性别"], "sex", "性别", "应填“男”或“女”")))
    born = day_of(cells["出生日期"])
    if born is None:
        faults.append(
            ("出生日期", *absent_or(texts["出生日期"], "birth_date", "出生日期", "应为 2020-01-02 这样的日期"))
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


def _document(cell: Any, text: str, type_text: str, today: date) -> Document | tuple[str, str]:
    """The document of a row, or code and message of what is wrong."""
    found = ID_AS_NUMBER if lost_digits(cell) else listed_document(text, type_text, today=today)
    return (found.code, found.message) if isinstance(found, DocumentFault) else found
