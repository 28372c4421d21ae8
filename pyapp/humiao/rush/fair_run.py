"""Runs the openings of a fairness rehearsal against the city of a home: people, places and administrators of its own.

Residents come in by the gate, over HTTP; the room is kept and offers are made by the city's own worker. Only what staff
do (open the room, publish, close and draw the campaign, bring doses) is called in this process, as in an API process
that residents do not crowd.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import asyncpg

from humiao.auth.generations import read_generations
from humiao.auth.tokens import Staff, Tokens
from humiao.booking.cache import Gatekeeper
from humiao.errors import CITY_ZONE, unwrap
from humiao.kit.database import Database
from humiao.kit.keys import Keys, load_keys
from humiao.kit.sql import statement
from humiao.rooms.schemas import RoomChange, RoomInput
from humiao.rooms.service import RoomsService
from humiao.rush.audit import audit_cache, audit_ledger
from humiao.rush.crowds import Crowd, Ground, spread_over
from humiao.rush.fairness import Outcome
from humiao.rush.openings import Draw, Plain, Room
from humiao.rush.people import make_people, signed
from humiao.rush.residents import Goal
from humiao.settings import Settings
from humiao.waitlist.campaigns import CampaignsService
from humiao.waitlist.ranks import Ranks
from humiao.waitlist.schemas import CampaignInput, GroupInput, ReleaseInput
from humiao.waitlist.terms import age_in_months

Opening = Literal["plain", "room", "draw"]
OPENINGS: tuple[Opening, ...] = ("plain", "room", "draw")
PLAIN_LEAD_S = 3  # people come so long before a plain opening
ENTRIES_S_MIN = 6  # a room that is switched on is enforced three seconds later
LATE_S = 0.5  # people come until so long after an opening
PATIENCE_S = 120.0
BORN = date(1990, 1, 1)  # as rush/make_residents.sql writes
REASON = "演练"


@dataclass(frozen=True)
class Terms:
    """How large, and how it is played. `think` scales the 0.5 to 3 s that people think before every step."""

    scripts: int = 1000
    humans: int = 1000
    places: int = 400
    per_minute: int = 480  # let in by the room; few against the places, see docs/operations/faults.md
    think: float = 0.5
    entries_per_s: int = 60  # people that this machine registers or gives a ticket, with the repeats of scripts
    drawn: bool = True  # False is the control: the campaign goes by who registered first

    @property
    def entries_s(self) -> int:
        """Seconds in which everybody can register or join."""
        return max(ENTRIES_S_MIN, (self.scripts + self.humans) // self.entries_per_s)


@dataclass(frozen=True)
class City:
    """What a rehearsal needs of a running city: its address, its keys, its database, two administrators of its own."""

    settings: Settings
    url: str
    keys: Keys
    connection: Any
    staff: tuple[Staff, ...]

    async def tokens(self) -> Tokens:
        """What signs for residents, for an hour."""
        generations = await read_generations(self.connection)
        return Tokens(self.keys.token_keys, ttl_s=3600, generations=generations)


@dataclass(frozen=True)
class Cast:
    """One opening's people and where they race."""

    terms: Terms
    ground: Ground
    scripts: Crowd
    humans: Crowd


async def rehearse_fairness(
    settings: Settings,
    url: str,
    terms: Terms,
    openings: Sequence[Opening] = OPENINGS,
    on_opening: Callable[[Opening], None] = lambda _: None,
) -> list[Outcome]:
    """Both crowds through one opening after another; the outcomes in this order."""
    outcomes = []
    async with _at_city(settings, url) as city:
        for opening in openings:
            on_opening(opening)
            outcomes.append(await _live_through(city, opening, terms))
    return outcomes


@asynccontextmanager
async def _at_city(settings: Settings, url: str) -> AsyncIterator[City]:
    """The city, with administrators who are dismissed at the end."""
    connection = await asyncpg.connect(settings.database_url)
    staff: list[Staff] = []
    try:
        for _ in range(2):
            staff_id = await connection.fetchval(statement("rush/make_administrator"), uuid4().hex[:12])
            staff.append(Staff(staff_id, uuid4(), "city_admin", None, None))
        yield City(settings, url, load_keys(settings.keys_path), connection, tuple(staff))
    finally:
        for one in staff:
            await connection.execute(statement("rush/dismiss_clerk"), one.staff_id)
        await connection.close()


async def _live_through(city: City, opening: Opening, terms: Terms) -> Outcome:
    cast = await _assemble(city, opening, terms)
    scripts, humans, goal = cast.scripts, cast.humans, cast.ground.goal
    began = time.monotonic()
    if opening == "plain":
        plain = Plain(cast.ground, spread_over(humans.people, cast.ground.opens_at, PLAIN_LEAD_S, LATE_S))
        await cast.ground.run([(scripts, plain.script), (humans, plain.human)], PATIENCE_S)
    elif opening == "room":
        await _through_room(city, cast)
    else:
        await _through_draw(city, cast)
    seconds = time.monotonic() - began
    violations = await audit_ledger(city.connection, goal.session_id, scripts.told | humans.told)
    violations["cache_differs"] = await audit_cache(city.settings, city.connection, goal.session_id)
    return Outcome(
        opening, terms.scripts + terms.humans, terms.scripts, terms.places, len(scripts.told), len(humans.told),
        scripts.requests, humans.requests, violations, seconds, scripts.answers, humans.answers,
    )  # fmt: skip


async def _assemble(city: City, opening: Opening, terms: Terms) -> Cast:
    people = await make_people(city.connection, city.keys.vault(), terms.scripts + terms.humans)
    lead_s = terms.entries_s if opening == "room" else PLAIN_LEAD_S
    opens_at = (datetime.now(UTC) + timedelta(seconds=lead_s + 1)).replace(microsecond=0)
    channel, bookable_from = ("campaign", None) if opening == "draw" else ("h5", opens_at)
    row = await city.connection.fetchrow(
        statement("rush/make_session"),
        terms.places, datetime.now(UTC) + timedelta(days=1), os.urandom(4).hex(), channel, bookable_from,
    )  # fmt: skip
    goal = Goal(row["session_id"], row["window_id"], row["stock_id"], row["vaccine_code"])
    shown = signed(await city.tokens(), people, goal.vaccine_code)
    ground = Ground(city.url, goal, shown, places=terms.places, opens_at=opens_at, think=terms.think)
    return Cast(terms, ground, Crowd("scripts", people[: terms.scripts]), Crowd("humans", people[terms.scripts :]))


async def _through_room(city: City, cast: Cast) -> None:
    ground, boss = cast.ground, city.staff[0]
    database = await Database.connect(str(city.settings.database_url), connections=2)
    try:
        rooms = RoomsService(database, await city.tokens(), city.keys.vault())
        asked = RoomInput(
            scope="session", title=REASON, session_ids=[ground.goal.session_id], opens_at=ground.opens_at,
            rate_per_minute=cast.terms.per_minute,
        )  # fmt: skip
        room_id: int = unwrap(await rooms.open(boss, asked, uuid4().hex))["room_id"]
        room = Room(ground, spread_over(cast.humans.people, ground.opens_at, cast.terms.entries_s, LATE_S), room_id)
        try:
            patience_s = cast.terms.entries_s + 60 * cast.terms.places / cast.terms.per_minute + PATIENCE_S
            await ground.run([(cast.scripts, room.script), (cast.humans, room.human)], patience_s)
        finally:
            unwrap(await rooms.change(boss, room_id, RoomChange(state="closed", reason=REASON), uuid4().hex))
    finally:
        await database.close()


async def _through_draw(city: City, cast: Cast) -> None:
    database = await Database.connect(str(city.settings.database_url), connections=2)
    gatekeeper = Gatekeeper(str(city.settings.redis_url), database, permit_ttl_ms=city.settings.permit_ttl_ms)
    try:
        campaigns = CampaignsService(database, city.keys.vault(), Ranks(gatekeeper.admitter))
        await _hold_campaign(city, cast, campaigns)
    finally:
        await gatekeeper.close()
        await database.close()


async def _hold_campaign(city: City, cast: Cast, campaigns: CampaignsService) -> None:
    """Registration, draw, offers; the campaign is ended, whatever happens."""
    boss, entries_s = city.staff[0], cast.terms.entries_s
    opens_at = (datetime.now(UTC) + timedelta(seconds=1)).replace(microsecond=0)
    asked = _campaign(cast, opens_at, opens_at + timedelta(seconds=entries_s))
    campaign_id: int = unwrap(await campaigns.create(boss, asked, uuid4().hex))["campaign_id"]
    unwrap(await campaigns.publish(boss, campaign_id, uuid4().hex))
    # People read before they register, and nobody leaves it to the last minute.
    draw = Draw(cast.ground, spread_over(cast.humans.people, opens_at, -0.2 * entries_s, 0.6 * entries_s), campaign_id)
    offering = asyncio.create_task(_draw_and_offer(city, cast, campaigns, campaign_id, asked.closes_at, draw))
    try:
        await cast.ground.run([(cast.scripts, draw.script), (cast.humans, draw.human)], entries_s + PATIENCE_S)
        await offering
    finally:
        offering.cancel()
        await campaigns.end(boss, campaign_id, REASON, uuid4().hex)


def of_their_age(day: date) -> GroupInput:
    """Whom a campaign of this day is for: as old as the rehearsal's people are when they register, on `day`, and when
    they come for their dose, the day after. On the last day of a month they are a month older by then.
    """
    return GroupInput(
        from_months=age_in_months(BORN, day), below_months=age_in_months(BORN, day + timedelta(days=1)) + 1
    )


def _campaign(cast: Cast, opens_at: datetime, closes_at: datetime) -> CampaignInput:
    """A campaign that nobody fits but the rehearsal's people and who was born when they were."""
    return CampaignInput(
        title=REASON, vaccine_code=cast.ground.goal.vaccine_code, mode="draw" if cast.terms.drawn else "queue",
        opens_at=opens_at, closes_at=closes_at, eligible=of_their_age(datetime.now(CITY_ZONE).date()),
        entropy_rule="演练：截止后产生的随机数" if cast.terms.drawn else None,
    )  # fmt: skip


async def _draw_and_offer(
    city: City, cast: Cast, campaigns: CampaignsService, campaign_id: int, closes_at: datetime, draw: Draw
) -> None:
    """The city's side: close, draw by two officers, bring doses; then tell whoever is offered one."""
    boss = city.staff[0]
    await asyncio.sleep((closes_at - datetime.now(UTC)).total_seconds() + 0.05)
    unwrap(await campaigns.close(boss, campaign_id, REASON, uuid4().hex))
    if cast.terms.drawn:
        value = os.urandom(16).hex()
        for officer in city.staff:
            unwrap(await campaigns.read_entropy(officer, campaign_id, value, uuid4().hex))
    doses = ReleaseInput(stock_id=cast.ground.goal.stock_id, doses=cast.terms.places)
    unwrap(await campaigns.release(boss, campaign_id, doses, uuid4().hex))
    while not cast.ground.over.is_set():
        for row in await city.connection.fetch(statement("rush/open_offers"), campaign_id):
            draw.message(row["person_id"], row["offer_id"])
        await cast.ground.wait(0.2)
    draw.end()
