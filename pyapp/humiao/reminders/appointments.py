"""Plans the reminders of tomorrow's reservations: a walk over tomorrow's windows, a few hundred at a step."""

from collections.abc import Callable
from datetime import datetime, timedelta

from humiao.errors import CITY_ZONE
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.messaging.quiet import QuietHours

WINDOWS_AT_ONCE = 200


class AppointmentReminder:
    """Walks again and again, so that what is booked today for tomorrow is found as well; each reservation once."""

    def __init__(
        self, database: Database, quiet: QuietHours, *, after: int = 0,
        on_planned: Callable[[str, int], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        """The walk begins behind the window `after`; `on_planned` is told how many were planned, once they are."""
        self._on_planned = on_planned
        self._database = database
        self._quiet = quiet
        self._after = after

    async def step(self, now: datetime | None = None) -> int:
        """Plan for the next windows as of `now` (None: by the database); always returns 0, for there is no hurry."""
        async with self._database.transaction() as connection:
            now = now or await connection.fetchval(statement("kit/now"))
            tomorrow = now.astimezone(CITY_ZONE).date() + timedelta(days=1)
            rows = await connection.fetch(statement("reminders/windows_of_day"), tomorrow, self._after, WINDOWS_AT_ONCE)
            windows = [row["window_id"] for row in rows]
            planned = []
            if windows:
                send_at = self._quiet.after(now)
                planned = await connection.fetch(statement("reminders/plan_appointments"), windows, send_at)
        if planned:
            self._on_planned("appointment", len(planned))
        self._after = windows[-1] if len(windows) == WINDOWS_AT_ONCE else 0
        return 0
