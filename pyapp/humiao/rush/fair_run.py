"""Runs the openings of a fairness rehearsal against the city of a home, one after another."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypeVar
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

Opening = Literal["plain", "room", "draw"]
OPENINGS: tuple[Opening, ...] = ("plain", "room", "draw")
LEAD_S = 5  # before an opening: a room that is switched on is enforced three seconds later
LATE_S = 0.5  # people come until so long after it
ENTRIES_PER_S = 40  # registrations that two cores take, scripts' repeats among them
PATIENCE_S = 120.0
BORN = date(1990, 1, 1)  # as rush/make_residents.sql writes
REASON = "演练"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Terms:
    """How large, and how it is played. `think` scales the 0.5 to 3 s that people think before every step."""

    scripts: int = 1000
    humans: int = 1000
    places: int = 300
    per_minute: int = 900  # let in by the room
    think: float = 0.5
    drawn: bool = True  # False for a control: whoever joins or registers first is first


class City:
    """What a rehearsal needs of a running city: its database, its keys, and two administrators of its own."""

    def __init__(self, settings: Settings, url: str, keys: Keys, connection: Any, staff: Sequence[Staff]) -> None:
        self.settings, self.url, self.keys, self.connection, self.staff = settings, url, keys, connection, staff


@asynccontextmanager
async def at_city(settings: Settings, url: str) -> AsyncIterator[City]:
    """The city, with administrators who are dismissed at the end."""
    connection = await asyncpg.connect(settings.database_url)
    staff: list[Staff] = []
    try:
        for _ in range(2):
            staff_id = await connection.fetchval(statement("rush/make_administrator"), uuid4().hex[:12])
            staff.append(Staff(staff_id, uuid4(), "city_admin", None, None))
        yield City(settings, url, load_keys(settings.keys_path), connection, staff)
    finally:
        for one in staff:
            await connection.execute(statement("rush/dismiss_clerk"), one.staff_id)
        await connection.close()


@asynccontextmanager
async def _services(city: City) -> AsyncIterator[tuple[RoomsService, CampaignsService]]:
    """The city's side, in this process as in an API process that residents do not crowd."""
    database = await Database.connect(str(city.settings.database_url), connections=2)
    gatekeeper = Gatekeeper(str(city.settings.redis_url), database, permit_ttl_ms=city.settings.permit_ttl_ms)
    vault = city.keys.vault()
    tokens = Tokens(city.keys.token_keys, ttl_s=3600, generations=await read_generations(city.connection))
    try:
        yield RoomsService(database, tokens, vault), CampaignsService(database, vault, Ranks(gatekeeper.admitter))
    finally:
        await gatekeeper.close()
        await database.close()


async def rehearse_fairness(
    settings: Settings, url: str, terms: Terms, openings: Sequence[Opening] = OPENINGS,
    on_opening: Callable[[Opening], None] = lambda _: None,
) -> list[Outcome]:  # fmt: skip
    """Both crowds through each opening; the outcomes in this order."""
    outcomes = []
    async with at_city(settings, url) as city:
        for opening in openings:
            on_opening(opening)
            outcomes.append(await live_through(city, opening, terms))
    return outcomes


async def live_through(city: City, opening: Opening, terms: Terms) -> Outcome:
    """One opening with people, a clinic and places of its own."""
    people = await make_people(city.connection, city.keys.vault(), terms.scripts + terms.humans)
    scripts, humans = Crowd("scripts", people[: terms.scripts]), Crowd("humans", people[terms.scripts :])
    opens_at = (datetime.now(UTC) + timedelta(seconds=LEAD_S + 1)).replace(microsecond=0)
    channel = "campaign" if opening == "draw" else "h5"
    row = await city.connection.fetchrow(
        statement("rush/make_session"), terms.places, datetime.now(UTC) + timedelta(days=1), os.urandom(4).hex(),
        channel, opens_at if opening != "draw" else None,
    )  # fmt: skip
    goal = Goal(row["session_id"], row["window_id"], row["stock_id"], row["vaccine_code"])
    tokens = Tokens(city.keys.token_keys, ttl_s=3600, generations=await read_generations(city.connection))
    shown = signed(tokens, people, goal.vaccine_code)
    ground = Ground(city.url, goal, shown, places=terms.places, opens_at=opens_at, think=terms.think)
    began = time.monotonic()
    async with _services(city) as (rooms, campaigns):
        if opening == "plain":
            plain = Plain(ground, spread_over(humans.people, opens_at, LEAD_S, LATE_S))
            await ground.run([(scripts, plain.script), (humans, plain.human)], PATIENCE_S)
        elif opening == "room":
            await _through_room(city, rooms, ground, terms, scripts, humans)
        else:
            await _through_draw(city, campaigns, ground, terms, scripts, humans)
    seconds = time.monotonic() - began
    told = scripts.told | humans.told
    violations = await audit_ledger(city.connection, goal.session_id, told)
    violations["cache_differs"] = await audit_cache(city.settings, city.connection, goal.session_id)
    return Outcome(
        opening, len(people), terms.scripts, terms.places, len(scripts.told), len(humans.told), scripts.requests,
        humans.requests, violations, seconds, scripts.answers, humans.answers,
    )  # fmt: skip


async def _through_room(
    city: City, rooms: RoomsService, ground: Ground, terms: Terms, scripts: Crowd, humans: Crowd
) -> None:
    # A control has no draw: the room has opened before anybody comes, and whoever joins first is first.
    opens_at = ground.opens_at if terms.drawn else ground.opens_at - timedelta(seconds=LEAD_S + 2)
    asked = RoomInput(
        scope="session", title=REASON, session_ids=[ground.goal.session_id], opens_at=opens_at,
        rate_per_minute=terms.per_minute,
    )  # fmt: skip
    opened: dict[str, Any] = _told(await rooms.open(city.staff[0], asked, uuid4().hex))
    room = Room(ground, spread_over(humans.people, ground.opens_at, LEAD_S, LATE_S), opened["room_id"])
    try:
        await ground.run([(scripts, room.script), (humans, room.human)], PATIENCE_S)
    finally:
        closing = RoomChange(state="closed", reason=REASON)
        _told(await rooms.change(city.staff[0], opened["room_id"], closing, uuid4().hex))


async def _through_draw(
    city: City, campaigns: CampaignsService, ground: Ground, terms: Terms, scripts: Crowd, humans: Crowd
) -> None:
    registration_s = max(3, (terms.scripts + terms.humans) // ENTRIES_PER_S)
    opens_at = (datetime.now(UTC) + timedelta(seconds=1)).replace(microsecond=0)
    closes_at = opens_at + timedelta(seconds=registration_s)
    day = datetime.now(CITY_ZONE).date()
    months = (day.year - BORN.year) * 12 + day.month - BORN.month
    asked = CampaignInput(
        title=REASON, vaccine_code=ground.goal.vaccine_code, mode="draw" if terms.drawn else "queue",
        opens_at=opens_at, closes_at=closes_at, eligible=GroupInput(from_months=months, below_months=months + 1),
        entropy_rule="演练：截止后产生的随机数" if terms.drawn else None,
    )  # fmt: skip
    boss = city.staff[0]
    campaign_id = _told(await campaigns.create(boss, asked, uuid4().hex))["campaign_id"]
    _told(await campaigns.publish(boss, campaign_id, uuid4().hex))
    draw = Draw(ground, spread_over(humans.people, opens_at, 0.0, registration_s / 2), campaign_id)
    city_side = asyncio.create_task(_draw_and_offer(city, campaigns, ground, terms, campaign_id, closes_at, draw))
    try:
        await ground.run([(scripts, draw.script), (humans, draw.human)], registration_s + PATIENCE_S)
        await city_side
    finally:
        city_side.cancel()
        await campaigns.end(boss, campaign_id, REASON, uuid4().hex)


async def _draw_and_offer(
    city: City, campaigns: CampaignsService, ground: Ground, terms: Terms, campaign_id: int, closes_at: datetime,
    draw: Draw,
) -> None:  # fmt: skip
    """The city's side: close, draw by two officers, bring doses, tell who is offered one."""
    await asyncio.sleep((closes_at - datetime.now(UTC)).total_seconds() + 0.05)
    _told(await campaigns.close(city.staff[0], campaign_id, REASON, uuid4().hex))
    if terms.drawn:
        value = os.urandom(16).hex()
        for officer in city.staff:
            _told(await campaigns.read_entropy(officer, campaign_id, value, uuid4().hex))
    doses = ReleaseInput(stock_id=ground.goal.stock_id, doses=terms.places)
    _told(await campaigns.release(city.staff[0], campaign_id, doses, uuid4().hex))
    while not ground.over.is_set():
        for row in await city.connection.fetch(statement("rush/open_offers"), campaign_id):
            draw.message(row["person_id"], row["offer_id"])
        await ground.wait(0.2)


def _told(answer: Any) -> Any:
    return unwrap(answer)
