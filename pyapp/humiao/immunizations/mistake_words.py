"""Mistakes of programme data in Chinese, for the clerk who writes a draft. Pure.

The reader names them in English, as the data are written. A phrase that is not in the table stays as it is: a line and
an English word are better than a smooth sentence that hides what is wrong.
"""

import re

_PHRASES = [
    (r"not YAML: (.*)", r"不是有效的 YAML（\1）"),
    (r"the document is empty", "内容是空的"),
    (r"the document", "全文"),
    (r"is not a duration of years, months and days: (.*)", r"不是时长，应写成 P9M、P1Y6M、P28D 这样：\1"),
    (r"is longer than anybody lives: (.*)", r"超过人的寿命：\1"),
    (r"must be a mapping", "应为“键: 值”"),
    (r"must be a list with at least one item", "应为至少有一项的列表"),
    (r"must be a single value", "应为单个值"),
    (r"must be a text, not (.*)", r"应为文本，而不是 \1"),
    (r"must be a whole number (\S+) to (\S+), not (.*)", r"应为 \1 到 \2 的整数，而不是 \3"),
    (r"must be true or false, not (.*)", r"应为 true 或 false，而不是 \1"),
    (r"must be a date like 2026-06-17, not (.*)", r"应为 2026-06-17 这样的日期，而不是 \1"),
    (r"is none of (.*)", r"不在可选范围内：\1"),
    (r"names something twice: (.*)", r"重复列出：\1"),
    (r"a key must be a single value", "键应为单个值"),
    (r"(\S+) stands twice", r"\1 出现了两次"),
    (r"(\S+) is missing", r"缺少 \1"),
    (r"(\S+) is not known here", r"\1 在这里不认识，请检查拼写"),
    (r"is not one of the sources", "不在来源列表中"),
    (r"is not one of the vaccines", "不在疫苗列表中"),
    (r"is not a vaccine of the series (\S+)", r"不是系列 \1 的疫苗"),
    (r"is not what this engine does \((.*)\)", r"不是本系统的做法（\1）"),
    (r"must name one gap like (\S+)", r"应写成 \1 这样的间隔"),
    (r"id is used twice", "编号重复"),
    (r"is used twice", "重复使用"),
    (r"must have CO-2 \(live vaccines\) and CO-6 \(blood products\)", "须包含 CO-2（减毒活疫苗）和 CO-6（血液制品）"),
    (r"must be exactly (.*)", r"须正好是 \1"),
    (r"listed twice", "重复列出"),
    (r"does not fit technology (.*)", r"与 technology \1 不符"),
    (r"(\S+) is not above (\S+) (\S+)", r"\1 应大于 \2 的 \3"),
    (r"is not one of its series", "不是它的系列"),
    (r"the series (\S+) is not described", r"系列 \1 没有写明"),
    (r"is not a rule of this series", "不是本系列的规则"),
    (r"is not a series described before this one", "不是在此之前写明的系列"),
    (r"is in force on the same days as (\S+)", r"与 \1 在同一时期有效"),
    (r"(\S+) and (\S+) are in force on the same day", r"\1 与 \2 在同一天有效"),
    (r"(\S+) is before (effective_from|born_from) (\S+)", r"\1 早于 \2 的 \3"),
    (r"no version is in force between (\S+) and (\S+)", r"\1 与 \2 之间没有有效的版本"),
    (r"must be (\d+): doses are numbered in order", r"应为 \1：剂次按顺序编号"),
    (r"min_age is below that of the dose before", "min_age 小于前一剂的"),
    (r"asks for a dose before the first", "要求的剂次早于第一剂"),
    (r"must be longer than nothing", "应大于零"),
    (r"nobody is old enough \((\S+)\) and young enough \((\S+)\)", r"没有人同时满足年龄下限（\1）和上限（\2）"),
    (r"must name the number of an earlier dose", "应写在此之前的剂次编号"),
    (r"must name the number of a dose", "应写剂次编号"),
    (r"must name a dose of a series described before, like (\S+)", r"应写此前系列的某一剂，如 \1"),
    (r"is not understood: ", "无法理解："),
    (r"says neither a status nor which doses to give", "既没有写状态，也没有写接种哪些剂次"),
    (r"is in no vaccine of the series", "不在本系列任何疫苗中"),
    (r"not a comparison: (.*)", r"不是比较式：\1"),
    (r"(\S+) is compared with < or >=, not (\S+)", r"\1 只能用 < 或 >= 比较，不能用 \2"),
    (r"(\S+) is compared to a whole number, not (.*)", r"\1 只能与整数比较，而不是 \2"),
    (r"no (\S+) is (\S+) or above and below (\S+)", r"没有 \1 同时不小于 \2 又小于 \3"),
]
_TABLE = [(re.compile(pattern), told) for pattern, told in _PHRASES]


def in_chinese(problem: str) -> str:
    """A mistake in Chinese; names, values and rule ids stay as they are written in the data."""
    for pattern, told in _TABLE:
        problem = pattern.sub(told, problem, count=1)
    return problem
