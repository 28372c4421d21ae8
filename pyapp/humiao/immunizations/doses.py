"""Doses as they are reported: what a row must say, and a list of them (xlsx, csv) read row by row. Pure.

The items are those of the Vaccine Administration Law, article 45, and of WS 375.12; only what names the person, the
vaccine and the day is needed, for older papers say no more.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from humiao.immunizations.models import Edition
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
from humiao.residents.documents import DocumentFault, DocumentType
from humiao.residents.listed import ID_AS_NUMBER, listed_document

DOSES_MAX = 5_000
EARLIEST = date(1900, 1, 1)
Site = Literal["left_arm", "right_arm", "left_thigh", "right_thigh", "oral", "nasal"]
Route = Literal["IM", "SC", "ID", "PO", "IN"]
SITES: dict[Site, str] = {
    "left_arm": "左上臂", "right_arm": "右上臂", "left_thigh": "左大腿", "right_thigh": "右大腿", "oral": "口服",
    "nasal": "鼻腔",
}  # fmt: skip
ROUTES: dict[Route, str] = {"IM": "肌内注射", "SC": "皮下注射", "ID": "皮内注射", "PO": "口服", "IN": "鼻腔喷入"}
TRACING_CODE = re.compile("[0-9]{20}")

COLUMNS = Columns(
    needed=("姓名", "证件号码", "疫苗", "接种日期"),
    optional=(
        "证件类型", "剂次", "批号", "追溯码", "生产企业", "接种部位", "接种途径", "接种单位", "接种人员", "序号",
    ),
    aliases={
        "名字": "姓名", "儿童姓名": "姓名", "受种者": "姓名", "受种者姓名": "姓名",
        "身份证号": "证件号码", "身份证号码": "证件号码", "身份证": "证件号码", "证件号": "证件号码",
        "证件种类": "证件类型", "疫苗名称": "疫苗", "疫苗代码": "疫苗", "接种时间": "接种日期", "日期": "接种日期",
        "针次": "剂次", "剂次数": "剂次", "疫苗批号": "批号", "药品追溯码": "追溯码", "电子监管码": "追溯码",
        "厂家": "生产企业", "生产厂家": "生产企业", "上市许可持有人": "生产企业", "部位": "接种部位",
        "途径": "接种途径", "接种门诊": "接种单位", "接种医生": "接种人员", "接种者": "接种人员", "编号": "序号",
    },
)  # fmt: skip
_SITES: dict[str, str] = {"左臂": "left_arm", "右臂": "right_arm", "左腿": "left_thigh", "右腿": "right_thigh"}
_SITES |= {name: code for code, name in SITES.items()} | {code: code for code in get_args(Site)}
_ROUTES: dict[str, str] = {
    "肌内": "IM",
    "肌肉注射": "IM",
    "肌注": "IM",
    "皮下": "SC",
    "皮内": "ID",
    "鼻喷": "IN",
    "喷鼻": "IN",
}
_ROUTES |= {name: code for code, name in ROUTES.items()} | {code: code for code in get_args(Route)}
_LENGTHS = {"批号": 40, "生产企业": 60, "接种单位": 60, "接种人员": 40}


@dataclass(frozen=True, slots=True)
class ReportedDose:
    """A dose somebody reports, with the document that finds the person."""

    row: int
    name: str
    document_type: DocumentType
    document_number: str
    vaccine: str
    given_on: date
    dose_recorded: int | None = None
    lot: str | None = None
    tracing_code: str | None = None
    manufacturer: str | None = None
    site: Site | None = None
    route: Route | None = None
    place: str | None = None
    vaccinator: str | None = None


@dataclass(frozen=True, slots=True)
class DoseList:
    """The good rows and the errors, both in the order of the rows."""

    doses: tuple[ReportedDose, ...]
    errors: tuple[RowError, ...]


def read_doses(data: bytes, edition: Edition, *, today: date) -> DoseList:
    """Read a list of doses; `today` is the city's date. A file that cannot be read has one error and no dose."""
    vaccines = {one.name_zh: code for code, one in edition.vaccines.items()}
    vaccines |= {code.upper(): code for code in edition.vaccines}
    doses: list[ReportedDose] = []
    errors: list[RowError] = []
    try:
        for number, cells in table_rows(data, COLUMNS, rows_max=DOSES_MAX, what="条", plain=True):
            found = _row(number, cells, vaccines, today)
            if isinstance(found, ReportedDose):
                doses.append(found)
            else:
                errors += found
    except Unreadable as unreadable:
        return DoseList((), (unreadable.error,))
    return DoseList(tuple(doses), tuple(errors))


def _row(number: int, cells: Cells, vaccines: dict[str, str], today: date) -> ReportedDose | list[RowError]:
    formulas = formulas_of(number, cells, but="序号")
    if formulas:
        return formulas
    texts = texts_of(cells)
    faults: list[tuple[str, str, str]] = []
    if not texts["姓名"]:
        faults.append(("姓名", "name_missing", "姓名未填写"))
    document = (
        ID_AS_NUMBER
        if lost_digits(cells["证件号码"])
        else listed_document(texts["证件号码"], texts.get("证件类型", ""), today=today)
    )
    if isinstance(document, DocumentFault):
        faults.append(("证件号码", document.code, document.message))
    vaccine = vaccines.get(texts["疫苗"]) or vaccines.get(texts["疫苗"].upper())
    if vaccine is None:
        faults.append(("疫苗", *absent_or(texts["疫苗"], "vaccine", "疫苗", "不在目录中，应填目录里的名称或代码")))
    given = day_of(cells["接种日期"])
    if given is None:
        faults.append(("接种日期", *absent_or(texts["接种日期"], "day", "接种日期", "应为 2020-01-02 这样的日期")))
    elif given > today:
        faults.append(("接种日期", "day_future", "接种日期晚于今天"))
    elif given < EARLIEST or (not isinstance(document, DocumentFault) and _before_birth(given, document.birth_date)):
        faults.append(("接种日期", "day_before_birth", "接种日期早于出生日期"))
    more, wrong = _details(cells, texts)
    faults += wrong
    if faults or given is None or vaccine is None or isinstance(document, DocumentFault):
        return [RowError(number, *fault) for fault in faults]
    return ReportedDose(number, texts["姓名"], document.document_type, document.number, vaccine, given, **more)


def _before_birth(given: date, born: date | None) -> bool:
    return born is not None and given < born


def _details(cells: Cells, texts: dict[str, str]) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """What a row says beyond the needed, by field, and what is wrong with it."""
    faults: list[tuple[str, str, str]] = []
    found: dict[str, Any] = {}
    dose = texts.get("剂次", "").removeprefix("第").removesuffix("剂").removesuffix("针")
    if dose and not (dose.isdecimal() and 1 <= int(dose) <= 20):
        faults.append(("剂次", "dose_malformed", "剂次应为 1 至 20 的整数"))
    elif dose:
        found["dose_recorded"] = int(dose)
    code = texts.get("追溯码", "")
    if code and lost_digits(cells["追溯码"]):
        faults.append(("追溯码", "code_as_number", "追溯码被存成了数字，末几位已丢失：请把该列设为文本后重新填写"))
    elif code and not TRACING_CODE.fullmatch(code):
        faults.append(("追溯码", "code_malformed", "追溯码应为 20 位数字"))
    elif code:
        found["tracing_code"] = code
    for column, field, known in (("接种部位", "site", _SITES), ("接种途径", "route", _ROUTES)):
        text = texts.get(column, "")
        if text and known.get(text, known.get(text.upper())) is None:
            faults.append((column, f"{field}_unknown", f"{column}不认识，请填写如“{next(iter(_labels(field)))}”的名称"))
        elif text:
            found[field] = known.get(text, known.get(text.upper()))
    fields = {"批号": "lot", "生产企业": "manufacturer", "接种单位": "place", "接种人员": "vaccinator"}
    for column, field in fields.items():
        text = texts.get(column, "")
        if len(text) > _LENGTHS[column]:
            faults.append((column, f"{field}_too_long", f"{column}超过 {_LENGTHS[column]} 个字"))
        elif text:
            found[field] = text
    return found, faults


def _labels(field: str) -> list[str]:
    return [*(SITES if field == "site" else ROUTES).values()]
