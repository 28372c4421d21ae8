"""Class lists as schools send them, made for the tests."""

import io
import random
from datetime import date, timedelta
from typing import Any

import openpyxl

from humiao.residents.documents import check_character

HEADER = ("姓名", "性别", "出生日期", "证件号码", "班级")
FIRST_BIRTH = date(2022, 1, 1)


def id_number(born: date, sequence: int) -> str:
    first = f"310104{born:%Y%m%d}{sequence:03d}"
    return first + check_character(first)


def good_rows(count: int, seed: int = 1) -> list[list[Any]]:
    """Children with different ID numbers; dates written in every way that is understood."""
    chance = random.Random(seed)
    rows: list[list[Any]] = []
    for i in range(count):
        born = FIRST_BIRTH + timedelta(days=i // 900)
        sequence = i % 900 + 1
        shapes: list[Any] = [born, f"{born:%Y-%m-%d}", f"{born.year}/{born.month}/{born.day}",
                             f"{born.year}年{born.month}月{born.day}日"]  # fmt: skip
        sex = "男" if sequence % 2 else "女"
        rows.append(
            [f"王小{'明红强丽'[i % 4]}", sex, chance.choice(shapes), id_number(born, sequence), f"小{i % 9 + 1}班"]
        )
    return rows


def xlsx(rows: list[list[Any]], header: tuple[Any, ...] = HEADER, before: tuple[list[Any], ...] = ()) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (*before, list(header), *rows):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
