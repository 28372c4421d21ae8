"""A list of doses as clinics send it: every bad row is named, nothing of it repeated, every good one read."""

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humiao.immunizations.doses import DOSES_MAX, DoseList, ReportedDose, read_doses
from humiao.immunizations.service import read_edition
from tests.unit.schoolcheck.lists import id_number, xlsx

EDITION = read_edition()
TODAY = date(2026, 11, 28)
BORN = date(2022, 5, 6)
HEADER = ("姓名", "身份证号", "疫苗名称", "接种日期", "批号", "追溯码", "接种部位", "接种途径", "剂次")
NUMBER = id_number(BORN, 2)
CODE = "81234567890123456789"
GOOD: list[Any] = ["王小明", NUMBER, "重组乙型肝炎疫苗", date(2022, 5, 6), "2022A1", CODE, "右上臂", "肌内注射", "1"]


def read(*rows: list[Any], header: tuple[Any, ...] = HEADER) -> DoseList:
    return read_doses(xlsx([*rows], header), EDITION, today=TODAY)


def with_(column: str, value: Any) -> list[Any]:
    return [value if name == column else cell for name, cell in zip(HEADER, GOOD, strict=True)]


def test_a_good_row_is_read_as_it_was_meant() -> None:
    found = read(GOOD)
    assert found.errors == ()
    assert found.doses == (
        ReportedDose(
            2, "王小明", "resident_id", NUMBER, "HepB", BORN, dose_recorded=1, lot="2022A1", tracing_code=CODE,
            site="right_arm", route="IM",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("姓名", "", "name_missing"),
        ("身份证号", "", "id_missing"),
        ("身份证号", NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1"), "id_wrong_checksum"),
        ("身份证号", float(310104202205060000), "id_as_number"),
        ("疫苗名称", "", "vaccine_missing"),
        ("疫苗名称", "神奇疫苗", "vaccine_malformed"),
        ("接种日期", "", "day_missing"),
        ("接种日期", "去年春天", "day_malformed"),
        ("接种日期", date(2023, 1, 1) + timedelta(days=5000), "day_future"),
        ("接种日期", BORN - timedelta(days=1), "day_before_birth"),
        ("接种日期", "=TODAY()", "formula"),
        ("追溯码", "8123456789012345678", "code_malformed"),
        ("追溯码", float(8123456789012345), "code_as_number"),
        ("接种部位", "上臂", "site_unknown"),
        ("接种途径", "涂抹", "route_unknown"),
        ("剂次", "第0剂", "dose_malformed"),
        ("剂次", "21", "dose_malformed"),
        ("批号", "批" * 41, "lot_too_long"),
    ],
)
def test_a_bad_row_is_named_and_nothing_of_it_repeated(column: str, value: Any, code: str) -> None:
    found = read(GOOD, with_(column, value), GOOD)
    assert [error.row for error in found.errors] == [3] and found.errors[0].code == code, found.errors
    assert [dose.row for dose in found.doses] == [2, 4], "the rest is good"
    told = found.errors[0].message
    assert any("\u4e00" <= c <= "\u9fff" for c in told) and NUMBER not in told and "王小明" not in told


@pytest.mark.parametrize("word", ["HepB", "hepb", "ＨｅｐＢ", "重组乙型肝炎疫苗", " 重组 乙型肝炎疫苗 "])
def test_a_vaccine_is_named_by_code_or_name(word: str) -> None:
    assert [dose.vaccine for dose in read(with_("疫苗名称", word)).doses] == ["HepB"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_of_excel_reads_alike(encoding: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, [*GOOD[:3], "2022/5/6", *GOOD[4:]]])
    found = read_doses(out.getvalue().encode(encoding), EDITION, today=TODAY)
    assert found == read(GOOD)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_list"),
        (b"\0\0", "not_xlsx"),
        (b"PK\x03\x04 no zip", "not_xlsx"),
        ("姓名,疫苗\n王,HepB".encode(), "column_missing"),
        ("姓名,证件号码,疫苗,接种日期,血型\n".encode(), "unknown_column"),
        ("姓名,证件号码,疫苗,接种日期,姓名\n".encode(), "column_twice"),
        (b"\xff\xfe\xff", "not_xlsx"),
        (('"' + "a" * 200_000).encode(), "not_xlsx"),
    ],
)
def test_a_file_that_is_no_list_is_told_once(data: bytes, code: str) -> None:
    found = read_doses(data, EDITION, today=TODAY)
    assert found.doses == () and [error.code for error in found.errors] == [code]


def test_a_list_is_bounded() -> None:
    lines = "\n".join(["姓名,证件号码,疫苗,接种日期", *["王小明,1,HepB,2022-05-06"] * (DOSES_MAX + 1)])
    found = read_doses(lines.encode(), EDITION, today=TODAY)
    assert [error.code for error in found.errors] == ["too_many_rows"]


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    found = read_doses(data, EDITION, today=TODAY)
    assert found.doses or found.errors
