"""Reading a class list: every bad row is named, nothing raises, and nothing good is lost."""

import io
import random
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humiao.kit.sheets import FILE_BYTES_MAX
from humiao.schoolcheck.class_list import CHILDREN_MAX, ClassList, read_class_list
from tests.unit.schoolcheck.lists import HEADER, good_rows, id_number, xlsx

TODAY = date(2026, 9, 1)
BORN = date(2022, 3, 10)
GOOD = ["王小明", "男", "2022-03-10", id_number(BORN, 1), "小一班"]


def read(data: bytes, on: date = TODAY) -> ClassList:
    return read_class_list(data, today=TODAY, on=on)


def chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def changed(column: str, value: Any) -> list[Any]:
    row = list(GOOD)
    row[HEADER.index(column)] = value
    return row


def other_check_digit(number: str) -> str:
    return number[:-1] + ("1" if number[-1] != "1" else "2")


BAD: list[tuple[str, list[Any], str, str]] = [
    ("no name", changed("姓名", None), "姓名", "name_missing"),
    ("blank name", changed("姓名", " \u3000"), "姓名", "name_missing"),
    ("name that is a number", changed("姓名", 12), "姓名", "name_malformed"),
    ("name without end", changed("姓名", "王" * 41), "姓名", "name_malformed"),
    ("no sex", changed("性别", None), "性别", "sex_missing"),
    ("sex that is none", changed("性别", "不详"), "性别", "sex_malformed"),
    ("other sex", changed("性别", "女"), "性别", "sex_differs"),
    ("no birth date", changed("出生日期", None), "出生日期", "birth_date_missing"),
    ("day that is none", changed("出生日期", "2022-02-30"), "出生日期", "birth_date_malformed"),
    ("day in words", changed("出生日期", "去年"), "出生日期", "birth_date_malformed"),
    ("other birth date", changed("出生日期", "2022-03-11"), "出生日期", "birth_date_differs"),
    ("born tomorrow", changed("出生日期", "2026-09-02"), "出生日期", "birth_date_future"),
    ("no number", changed("证件号码", None), "证件号码", "id_missing"),
    ("wrong check digit", changed("证件号码", other_check_digit(GOOD[3])), "证件号码", "id_wrong_checksum"),
    ("seventeen digits", changed("证件号码", GOOD[3][:17]), "证件号码", "id_wrong_shape"),
    ("number as a number", changed("证件号码", int(id_number(BORN, 3)[:17] + "0")), "证件号码", "id_as_number"),
    ("no class", changed("班级", ""), "班级", "class_missing"),
    ("formula", changed("班级", "=A1"), "班级", "formula"),
    ("formula for a number", changed("证件号码", '=HYPERLINK("http://x")'), "证件号码", "formula"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "column", "code"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_bad_row_is_named_with_its_column(row: list[Any], column: str, code: str) -> None:
    other = ["李小红", "女", "2022/3/10", id_number(BORN, 2), "小一班"]
    found = read(xlsx([row, other]))
    assert (column, code) in {(error.column, error.code) for error in found.errors}
    assert found.bad_rows == (2,) and [child.row for child in found.children] == [3]
    assert all(chinese(error.message) for error in found.errors)


def test_2000_rows_with_30_bad_ones() -> None:
    rows = good_rows(2000)
    spoiled = sorted(random.Random(30).sample(range(1, 2000), 30))
    spoil: list[Callable[[list[Any]], None]] = [
        lambda row: row.__setitem__(0, ""),
        lambda row: row.__setitem__(1, "女" if row[1] == "男" else "男"),
        lambda row: row.__setitem__(2, "2021-12-31"),
        lambda row: row.__setitem__(3, other_check_digit(row[3])),
        lambda row: row.__setitem__(3, rows[0][3]),
        lambda row: row.__setitem__(2, "2030-01-01"),
    ]
    for n, i in enumerate(spoiled):
        spoil[n % len(spoil)](rows[i])
    found = read(xlsx(rows))
    assert found.bad_rows == tuple(i + 2 for i in spoiled)  # the header is row 1
    assert len(found.children) == 1970
    assert {child.row for child in found.children} == set(range(2, 2002)) - set(found.bad_rows)
    assert all(chinese(error.message) and error.column in HEADER for error in found.errors)


@pytest.mark.parametrize(
    "written",
    ["2022-03-10", "2022-3-10", "2022/3/10", "2022.3.10", "2022年3月10日", "20220310", 20220310, "２０２２－０３－１０",
     " 2022-03-10 ", BORN, datetime(2022, 3, 10, 8)],  # noqa: DTZ001 - a cell knows no offset
)  # fmt: skip
def test_a_date_may_be_written_as_people_write_it(written: Any) -> None:
    (child,) = read(xlsx([changed("出生日期", written)])).children
    assert child.birth_date == BORN


@pytest.mark.parametrize("spelling", ["{}", " {} ", "'{}", "{}\u200b", "full"])
def test_a_number_may_be_typed_full_width_and_with_blanks(spelling: str) -> None:
    wide = GOOD[3].translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"})
    text = wide if spelling == "full" else spelling.format(f"{GOOD[3][:6]} {GOOD[3][6:14]} {GOOD[3][14:]}")
    found = read(xlsx([changed("证件号码", text)]))
    if spelling.startswith("'"):
        assert [error.code for error in found.errors] == ["id_wrong_shape"]
    else:
        assert [child.document_number for child in found.children] == [GOOD[3]]


def test_the_header_in_any_order_by_other_names_below_a_title_with_empty_rows() -> None:
    header = ("序号", "所在班级", "身份证号", "出生年月日", "性 别", "学生姓名*")
    row = ["=ROW()-1", "小一班", GOOD[3], BORN, "男", "王小明"]
    found = read(xlsx([[], row, []], header=header, before=(["阳光幼儿园小班名单"], [])))
    assert not found.errors and [(c.row, c.name, c.class_name) for c in found.children] == [(5, "王小明", "小一班")]


def test_other_documents() -> None:
    header = (*HEADER, "证件类型")
    rows = [
        ["Ann Lee", "F", "2022-03-10", "E12345678", "小一班", "护照"],
        ["王小红", "女", "2022-03-10", "P310000001", "小一班", None],
        ["王小丽", "女", "2022-03-10", "E12345678", "小一班", "会员卡"],
    ]
    found = read(xlsx(rows, header=header))
    assert [(c.name, c.document_type) for c in found.children] == [
        ("AnnLee", "passport"),
        ("王小红", "birth_certificate"),
    ]
    assert [(e.row, e.code) for e in found.errors] == [(4, "document_type_unknown")]


def test_a_number_twice_names_the_row_before() -> None:
    found = read(xlsx([GOOD, ["李小红", *GOOD[1:]]]))
    assert [(e.row, e.code) for e in found.errors] == [(3, "duplicate")] and "第 2 行" in found.errors[0].message


def test_a_birth_after_the_day_of_the_check() -> None:
    found = read(xlsx([GOOD]), on=date(2022, 3, 9))
    assert [e.code for e in found.errors] == ["birth_date_after_check"]


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_sheet(change: Callable[[bytes], bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(xlsx([GOOD]))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return zipped({n: change(c) if n.startswith("xl/worksheets/") else c for n, c in parts.items()})


BILLION = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">' + b"".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 50}">'.encode() for i in range(1, 8)
) + b"]><worksheet>&i;</worksheet>"  # fmt: skip
FILES: list[tuple[str, Callable[[], bytes], str]] = [
    ("nothing", lambda: b"", "not_xlsx"),
    ("text", lambda: "姓名,性别".encode("gbk"), "not_xlsx"),
    ("an old xls", lambda: bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 500, "not_xlsx"),
    ("half a file", lambda: xlsx([GOOD])[:900], "not_xlsx"),
    ("a zip of something else", lambda: zipped({"a.txt": b"a"}), "not_xlsx"),
    ("a sheet that is no XML", lambda: with_sheet(lambda _: b"\x00" * 50), "not_xlsx"),
    ("entities in entities", lambda: with_sheet(lambda _: BILLION), "not_xlsx"),
    ("a row at the end of the world", lambda: with_sheet(lambda c: c.replace(b'<row r="2"', b'<row r="999999999999"')),
     "too_many_rows"),
    ("a large file", lambda: b"x" * (FILE_BYTES_MAX + 1), "file_too_large"),
    ("a zip bomb", lambda: zipped({"xl/workbook.xml": b"0" * 61_000_000}), "unpacks_too_large"),
    ("many parts", lambda: zipped({str(i): b"" for i in range(501)}), "unpacks_too_large"),
    ("no row", lambda: xlsx([]), "empty_list"),
    ("5001 children", lambda: xlsx(good_rows(CHILDREN_MAX + 1)), "too_many_rows"),
    ("an unknown column", lambda: xlsx([[*GOOD, "x"]], header=(*HEADER, "家庭住址")), "unknown_column"),
    ("a column twice", lambda: xlsx([[*GOOD, "x"]], header=(*HEADER, "名字")), "column_twice"),
    ("a column missing", lambda: xlsx([GOOD[:4]], header=HEADER[:4]), "column_missing"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "code"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_a_file_that_is_no_list_is_told_and_nothing_is_read(make: Callable[[], bytes], code: str) -> None:
    found = read(make())
    assert [error.code for error in found.errors] == [code] and chinese(found.errors[0].message)
    assert not found.children


def test_5000_children_are_read() -> None:
    assert len(read(xlsx(good_rows(CHILDREN_MAX))).children) == CHILDREN_MAX


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_bytes_that_are_changed_raise_nothing(data: st.DataObject) -> None:
    whole = bytearray(xlsx([GOOD]))
    for _ in range(data.draw(st.integers(1, 6))):
        # a place that does not hang on the length, which differs with the time in the file
        whole[data.draw(st.integers(0, 10**6)) % len(whole)] = data.draw(st.integers(0, 255))
    assert isinstance(read(bytes(whole)), ClassList)


cells = st.one_of(st.none(), st.text(max_size=30).filter(lambda t: t.isprintable()), st.integers(), st.booleans(),
                  st.floats(allow_nan=False, allow_infinity=False), st.dates(date(1900, 3, 1)))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=6))
def test_whatever_stands_in_the_cells_every_row_is_a_child_or_an_error(rows: list[list[Any]]) -> None:
    found = read(xlsx([*rows, GOOD]))
    told = {child.row for child in found.children} | set(found.bad_rows)
    written = {i + 2 for i, row in enumerate([*rows, GOOD]) if any(c not in (None, "") and str(c).strip() for c in row)}
    assert told <= written and len(rows) + 2 in told
