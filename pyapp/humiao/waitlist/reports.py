"""The public report of a campaign (投放公报): places, people, who waits, shares by channel, for each release.

Doses and places are told as they are. People are told in steps of five, and fewer than five not at all, so that no
figure is about one person; shares follow from what is told, and from nothing else. A report is read at most every
`keep_s`, however many ask.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.kit.sql import statement

STEP = 5
KEPT_MAX = 1000
CHANNELS = {"h5": "网上", "desk": "门诊现场", "phone": "电话", "school": "学校", "campaign": "登记活动"}


def told(count: int) -> int | None:
    """A count of people as it may be told: in steps of five, rounded down; None: fewer than five, or none."""
    return count // STEP * STEP or None


def shares(taken: dict[str, int]) -> dict[str, int | None]:
    """Of what is told of each channel, its share in whole percent; None where nothing is told of it."""
    counts = {channel: told(count) for channel, count in taken.items()}
    whole = sum(count or 0 for count in counts.values())
    return {channel: None if count is None else round(100 * count / whole) for channel, count in counts.items()}


class ReportsService:
    """What anyone may read, without logging in."""

    def __init__(
        self, database: Database, *, keep_s: float = 20.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._keep_s = keep_s
        self._monotonic = monotonic
        self._kept: dict[int, tuple[float, dict[str, Any]]] = {}
        self._reading = asyncio.Lock()

    async def public(self, campaign_id: int) -> dict[str, Any] | Refusal:
        """The report of a campaign as of some seconds ago; a draft does not exist."""
        if kept := self._fresh(campaign_id):
            return kept
        async with self._reading:  # one reads, the others have what it read
            if kept := self._fresh(campaign_id):
                return kept
            found = await self._read(campaign_id)
            if not isinstance(found, Refusal):
                if len(self._kept) >= KEPT_MAX:
                    self._kept.clear()
                self._kept[campaign_id] = self._monotonic(), found
            return found

    def _fresh(self, campaign_id: int) -> dict[str, Any] | None:
        at, report = self._kept.get(campaign_id, (0.0, None))
        return report if report is not None and self._monotonic() - at < self._keep_s else None

    async def _read(self, campaign_id: int) -> dict[str, Any] | Refusal:
        async with self._database.read() as connection:
            campaign = await connection.fetchrow(statement("waitlist/show_campaign"), campaign_id)
            if campaign is None or campaign["state"] == "draft":
                return Refusal("unknown_campaign")
            counts = await connection.fetchrow(statement("waitlist/public_counts"), campaign_id)
            releases = await connection.fetch(statement("waitlist/public_report"), campaign_id)
            channels = await connection.fetch(statement("waitlist/public_channels"), campaign_id)
        return {
            "campaign_id": campaign_id,
            "title": campaign["title"],
            "vaccine_name": campaign["vaccine_name"],
            "as_of": counts["now"],
            "registered": told(counts["registered"]),
            "waiting": told(counts["waiting"]),
            "releases": [
                _release(row, [one for one in channels if one["release_id"] == row["release_id"]]) for row in releases
            ],
        }


def _release(row: Any, channels: list[Any]) -> dict[str, Any]:
    part = shares({one["channel"]: one["taken"] for one in channels})
    names = ("release_id", "session_date", "clinic_name", "leftover", "doses", "created_at", "last_round_at")
    return {name: row[name] for name in names} | {
        "asked": told(row["asked"]),
        "accepted": told(row["accepted"]),
        "channels": [
            {
                "channel": one["channel"], "label": CHANNELS[one["channel"]], "places": one["places"],
                "taken": told(one["taken"]), "share_percent": part[one["channel"]],
            }
            for one in channels
        ],
    }  # fmt: skip
