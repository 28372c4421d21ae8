"""Finding a clinic: by district, by name or pinyin, by vaccine in stock, by distance; and its windows."""

import base64
import binascii
from datetime import date, timedelta
from typing import Any

from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.kit.sql import statement

DAYS_AHEAD = 14


def _invalid(field: str, message: str) -> Refusal:
    return Refusal("invalid_input", extra={"errors": [{"field": field, "code": "malformed", "message": message}]})


class ClinicsService:
    """Reads clinics and their windows; hidden ones do not exist for residents' lists."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def districts(self) -> dict[str, Any]:
        """All districts in code order."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("clinics/list_districts"))
        return {"items": [dict(row) for row in rows]}

    async def search(
        self,
        *,
        district: str | None,
        vaccine: str | None,
        q: str | None,
        near: tuple[float, float] | None,
        limit: int,
        cursor: str | None,
    ) -> dict[str, Any] | Refusal:
        """A page of clinics. The cursor is an offset: the list is short and changes rarely."""
        offset = 0
        if cursor is not None:
            try:
                offset = int(base64.urlsafe_b64decode(cursor))
            except (ValueError, binascii.Error):
                return _invalid("cursor", "翻页标记不正确")
            if not 0 <= offset <= 10_000:
                return _invalid("cursor", "翻页标记不正确")
        lat, lng = near or (None, None)
        async with self._database.read() as connection:
            rows = await connection.fetch(
                statement("clinics/search_clinics"), district, vaccine, (q or "").lower(), lat, lng, limit + 1, offset
            )
        more = len(rows) > limit
        return {
            "items": [self._item(row) for row in rows[:limit]],
            "next_cursor": base64.urlsafe_b64encode(str(offset + limit).encode()).decode() if more else None,
        }

    @staticmethod
    def _item(row: Any) -> dict[str, Any]:
        return dict(row) | {"location": {"lat": row["latitude"], "lng": row["longitude"]}}

    async def show(self, clinic_id: int) -> dict[str, Any] | Refusal:
        """One clinic with its hours and the vaccines of the coming days."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("clinics/show_clinic"), clinic_id, DAYS_AHEAD)
        return Refusal("unknown_clinic") if row is None else self._item(row)

    async def windows(
        self, clinic_id: int, *, vaccine: str | None, date_from: date | None, date_to: date | None
    ) -> dict[str, Any] | Refusal:
        """Published sessions of a clinic from `date_from` (today) on, at most 14 days."""
        async with self._database.read() as connection:
            head = await connection.fetchrow(statement("clinics/clinic_now"), clinic_id)
            if head is None:
                return Refusal("unknown_clinic")
            first = max(date_from or head["today"], head["today"])
            last = min(date_to or first + timedelta(days=DAYS_AHEAD), first + timedelta(days=DAYS_AHEAD))
            rows = await connection.fetch(statement("clinics/list_windows"), clinic_id, first, last, vaccine)
        return {"clinic_id": clinic_id, "as_of": head["now"], "sessions": [dict(row) for row in rows]}
