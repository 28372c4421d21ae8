"""Quiet hours: when no reminder is sent, on the city's clock. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from humiao.errors import CITY_ZONE


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one full hour (0-23) to another, over midnight where the first is the later; the same twice: never quiet."""

    from_hour: int = 21
    until_hour: int = 8

    def after(self, instant: datetime) -> datetime:
        """Return the instant itself, or the end of the quiet hours that it falls in; it must know its offset."""
        local = instant.astimezone(CITY_ZONE)
        since = (local.hour - self.from_hour) % 24
        if since >= (self.until_hour - self.from_hour) % 24:
            return instant
        begun = local.replace(minute=0, second=0, microsecond=0) - timedelta(hours=since)
        return begun + timedelta(hours=(self.until_hour - self.from_hour) % 24)
