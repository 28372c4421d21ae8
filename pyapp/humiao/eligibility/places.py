"""Where a window is and what a stock holds, for checking a pass. Neither ever changes, so both are remembered."""

import asyncio
from dataclasses import dataclass, field
from datetime import date

from humiao.kit.database import Database
from humiao.kit.sql import statement

KNOWN_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Place:
    """The clinic and the day of a window and the vaccine of a stock; None for what does not exist."""

    clinic_id: int | None
    vaccine_code: str | None
    day: date | None = field(default=None, compare=False)  # follows from the window


class Places:
    """Remembers; at the opening second everybody asks for the same place, and it is looked up once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[int, int], Place] = {}
        self._asked: dict[tuple[int, int], asyncio.Task[Place]] = {}

    async def of(self, window_id: int, stock_id: int) -> Place:
        """The place of a hold. What does not exist yet is looked up again the next time."""
        pair = window_id, stock_id
        known = self._known.get(pair)
        if known is not None:
            return known
        asked = self._asked.get(pair)
        if asked is None:
            asked = self._asked[pair] = asyncio.create_task(self._look(pair))
            asked.add_done_callback(lambda _: self._asked.pop(pair))
        return await asyncio.shield(asked)

    async def _look(self, pair: tuple[int, int]) -> Place:
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("eligibility/place"), *pair)
            day = await connection.fetchval(statement("eligibility/window_day"), pair[0])
        place = Place(row["clinic_id"], row["vaccine_code"], day)
        if place.clinic_id is not None and place.vaccine_code is not None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[pair] = place
        return place
