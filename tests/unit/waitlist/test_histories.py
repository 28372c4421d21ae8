"""Generated histories against a model of a few lines: the same people wait, are offered, and end, in the same order.

The law of leaving is in each step: whoever ends changes their own place and nobody else's.
"""

import math
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from humiao.waitlist.audit import audit
from tests.factories import make_residents
from tests.unit.waitlist.conftest import Town
from tests.waitlists import bring_doses, end_hold, enter, leave_over, make_campaign, one_round

HISTORIES, STEPS, PEOPLE = 40, 30, 14
DISTRICTS = ["310104", "310105", "310151"]
ENDINGS = {"confirmed": "accepted", "released": "declined", "expired": "expired"}


@dataclass
class Model:
    """Who waits where: (tier, arrival) of each entry, the clinics it wants, its state; doses left of each release."""

    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    clinics: dict[int, list[int]] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    doses: dict[int, int] = field(default_factory=dict)
    where: dict[int, int] = field(default_factory=dict)  # release: clinic
    took: dict[int, int] = field(default_factory=dict)  # entry: release
    leftovers: dict[int, dict[str, int]] = field(default_factory=dict)  # release: whole km from each district
    standby: dict[int, str | None] = field(default_factory=dict)
    asked: set[tuple[int, int]] = field(default_factory=set)  # (entry, release of leftovers)

    def join(self, entry: int, tier: int, clinics: list[int]) -> None:
        self.places[entry] = (tier, len(self.places))
        self.clinics[entry], self.states[entry], self.standby[entry] = clinics, "waiting", None

    def line(self, release: int) -> list[int]:
        """Who is asked for doses of a release, in turn: all, or of leftovers the willing, the nearest first."""
        if release not in self.leftovers:
            return sorted(self.places, key=self.places.__getitem__)
        willing = [one for one in self.places if self.standby[one] and (one, release) not in self.asked]
        return sorted(willing, key=lambda one: (self.leftovers[release][str(self.standby[one])], self.places[one]))

    def round(self, release: int) -> None:
        """The first that want this clinic get what there is."""
        for entry in self.line(release):
            wants = not self.clinics[entry] or self.where[release] in self.clinics[entry]
            if self.doses[release] and self.states[entry] == "waiting" and wants:
                self.states[entry], self.took[entry] = "offered", release
                self.doses[release] -= 1
                self.asked.add((entry, release))

    def end(self, entry: int, state: str) -> None:
        self.states[entry] = state
        if state != "accepted" and entry in self.took:
            release = self.took.pop(entry)
            self.doses[release] += 1
            if release in self.leftovers and state in ("declined", "expired"):
                self.states[entry] = "waiting"


def km_between(row: Any) -> int:
    """Whole km along the great circle, by the law of cosines: another formula than the schema's."""
    here, there = math.radians(row["latitude"]), math.radians(row["to_latitude"])
    apart = math.radians(row["to_longitude"] - row["longitude"])
    cosine = math.sin(here) * math.sin(there) + math.cos(here) * math.cos(there) * math.cos(apart)
    return round(6371 * math.acos(min(1.0, cosine)))


class History:
    """One history in a campaign of its own."""

    def __init__(self, town: Town, chance: random.Random) -> None:
        self._town, self._chance, self._model = town, chance, Model()
        self._campaign = 0
        self._people: list[Any] = []

    async def begin(self) -> None:
        """A campaign with two clinics and people who might come."""
        self._campaign = await make_campaign(self._town.connection)
        self._people = await make_residents(self._town.connection, self._town.vault, PEOPLE)
        for _ in range(2):
            doses = self._chance.randrange(1, 5)
            release, world = await bring_doses(self._town.connection, self._campaign, doses, windows=2, capacity=doses)
            self._model.doses[release], self._model.where[release] = doses, world.clinic_id
        await self._leave_over(world.clinic_id, self._chance.randrange(1, 4))

    async def _leave_over(self, clinic: int, doses: int) -> None:
        """Doses left at one of the two clinics."""
        connection = self._town.connection
        release = await leave_over(connection, self._campaign, doses, clinic_id=clinic)
        rows = await connection.fetch(
            """SELECT d.district_code, d.latitude, d.longitude, k.latitude AS to_latitude, k.longitude AS to_longitude
               FROM districts d, clinics k WHERE d.district_code = ANY ($1) AND k.clinic_id = $2""",
            DISTRICTS, clinic,
        )  # fmt: skip
        self._model.doses[release], self._model.where[release] = doses, clinic
        self._model.leftovers[release] = {row["district_code"]: km_between(row) for row in rows}

    def _one_that_is(self, *states: str) -> int | None:
        found = [entry for entry, state in self._model.states.items() if state in states]
        return self._chance.choice(found) if found else None

    def _some_clinics(self) -> list[int]:
        known = list(self._model.where.values())
        return self._chance.choice([[], [], known[:1], known[1:], known])

    async def step(self) -> str:
        """Something happens, to the ledger and to the model."""
        what = self._chance.choice(
            ["join", "join", "round", "round", "answer", "answer", "leave", "choose", "cancel", "willing"]
        )
        await getattr(self, f"_{what}")()
        return what

    async def _join(self) -> None:
        if self._people:
            tier, clinics = self._chance.randrange(3), self._some_clinics()
            entry = await enter(self._town.connection, self._campaign, self._people.pop(), tier=tier, clinics=clinics)
            self._model.join(entry, tier, clinics)

    async def _round(self) -> None:
        release = self._chance.choice(list(self._model.doses))
        await one_round(self._town.database, release, self._campaign)
        self._model.round(release)

    async def _hold_of(self, entry: int) -> Any:
        return await self._town.connection.fetchval(
            "SELECT offer_id FROM offers WHERE entry_id = $1 ORDER BY made_at DESC LIMIT 1", entry
        )

    async def _answer(self) -> None:
        if entry := self._one_that_is("offered"):
            ending = self._chance.choice(list(ENDINGS))
            await end_hold(self._town.connection, await self._hold_of(entry), ending)
            self._model.end(entry, ENDINGS[ending])

    async def _leave(self) -> None:
        if entry := self._one_that_is("waiting", "offered"):
            if self._model.states[entry] == "offered":
                await end_hold(self._town.connection, await self._hold_of(entry), "released", "withdrawn")
            else:
                await self._town.connection.execute(
                    "UPDATE waitlist_entries SET state = 'withdrawn', ended_at = now() WHERE entry_id = $1", entry
                )
            self._model.end(entry, "withdrawn")

    async def _choose(self) -> None:
        if entry := self._one_that_is("waiting"):
            self._model.clinics[entry] = clinics = self._some_clinics()
            await self._town.connection.execute(
                "UPDATE waitlist_entries SET clinics = $2 WHERE entry_id = $1", entry, clinics
            )

    async def _willing(self) -> None:
        if entry := self._one_that_is("waiting"):
            self._model.standby[entry] = district = self._chance.choice([*DISTRICTS, None])
            await self._town.connection.execute(
                "UPDATE waitlist_entries SET standby_district = $2 WHERE entry_id = $1", entry, district
            )

    async def _cancel(self) -> None:
        if entry := self._one_that_is("accepted"):
            await end_hold(self._town.connection, await self._hold_of(entry), "cancelled")
            self._model.end(entry, "withdrawn")

    async def compare(self, where: str) -> None:
        """The ledger says what the model says: order, states, doses."""
        rows = await self._town.connection.fetch(
            "SELECT entry_id, state FROM waitlist_entries WHERE campaign_id = $1 ORDER BY place", self._campaign
        )
        in_order = sorted(self._model.places, key=self._model.places.__getitem__)
        assert [(row["entry_id"], row["state"]) for row in rows] == [
            (entry, self._model.states[entry]) for entry in in_order
        ], where
        left = await self._town.connection.fetch(
            """SELECT r.release_id, r.doses - count(o.offer_id) FILTER (WHERE o.takes_dose) AS left
               FROM campaign_releases r LEFT JOIN offers o USING (release_id) WHERE r.campaign_id = $1
               GROUP BY r.release_id""",
            self._campaign,
        )
        assert {row["release_id"]: row["left"] for row in left} == self._model.doses, where


async def test_the_ledger_does_what_the_model_says(town: Town) -> None:
    seed = random.SystemRandom().randrange(2**32)
    seen: set[str] = set()
    for number in range(HISTORIES):
        history = History(town, random.Random(seed + number))
        await history.begin()
        for step in range(STEPS):
            what = await history.step()
            await history.compare(f"seed {seed + number}, step {step}: {what}")
            seen.update(history._model.states.values())
    assert await town.connection.fetchval("SELECT count(*) FROM offers WHERE standby"), "leftovers were offered"
    assert seen == {"waiting", "offered", "accepted", "declined", "expired", "withdrawn"}
    report = await audit(town.connection)
    assert report.sound, report.findings


async def test_the_model_can_disagree(town: Town) -> None:
    """The control: without the schema's order the same comparison fails."""
    history = History(town, random.Random(1))
    await history.begin()
    for _ in range(3):
        await history._join()
    await history.compare("before")
    await town.connection.execute("ALTER TABLE waitlist_entries DISABLE TRIGGER waitlist_entry_changes")
    try:
        await town.connection.execute(
            """UPDATE waitlist_entries SET tier = 200
               WHERE place = (SELECT min(place) FROM waitlist_entries WHERE campaign_id = $1)""",
            history._campaign,
        )
        with pytest.raises(AssertionError):
            await history.compare("after")
    finally:
        await town.connection.execute("ALTER TABLE waitlist_entries ENABLE TRIGGER waitlist_entry_changes")
