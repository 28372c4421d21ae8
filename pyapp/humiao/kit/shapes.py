"""What members of requests and answers look like: text, whole numbers, dates and times, said once.

Nothing is guessed on the way in: `true` and "5" are no numbers, a number is no date, a time bears its offset. Dates and
times stay within centuries in which their arithmetic cannot overflow.
"""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict

from humiao.errors import CITY_ZONE


def _plain(text: Any) -> Any:
    """Refuse control characters, lone surrogates and bidirectional overrides; trim the ends, before lengths count."""
    if not isinstance(text, str):
        return text
    if any(unicodedata.category(c) in ("Cc", "Cs", "Cf", "Co") for c in text):
        raise ValueError("不能包含控制字符")
    return text.strip()


PlainText = Annotated[str, BeforeValidator(_plain)]
Whole = Annotated[int, Strict()]
DatabaseId = Annotated[int, Strict(), Field(ge=1, le=2**63 - 1)]


def _one_spelling(text: Any) -> Any:
    if isinstance(text, str) and not re.fullmatch("[1-9][0-9]*", text):
        raise ValueError("编号格式不正确")
    return text


# Out of a path, where everything is text; "+7", "007" and "7.0" are no other spellings of 7, but nothing.
PathId = Annotated[int, BeforeValidator(_one_spelling), Field(ge=1, le=2**63 - 1)]


def _city_time(value: datetime) -> str:
    return value.astimezone(CITY_ZONE).isoformat()


CityTime = Annotated[datetime, PlainSerializer(_city_time, return_type=str)]


def _offset_bearing(value: Any) -> Any:
    if not isinstance(value, datetime) and not re.search(r"(Z|[+-]\d\d:\d\d)$", str(value)):
        raise ValueError("时间必须带时区，例如 2026-11-24T09:00:00+08:00")
    return value


def _date_text(value: Any) -> Any:
    if not isinstance(value, date) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
        raise ValueError("日期格式应为 YYYY-MM-DD")
    return value


def _within_centuries(value: Any) -> Any:
    if not 1800 <= value.year < 2200:
        raise ValueError("日期超出可填范围")
    return value


InputTime = Annotated[datetime, BeforeValidator(_offset_bearing), AfterValidator(_within_centuries)]
InputDate = Annotated[date, BeforeValidator(_date_text), AfterValidator(_within_centuries)]


class StrictModel(BaseModel):
    """What comes in: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What goes out: only the members that are declared."""

    model_config = ConfigDict(frozen=True)
