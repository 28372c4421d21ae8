"""Small waitlists for tests: a campaign, people who wait in it, doses that arrive."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.waitlist.offers import Round, make_round
from tests.factories import World, make_residents, make_session

VACCINE = "HPV9"
CHANNELS = ("campaign",)


@dataclass(frozen=True)
class Line:
    """A campaign and who waits in it, in order of registration; account and person share an id."""

    campaign_id: int
    people: list[UUID]
    entries: list[int]


async def make_campaign(
    connection: Any,
    *,
    title: str = "测试登记",
    mode: str = "queue",
    vaccine: str = VACCINE,
    tiers: list[dict[str, Any]] | None = None,
    eligible: dict[str, Any] | None = None,
    clinics: list[int] | None = None,
    offer_minutes: int = 60,
    state: str = "published",
    opens_in: timedelta = timedelta(hours=-1),
) -> int:
    """A campaign that takes entries now, written past the API."""
    now = datetime.now(UTC)
    campaign_id: int = await connection.fetchval(
        """INSERT INTO campaigns (title, vaccine_code, mode, state, opens_at, closes_at, clinics, eligible, tiers,
                                  offer_minutes, entropy_rule, created_by)
           VALUES ($10, $1, $2, $3, $4, $5, $6, $7::text::jsonb, $8::text::jsonb, $9,
                   CASE WHEN $2 = 'draw' THEN '公开数值' END, 'sql')
           RETURNING campaign_id""",
        vaccine, mode, state, now + opens_in, now + timedelta(hours=1), clinics or [],
        json.dumps(eligible or {}), json.dumps(tiers or [{"label": "全部登记人"}]), offer_minutes, title,
    )  # fmt: skip
    return campaign_id


async def enter(
    connection: Any, campaign_id: int, person: UUID, *, tier: int = 0, clinics: list[int] | None = None
) -> int:
    """One entry at the end of a tier."""
    entry_id: int = await connection.fetchval(
        """INSERT INTO waitlist_entries (campaign_id, vaccine_code, person_id, account_id, tier, tier_reason, arrival,
                                         clinics, changed_by, changed_from)
           SELECT $1, vaccine_code, $2, $2, $3, '测试', 0, $4, 'sql', 'sql' FROM campaigns WHERE campaign_id = $1
           RETURNING entry_id""",
        campaign_id, person, tier, clinics or [],
    )  # fmt: skip
    return entry_id


async def make_line(connection: Any, vault: Vault, count: int, **terms: Any) -> Line:
    """A campaign with so many who wait, all of one tier, at any clinic."""
    campaign_id = await make_campaign(connection, **terms)
    people = await make_residents(connection, vault, count)
    return Line(campaign_id, people, [await enter(connection, campaign_id, person) for person in people])


async def bring_doses(
    connection: Any, campaign_id: int, doses: int, *, windows: int = 1, capacity: int | None = None, **session: Any
) -> tuple[int, World]:
    """Doses of a clinic session of the campaign's own; returns the release and the session."""
    world = await make_session(
        connection,
        windows=windows,
        capacity=capacity or doses,
        vials=doses,
        vaccine=VACCINE,
        channels=CHANNELS,
        **session,
    )
    release_id: int = await connection.fetchval(
        """INSERT INTO campaign_releases (campaign_id, stock_id, session_id, clinic_id, doses, created_by)
           VALUES ($1, $2, $3, $4, $5, 'sql') RETURNING release_id""",
        campaign_id, world.stock_id, world.session_id, world.clinic_id, doses,
    )  # fmt: skip
    return release_id, world


async def leave_over(
    connection: Any, campaign_id: int, doses: int, *, clinic_id: int | None = None, minutes: int = 15
) -> int:
    """Doses left at a clinic for three hours, as staff say it; returns the release."""
    world = await make_session(connection, vaccine=VACCINE, clinic_id=clinic_id)
    product = await connection.fetchval("SELECT product_id FROM session_stocks WHERE stock_id = $1", world.stock_id)
    made = await connection.fetchrow(
        statement("waitlist/add_leftovers"), world.clinic_id, world.day, "余苗", "sql",
        datetime.now(UTC) + timedelta(hours=3), doses, product, campaign_id, world.stock_id, minutes,
    )  # fmt: skip
    release_id: int = made["release_id"]
    return release_id


async def one_round(database: Any, release_id: int, campaign_id: int) -> Round:
    """One round of offers, as the worker makes it, without its cache."""
    async with database.transaction() as connection:
        return await make_round(connection, release_id, campaign_id)


async def states(connection: Any, campaign_id: int) -> list[str]:
    """The states of all entries, in order of their places."""
    rows = await connection.fetch(
        "SELECT state FROM waitlist_entries WHERE campaign_id = $1 ORDER BY place", campaign_id
    )
    return [row["state"] for row in rows]


async def offers(connection: Any, campaign_id: int, state: str = "open") -> list[Any]:
    """Offers of a campaign with this state: offer_id, entry_id, person_id."""
    return list(
        await connection.fetch(
            """SELECT o.offer_id, o.entry_id, e.person_id, o.takes_dose
               FROM offers o JOIN waitlist_entries e USING (entry_id)
               WHERE e.campaign_id = $1 AND o.state = $2 ORDER BY e.place""",
            campaign_id, state,
        )
    )  # fmt: skip


async def end_hold(connection: Any, offer_id: UUID, state: str, reason: str | None = None) -> None:
    """End or confirm the hold of an offer by plain SQL."""
    await connection.execute(
        """UPDATE claims SET state = $2::text::claim_state, change_reason = $3, changed_by = 'sql',
               changed_from = 'sql', confirmed_at = CASE WHEN $2 = 'confirmed' THEN now() ELSE confirmed_at END,
               ended_at = CASE WHEN $2 NOT IN ('confirmed', 'checked_in') THEN now() END
           WHERE claim_id = $1""",
        offer_id, state, reason,
    )  # fmt: skip
