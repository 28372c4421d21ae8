"""The vaccine catalogue as residents read it."""

import re
from typing import Any

from humiao.kit.database import Database
from humiao.kit.sql import statement

KIND_LABELS = {
    "nip": "免疫规划",
    "nip_alternative": "免疫规划（替代）",
    "local": "上海免费",
    "non_programme": "自费",
    "passive_antibody": "被动免疫制剂",
}
UNITS = {"D": "天", "W": "周", "M": "月龄", "Y": "岁"}


def age_words(duration: str) -> str:
    """P8M -> 8月龄, P13Y -> 13岁, P1Y6M -> 1岁6月龄, P0D -> 出生. ISO 8601 durations of the programme data."""
    parts = [(int(n), unit) for n, unit in re.findall(r"(\d+)([DWMY])", duration)]
    return "".join(f"{n}{UNITS[unit]}" for n, unit in parts if n) or "出生"


def age_label(min_age: str | None, max_age_exclusive: str | None) -> str:
    """The age range in words, e.g. 9岁起，未满46岁."""
    words = [f"{age_words(min_age)}起"] if min_age else []
    if max_age_exclusive:
        words.append(f"未满{age_words(max_age_exclusive)}")
    return "，".join(words) or "不限年龄（遵医嘱）"


class VaccinesService:
    """Reads the catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, q: str | None) -> dict[str, Any]:
        """Bookable vaccines, all or those whose name, pinyin, initials or code match."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("vaccines/list_vaccines"), (q or "").lower())
        return {
            "items": [
                {
                    **{k: row[k] for k in ("vaccine_code", "name_en", "kind", "series", "sex", "min_age")},
                    "name": row["name_zh"],
                    "kind_label": KIND_LABELS.get(row["kind"], row["kind"]),
                    "max_age_exclusive": row["max_age_exclusive"],
                    "age_label": age_label(row["min_age"], row["max_age_exclusive"]),
                    "free_of_charge": bool(row["products"]) and all(p["price_fen"] == 0 for p in row["products"]),
                    "products": row["products"],
                }
                for row in rows
            ]
        }
