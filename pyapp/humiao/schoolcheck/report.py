"""Writes the verdicts of a class list as xlsx, for the school. Pure. Names and numbers are masked."""

import io
from collections.abc import Sequence
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell

from humiao.kit.masking import mask_document, mask_name
from humiao.schoolcheck.service import RESULTS, Checked
from humiao.schoolcheck.verdict import Verdict

TITLES = ("行号", "班级", "姓名", "证件号码", "结果", "缺种剂次", "说明", "补种计划", "复验期限", "规则版本")
WIDTHS = (6, 12, 12, 22, 10, 36, 60, 60, 12, 16)


def verdicts_xlsx(checked: Sequence[Checked]) -> bytes:
    """One row a child, in the order of the list."""
    return rows_xlsx([_row(one) for one in checked])


def rows_xlsx(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows below TITLES."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("查验结果")
    for i, width in enumerate(WIDTHS):
        sheet.column_dimensions[openpyxl.utils.get_column_letter(i + 1)].width = width
    sheet.freeze_panes = "A2"
    sheet.append(TITLES)
    for row in rows:
        sheet.append([_plain(sheet, value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(sheet: Any, value: object) -> Any:
    """A cell that is text whatever it begins with: what a school typed becomes no formula for the next reader."""
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def _row(one: Checked) -> tuple[object, ...]:
    child, verdict = one.child, one.verdict
    known = (child.row, child.class_name, mask_name(child.name), mask_document(child.document_number))
    if not isinstance(verdict, Verdict):
        return (*known, RESULTS[one.result], "", one.text_zh, "", None, "")
    missing = "、".join(f"{dose.series_name}第{dose.number}剂" for dose in verdict.missing)
    plan = "；".join(f"{dose.planned_on} {dose.vaccine_name}（{dose.rule_id}）" for dose in verdict.missing)
    return (*known, RESULTS[one.result], missing, one.text_zh, plan, verdict.recheck_by, verdict.edition_id)
