"""Registering, the place and how it came about, leaving, and the offer, through the API."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao.kit.database import Database
from humiao.lottery.receipts import Receipt, check_receipt, public_keys
from tests.api.callers import Caller
from tests.api.waitlist.conftest import answered, refused
from tests.factories import age_hold, make_clinic
from tests.waitlists import bring_doses, enter, make_campaign, one_round

Newcomers = Callable[[int], Awaitable[list[tuple[UUID, Caller]]]]


def entries_of(campaign_id: int) -> str:
    return f"/resident/campaigns/{campaign_id}/entries"


async def register(who: tuple[UUID, Caller], campaign_id: int, **more: Any) -> Any:
    person, caller = who
    return await answered(caller.post(entries_of(campaign_id), {"person_id": str(person)} | more), 201)


async def test_a_campaign_is_shown_with_its_terms_and_a_draft_is_not(
    connection: asyncpg.Connection, me: Caller
) -> None:
    clinic = await make_clinic(connection)
    campaign = await make_campaign(
        connection, clinics=[clinic], tiers=[{"label": "补种", "from_doses": 1}, {"label": "其他"}]
    )
    shown = await answered(me.get(f"/public/campaigns/{campaign}"))
    assert shown["phase"] == "open"
    assert [tier["label"] for tier in shown["tiers"]] == ["补种", "其他"]
    assert [choice["clinic_id"] for choice in shown["clinics"]] == [clinic]
    listed = await answered(me.get("/public/campaigns"))
    assert campaign in [one["campaign_id"] for one in listed["items"]]
    draft = await make_campaign(connection, state="draft")
    await refused(me.get(f"/public/campaigns/{draft}"), "unknown_campaign")
    await refused(me.post(entries_of(draft), {"person_id": str(uuid4())}), "unknown_campaign")


async def test_a_place_is_explained(connection: asyncpg.Connection, newcomers: Newcomers) -> None:
    campaign = await make_campaign(connection)
    first, second, third = await newcomers(3)
    for one in (first, second):
        await register(one, campaign)
    mine = await register(third, campaign)
    assert mine["rank"] == {
        "ahead": 2, "ahead_in_earlier_tiers": 0, "waiting": 3, "previous": "前面一位与您同档，登记比您早",
    }  # fmt: skip
    assert mine["person"]["name_masked"] == "*小明"
    assert mine["outlook"]["likely"] is None, "no dose has come yet"
    assert any("登记先后" in line for line in mine["how"])
    await bring_doses(connection, campaign, 2)
    again = await answered(third[1].get(f"/resident/entries/{mine['entry_id']}"))
    assert (again["outlook"]["reaches"], again["outlook"]["likely"]) == (2, False)
    assert (await answered(third[1].get("/resident/entries")))["items"][0]["entry_id"] == mine["entry_id"]


async def test_a_tier_and_a_group_of_districts(connection: asyncpg.Connection, newcomers: Newcomers) -> None:
    tiers = [{"label": "本区居民", "districts": ["310104"], "basis": "residence"}, {"label": "其他登记人"}]
    campaign = await make_campaign(connection, tiers=tiers)
    here, other = await newcomers(2)
    said = {"residence_district": "310104", "work_district": "310115"}
    await answered(here[1].send("PUT", f"/resident/people/{here[0]}/districts", said))
    assert (await register(other, campaign))["tier_label"] == "其他登记人"
    mine = await register(here, campaign)
    assert (mine["tier_label"], mine["rank"]["ahead"]) == ("本区居民", 0)

    working = await make_campaign(connection, vaccine="IIV4", eligible={"districts": ["310115"], "basis": "work"})
    assert (await register(here, working))["rank"]["ahead"] == 0
    told = await refused(other[1].post(entries_of(working), {"person_id": str(other[0])}), "not_in_group")
    assert told["reason"] == "other_district" and "家庭成员" in told["detail"] and "12345" in told["detail"]
    closes = await connection.fetchval("SELECT closes_at FROM campaigns WHERE campaign_id = $1", working)
    assert told["rule"] == "campaign_group" and datetime.fromisoformat(told["until"]) == closes


async def test_an_earlier_tier_is_told_as_the_reason(connection: asyncpg.Connection, newcomers: Newcomers) -> None:
    campaign = await make_campaign(connection)
    due, other = await newcomers(2)
    mine = await register(other, campaign)
    await connection.execute("SELECT 1")
    tiers = await make_campaign(connection, tiers=[{"label": "补种者优先", "from_doses": 1}, {"label": "其他登记人"}])
    await answered(other[1].post(f"/resident/entries/{mine['entry_id']}/withdraw", None))
    placed = await register(other, tiers)
    assert (placed["tier"], placed["tier_label"]) == (1, "其他登记人")
    await enter(connection, tiers, due[0], tier=0)
    again = await answered(other[1].get(f"/resident/entries/{placed['entry_id']}"))
    assert again["rank"]["ahead_in_earlier_tiers"] == 1
    assert again["rank"]["previous"] == "前面一位属于更优先的档次"


async def test_who_may_not_register_is_told_why(connection: asyncpg.Connection, newcomers: Newcomers) -> None:
    (person, me), (stranger, _) = await newcomers(2)
    young = await make_campaign(connection, eligible={"below_months": 216})
    told = await refused(me.post(entries_of(young), {"person_id": str(person)}), "not_in_group")
    assert told["reason"] == "too_old"
    campaign = await make_campaign(connection)
    await refused(me.post(entries_of(campaign), {"person_id": str(stranger)}), "unknown_person")
    await refused(me.post(entries_of(campaign), {"person_id": str(person), "clinics": [7]}), "invalid_input")
    await register((person, me), campaign)
    await refused(me.post(entries_of(campaign), {"person_id": str(person)}), "already_registered")
    other = await make_campaign(connection)
    await refused(me.post(entries_of(other), {"person_id": str(person)}), "waiting_elsewhere")
    for what, code in (("closes_at = now()", "registration_closed"), ("opens_at = now() + interval '1 hour', "
                       "closes_at = now() + interval '2 hours'", "registration_not_open")):  # fmt: skip
        late = await make_campaign(connection, state="draft")
        await connection.execute(f"UPDATE campaigns SET {what} WHERE campaign_id = $1", late)
        await connection.execute("UPDATE campaigns SET state = 'published' WHERE campaign_id = $1", late)
        await refused(me.post(entries_of(late), {"person_id": str(person)}), code)


async def test_a_repeat_has_one_effect_and_others_entries_do_not_exist(
    connection: asyncpg.Connection, newcomers: Newcomers
) -> None:
    campaign = await make_campaign(connection)
    (person, me), (_, other) = await newcomers(2)
    key = uuid4().hex
    body = {"person_id": str(person)}
    first = await answered(me.post(entries_of(campaign), body, key=key), 201)
    assert (await answered(me.post(entries_of(campaign), body, key=key), 201))["entry_id"] == first["entry_id"]
    path = f"/resident/entries/{first['entry_id']}"
    await refused(other.get(path), "unknown_entry")
    await refused(other.patch(path, {"clinics": []}), "unknown_entry")
    await refused(other.post(path + "/withdraw", None), "unknown_entry")
    await refused(other.get(path + "/receipt"), "unknown_entry")
    assert (await answered(other.get("/resident/entries")))["items"] == []


async def test_leaving_leaves_ones_own_place_and_no_other(connection: asyncpg.Connection, newcomers: Newcomers) -> None:
    campaign = await make_campaign(connection)
    people = await newcomers(4)
    entries = [await register(one, campaign) for one in people]
    gone = await answered(people[1][1].post(f"/resident/entries/{entries[1]['entry_id']}/withdraw", None))
    assert (gone["state"], gone["rank"], gone["can_withdraw"]) == ("withdrawn", None, False)
    ahead = []
    for (_, caller), entry in zip(people, entries, strict=True):
        rank = (await answered(caller.get(f"/resident/entries/{entry['entry_id']}")))["rank"]
        ahead.append(None if rank is None else rank["ahead"])
    assert ahead == [0, None, 1, 2]
    again = await register(people[1], campaign)
    assert again["rank"]["ahead"] == 3, "who comes back begins at the end"
    await refused(people[1][1].post(f"/resident/entries/{entries[1]['entry_id']}/withdraw", None), "entry_ended")


async def test_other_clinics_keep_the_place(connection: asyncpg.Connection, newcomers: Newcomers) -> None:
    here, there = await make_clinic(connection), await make_clinic(connection)
    campaign = await make_campaign(connection, clinics=[here, there])
    ((_, me),) = people = await newcomers(1)
    entry = await register(people[0], campaign, clinics=[here])
    changed = await answered(me.patch(f"/resident/entries/{entry['entry_id']}", {"clinics": [there, here]}))
    assert sorted(changed["clinics"]) == sorted([here, there])
    assert changed["ticket"] == entry["ticket"]
    await refused(me.patch(f"/resident/entries/{entry['entry_id']}", {"clinics": [5]}), "invalid_input")


async def offered(
    connection: asyncpg.Connection, database: Database, who: tuple[UUID, Caller], *, doses: int = 1, **more: Any
) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Somebody with an offer: entry, offer, world."""
    campaign = await make_campaign(connection)
    entry = await register(who, campaign)
    release, world = await bring_doses(connection, campaign, doses, **more)
    await one_round(database, release, campaign)
    entry = await answered(who[1].get(f"/resident/entries/{entry['entry_id']}"))
    return entry, await answered(who[1].get(f"/resident/offers/{entry['offer']['offer_id']}")), world


async def test_an_offer_is_accepted_in_another_window(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    who, (_, other) = await newcomers(2)
    entry, offer, world = await offered(connection, database, who, doses=3, windows=3, capacity=1)
    assert (entry["state"], offer["state"]) == ("offered", "open")
    assert [window["kept"] for window in offer["windows"]] == [True, False, False]
    path = f"/resident/offers/{offer['offer_id']}"
    await refused(other.get(path), "unknown_offer")
    await refused(other.post(path + "/accept", {"window_id": world.window_ids[0]}), "unknown_offer")
    await refused(who[1].post(path + "/accept", {"window_id": 999999}), "unknown_window")
    held = await answered(who[1].get("/resident/reservations"))
    assert [(one["offer_id"], one["hold_token"]) for one in held["items"]] == [(offer["offer_id"], None)]
    key = uuid4().hex
    for _ in range(2):
        taken = await answered(who[1].post(path + "/accept", {"window_id": world.window_ids[2]}, key=key))
    assert (taken["state"], taken["windows"], taken["reservation_id"]) == ("accepted", [], offer["offer_id"])
    shown = await answered(who[1].get(f"/resident/reservations/{taken['reservation_id']}"))
    assert (shown["state"], shown["window"]["window_id"]) == ("confirmed", world.window_ids[2])
    free = [await connection.fetchval("SELECT free FROM windows WHERE window_id = $1", w) for w in world.window_ids]
    assert free == [1, 1, 0]
    await refused(who[1].post(path + "/decline", None), "offer_ended")
    await refused(who[1].post(f"/resident/entries/{entry['entry_id']}/withdraw", None), "entry_ended")


async def test_an_offer_that_is_declined_ends_the_entry(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    (who,) = await newcomers(1)
    entry, offer, world = await offered(connection, database, who)
    declined = await answered(who[1].post(f"/resident/offers/{offer['offer_id']}/decline", None))
    assert declined["state"] == "declined"
    assert (await answered(who[1].get(f"/resident/entries/{entry['entry_id']}")))["state"] == "declined"
    assert await connection.fetchval("SELECT free FROM windows WHERE window_id = $1", world.window_ids[0]) == 1
    await refused(
        who[1].post(f"/resident/offers/{offer['offer_id']}/accept", {"window_id": world.window_ids[0]}), "offer_ended"
    )


async def test_who_withdraws_with_an_offer_gives_back_exactly_that(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    (who,) = await newcomers(1)
    entry, _, world = await offered(connection, database, who)
    gone = await answered(who[1].post(f"/resident/entries/{entry['entry_id']}/withdraw", None))
    assert (gone["state"], gone["offer"]["state"]) == ("withdrawn", "withdrawn")
    row = await connection.fetchrow("SELECT held, booked FROM windows WHERE window_id = $1", world.window_ids[0])
    assert tuple(row) == (0, 0)


async def test_an_answer_that_comes_too_late_is_told_so(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    (who,) = await newcomers(1)
    _, offer, world = await offered(connection, database, who)
    await age_hold(connection, offer["offer_id"], past_deadline=timedelta(minutes=1))
    path = f"/resident/offers/{offer['offer_id']}"
    await refused(who[1].post(path + "/accept", {"window_id": world.window_ids[0]}), "offer_expired")
    await refused(who[1].post(path + "/decline", None), "offer_expired")


async def test_who_may_not_have_it_that_day_is_told_and_the_offer_stays(
    connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    (who,) = await newcomers(1)
    _, offer, world = await offered(connection, database, who)
    await connection.execute("UPDATE persons SET birth_date = '1950-01-01' WHERE person_id = $1", who[0])
    path = f"/resident/offers/{offer['offer_id']}"
    told = await refused(who[1].post(path + "/accept", {"window_id": world.window_ids[0]}), "not_eligible")
    assert told["reason"] == "too_old"
    assert (await answered(who[1].get(path)))["state"] == "open"


async def test_a_receipt_proves_the_ticket(connection: asyncpg.Connection, newcomers: Newcomers, keys: Any) -> None:
    campaign = await make_campaign(connection, mode="draw")
    (who,) = await newcomers(1)
    entry = await register(who, campaign)
    told = await answered(who[1].get(f"/resident/entries/{entry['entry_id']}/receipt"))
    receipt = check_receipt(told["receipt"], public_keys(keys.receipt_keys))
    assert isinstance(receipt, Receipt)
    assert (receipt.campaign, receipt.ticket) == (f"测试登记 #{campaign}", entry["ticket"])


@pytest.mark.parametrize("path", ["/resident/entries", "/resident/entries/1", "/resident/offers/" + str(UUID(int=1))])
async def test_strangers_see_nothing(client: Any, path: str) -> None:
    assert (await client.get("/api/v1" + path)).status_code == 401
