"""A direct SQL writer meets the promises of the waitlist: P4, one offer, one entry, places given once, doses."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao.waitlist.audit import audit
from humiao.waitlist.ranks import Standing, why_before
from tests.factories import World, make_residents
from tests.unit.waitlist.conftest import Town
from tests.waitlists import bring_doses, end_hold, enter, make_campaign, make_line, offers, one_round, states


async def offer_by_hand(town: Town, entry: int, person: UUID, release: int, world: World) -> None:
    """What a careless writer would do: hold and offer, without a look at the line."""
    offer, now = uuid4(), datetime.now(UTC)
    async with town.connection.transaction():
        round_id = await town.connection.fetchval(
            "INSERT INTO offer_rounds (release_id, moment, made_in) VALUES ($1, 0, '1') RETURNING round_id", release
        )
        await town.connection.execute("UPDATE waitlist_entries SET state = 'offered' WHERE entry_id = $1", entry)
        await town.connection.execute(
            """INSERT INTO claims (claim_id, hold_token, person_id, window_id, channel, stock_id, held_at, held_until,
                                   changed_by, changed_from)
               VALUES ($1, $1, $2, $3, 'campaign', $4, $5, $6, 'sql', 'sql')""",
            offer, person, world.window_ids[0], world.stock_id, now, now + timedelta(hours=1),
        )  # fmt: skip
        await town.connection.execute(
            "INSERT INTO offers (offer_id, entry_id, release_id, round_id) VALUES ($1, $2, $3, $4)",
            offer, entry, release, round_id,
        )  # fmt: skip


async def test_nobody_is_passed_over(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 3)
    release, world = await bring_doses(town.connection, line.campaign_id, 3)
    with pytest.raises(asyncpg.PostgresError, match="an earlier entry waits") as refused:
        await offer_by_hand(town, line.entries[1], line.people[1], release, world)
    assert refused.value.sqlstate == "HM004"
    assert await states(town.connection, line.campaign_id) == ["waiting"] * 3
    await offer_by_hand(town, line.entries[0], line.people[0], release, world)
    await offer_by_hand(town, line.entries[1], line.people[1], release, world)
    assert await states(town.connection, line.campaign_id) == ["offered", "offered", "waiting"]


async def test_an_earlier_tier_comes_first_and_another_clinic_is_nobodys_turn(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 1)
    first, elsewhere = await make_residents(town.connection, town.vault, 2)
    release, world = await bring_doses(town.connection, line.campaign_id, 3)
    await town.connection.execute("UPDATE waitlist_entries SET clinics = '{1}' WHERE entry_id = $1", line.entries[0])
    entry = await enter(town.connection, line.campaign_id, elsewhere, tier=1, clinics=[world.clinic_id])
    await offer_by_hand(town, entry, elsewhere, release, world)  # the one before wants another clinic
    late = await enter(town.connection, line.campaign_id, first, tier=2)
    await town.connection.execute("UPDATE waitlist_entries SET clinics = '{}' WHERE entry_id = $1", line.entries[0])
    with pytest.raises(asyncpg.PostgresError, match="an earlier entry waits"):
        await offer_by_hand(town, late, first, release, world)


async def test_a_release_gives_no_more_than_its_doses(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 2)
    release, world = await bring_doses(town.connection, line.campaign_id, 2)
    await town.connection.execute("UPDATE campaign_releases SET doses = 1 WHERE release_id = $1", release)
    await offer_by_hand(town, line.entries[0], line.people[0], release, world)
    with pytest.raises(asyncpg.CheckViolationError, match="more offers than doses"):
        await offer_by_hand(town, line.entries[1], line.people[1], release, world)


async def test_an_entry_gets_one_offer_in_its_life(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 1)
    release, world = await bring_doses(town.connection, line.campaign_id, 2)
    await one_round(town.database, release, line.campaign_id)
    (offer,) = await offers(town.connection, line.campaign_id)
    await end_hold(town.connection, offer["offer_id"], "released")
    assert await states(town.connection, line.campaign_id) == ["declined"]
    for state in ("waiting", "offered"):
        with pytest.raises(asyncpg.PostgresError):
            await town.connection.execute(
                "UPDATE waitlist_entries SET state = $2, ended_at = NULL WHERE entry_id = $1", line.entries[0], state
            )
    with pytest.raises(asyncpg.PostgresError):
        await offer_by_hand(town, line.entries[0], line.people[0], release, world)


@pytest.mark.parametrize(
    "change", ["tier = 0", "arrival = 1", "ticket = 'x'", "person_id = gen_random_uuid()", "drawn_position = 1"]
)
async def test_a_place_is_given_once(town: Town, change: str) -> None:
    campaign = await make_campaign(town.connection)
    (person,) = await make_residents(town.connection, town.vault, 1)
    entry = await enter(town.connection, campaign, person, tier=3)
    await town.connection.execute("UPDATE waitlist_entries SET drawn_position = 7 WHERE entry_id = $1", entry)
    with pytest.raises(asyncpg.PostgresError, match="given once"):
        await town.connection.execute(f"UPDATE waitlist_entries SET {change} WHERE entry_id = $1", entry)


async def test_one_live_entry_for_a_person(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await enter(town.connection, line.campaign_id, line.people[0])
    other = await make_campaign(town.connection)  # of the same vaccine
    with pytest.raises(asyncpg.UniqueViolationError):
        await enter(town.connection, other, line.people[0])
    await town.connection.execute(
        "UPDATE waitlist_entries SET state = 'withdrawn', ended_at = now() WHERE entry_id = $1", line.entries[0]
    )
    await enter(town.connection, other, line.people[0])


async def test_only_a_published_campaign_takes_entries_and_keeps_its_terms(town: Town) -> None:
    campaign = await make_campaign(town.connection, state="draft")
    (person,) = await make_residents(town.connection, town.vault, 1)
    with pytest.raises(asyncpg.PostgresError, match="takes no entries"):
        await enter(town.connection, campaign, person)
    await town.connection.execute("UPDATE campaigns SET state = 'published' WHERE campaign_id = $1", campaign)
    await enter(town.connection, campaign, person)
    with pytest.raises(asyncpg.PostgresError, match="terms of a published campaign stay"):
        await town.connection.execute(
            "UPDATE campaigns SET closes_at = closes_at + interval '1 day' WHERE campaign_id = $1", campaign
        )
    with pytest.raises(asyncpg.PostgresError, match="does not go from"):
        await town.connection.execute("UPDATE campaigns SET state = 'draft' WHERE campaign_id = $1", campaign)


async def test_offers_follow_their_claims_and_nothing_else(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 1)
    release, _ = await bring_doses(town.connection, line.campaign_id, 1)
    await one_round(town.database, release, line.campaign_id)
    for statement in (
        "UPDATE offers SET takes_dose = false, state = 'declined', ended_at = now()",
        "DELETE FROM offers",
    ):
        with pytest.raises(asyncpg.PostgresError, match="is not allowed"):
            await town.connection.execute(statement)


async def test_the_ledgers_order_is_the_cores(town: Town) -> None:
    """`place` orders as booking-core's standings do, drawn before arrived, tier before all."""
    campaign = await make_campaign(town.connection)
    entries = [
        await enter(town.connection, campaign, person, tier=tier)
        for person, tier in zip(await make_residents(town.connection, town.vault, 6), (2, 0, 1, 1, 1, 255), strict=True)
    ]
    for position, entry in ((2, entries[3]), (1, entries[4])):
        await town.connection.execute(
            "UPDATE waitlist_entries SET drawn_position = $2 WHERE entry_id = $1", entry, position
        )
    rows = await town.connection.fetch(
        "SELECT tier, drawn_position, arrival FROM waitlist_entries WHERE campaign_id = $1 ORDER BY place", campaign
    )
    standings = [
        Standing(row["tier"], "drawn", row["drawn_position"])
        if row["drawn_position"]
        else Standing(row["tier"], "arrived", row["arrival"])
        for row in rows
    ]
    assert [(one.tier, one.turn) for one in standings] == [
        (0, "arrived"), (1, "drawn"), (1, "drawn"), (1, "arrived"), (2, "arrived"), (255, "arrived"),
    ]  # fmt: skip
    for earlier, later in itertools.combinations(standings, 2):
        assert why_before(earlier, later) and not why_before(later, earlier)


async def test_what_the_guards_refused_left_nothing(town: Town) -> None:
    report = await audit(town.connection)
    assert report.sound, report.findings
    assert report.offers > 0
