"""Staff make, publish, close and draw a campaign, bring doses, pause, and read what became of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.lottery.published import read_announcement, read_sealed
from humiao.lottery.verify import verify
from tests.api.callers import Caller, staff_token
from tests.api.waitlist.conftest import answered, refused
from tests.api.waitlist.test_waiting import Newcomers, register
from tests.factories import make_session
from tests.waitlists import CHANNELS, VACCINE, end_hold, offers, one_round, states

ENTROPY = "第2026138期 福彩3D 9 2 7"


def campaign_body(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    body = {
        "title": "九价疫苗登记", "vaccine_code": VACCINE, "mode": "queue",
        "opens_at": (now - timedelta(hours=1)).isoformat(), "closes_at": (now + timedelta(hours=1)).isoformat(),
        "eligible": {"sex": "F", "from_months": 108}, "tiers": [{"label": "补种", "from_doses": 1}, {"label": "其他"}],
        "offer_minutes": 60,
    }  # fmt: skip
    return body | changes


async def published(city: Caller, **changes: Any) -> int:
    """A campaign that takes entries."""
    made = await answered(city.post("/admin/campaigns", campaign_body(**changes)), 201)
    campaign_id: int = made["campaign_id"]
    assert made["state"] == "draft"
    shown = await answered(city.post(f"/admin/campaigns/{campaign_id}/publish", None))
    assert shown["state"] == "published"
    return campaign_id


async def test_doses_reach_people_and_the_report_accounts_for_each(
    city: Caller, connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    campaign = await published(city)
    people = await newcomers(4)
    for one in people:
        await register(one, campaign)
    world = await make_session(connection, capacity=5, vaccine=VACCINE, channels=CHANNELS)
    release = await answered(
        city.post(f"/clinic/campaigns/{campaign}/releases", {"stock_id": world.stock_id, "doses": 3}), 201
    )
    assert (release["doses"], release["free"], release["offered"]) == (3, 3, 0)
    await refused(
        city.post(f"/clinic/campaigns/{campaign}/releases", {"stock_id": world.stock_id, "doses": 1}),
        "already_released",
    )
    await one_round(database, release["release_id"], campaign)
    # A worker that runs beside this test would offer what comes back at once.
    await answered(city.post(f"/admin/campaigns/{campaign}/pause", {"reason": "核对"}))
    first, second, _ = await offers(connection, campaign)
    await end_hold(connection, first["offer_id"], "confirmed")
    await end_hold(connection, second["offer_id"], "released")
    (report,) = (await answered(city.get(f"/admin/campaigns/{campaign}/releases")))["items"]
    told = {name: report[name] for name in ("used", "offered", "free", "accepted", "declined")}
    assert told == {"used": 1, "offered": 1, "free": 1, "accepted": 1, "declined": 1}
    assert report["used"] + report["offered"] + report["free"] == report["doses"]
    ahead = await answered(city.get(f"/admin/campaigns/{campaign}/forecast"))
    assert (ahead["waiting"], ahead["doses_left"], ahead["reaches"]) == (1, 1, 1)
    path = f"/clinic/releases/{release['release_id']}"
    await refused(city.patch(path, {"doses": 1, "reason": "测试"}), "invalid_input")
    await refused(city.patch(path, {"doses": 6, "reason": "测试"}), "invalid_input")
    assert (await answered(city.patch(path, {"doses": 5, "reason": "到苗"})))["free"] == 3
    shown = await answered(city.get(f"/admin/campaigns/{campaign}"))
    assert shown["entries"] == {"waiting": 1, "offered": 1, "accepted": 1, "declined": 1}


async def test_pausing_stops_offers_and_resuming_goes_on(
    city: Caller, connection: asyncpg.Connection, database: Database, newcomers: Newcomers
) -> None:
    campaign = await published(city)
    (one,) = await newcomers(1)
    await register(one, campaign)
    reason = {"reason": "冷链检查"}
    assert (await answered(city.post(f"/admin/campaigns/{campaign}/pause", reason)))["paused"]
    await refused(city.post(f"/admin/campaigns/{campaign}/pause", reason), "campaign_state")
    world = await make_session(connection, vaccine=VACCINE, channels=CHANNELS)
    release = await answered(
        city.post(f"/clinic/campaigns/{campaign}/releases", {"stock_id": world.stock_id, "doses": 1}), 201
    )
    assert (await one_round(database, release["release_id"], campaign)).offers == 0
    await answered(city.post(f"/admin/campaigns/{campaign}/resume", reason))
    await one_round(database, release["release_id"], campaign)
    assert await states(connection, campaign) == ["offered"]
    assert (await answered(city.post(f"/admin/campaigns/{campaign}/close", reason)))["state"] == "closed"
    await refused(city.post(f"/admin/campaigns/{campaign}/close", reason), "campaign_state")
    assert (await answered(city.post(f"/admin/campaigns/{campaign}/end", reason)))["state"] == "ended"


async def test_a_draw_as_the_protocol_says(
    city: Caller, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, newcomers: Newcomers
) -> None:
    second = Caller(client, await staff_token(connection, keys, "city_admin"))
    campaign = await published(city, mode="draw", entropy_rule="第2026138期福彩3D，三个数字以空格分隔")
    people = await newcomers(6)
    entries = [await register(one, campaign) for one in people]
    files = f"/api/v1/public/campaigns/{campaign}/draw"
    announced = read_announcement((await client.get(f"{files}/announcement")).content)
    assert announced.terms.campaign == f"九价疫苗登记 #{campaign}"
    assert (await client.get(f"{files}/tickets")).status_code == 404
    at = f"/admin/campaigns/{campaign}"
    await refused(city.post(f"{at}/close", {"reason": "到时"}), "registration_still_open")
    await refused(city.post(f"{at}/draw", {"entropy": ENTROPY}), "campaign_state")
    await let_time_pass(connection, campaign)
    await answered(people[5][1].post(f"/resident/entries/{entries[5]['entry_id']}/withdraw", None))
    closed = await answered(city.post(f"{at}/close", {"reason": "到时"}))
    assert (closed["draw"]["step"], closed["draw"]["tickets"]) == ("sealed", 5)
    sealed = read_sealed((await client.get(f"{files}/tickets")).content)
    assert (await client.get(f"{files}/result")).status_code == 404
    # one officer alone draws nothing, however often; two who differ do not either
    for _ in range(2):
        assert (await answered(city.post(f"{at}/draw", {"entropy": ENTROPY})))["draw"]["step"] == "half_read"
    await refused(second.post(f"{at}/draw", {"entropy": ENTROPY + " " + "1"}), "entropy_differs")
    drawn = await answered(second.post(f"{at}/draw", {"entropy": ENTROPY}))
    assert (drawn["state"], drawn["draw"]["step"]) == ("drawn", "drawn")
    await refused(second.post(f"{at}/draw", {"entropy": ENTROPY}), "campaign_state")
    verdict = verify((await client.get(f"{files}/result")).content, announced=announced, sealed=sealed)
    assert verdict.sound, verdict.findings
    for (_, caller), entry in list(zip(people, entries, strict=True))[:5]:
        shown = await answered(caller.get(f"/resident/entries/{entry['entry_id']}"))
        place = verdict.place(entry["ticket"])
        assert place
        assert shown["drawn_position"] == place.position
        assert shown["rank"]["ahead"] == place.position - 1


async def let_time_pass(connection: asyncpg.Connection, campaign: int) -> None:
    """Drive the clock: registration is over, though nobody has closed it."""
    async with connection.transaction():
        await connection.execute("ALTER TABLE campaigns DISABLE TRIGGER campaigns_guard")
        await connection.execute(
            "UPDATE campaigns SET closes_at = now() - interval '1 second' WHERE campaign_id = $1", campaign
        )
        await connection.execute("ALTER TABLE campaigns ENABLE TRIGGER campaigns_guard")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"closes_at": "2020-01-01T00:00:00+08:00"}, "closes_at"),
        ({"tiers": [{"label": "补种", "from_doses": 1}]}, "tiers"),
        ({"mode": "draw"}, "entropy_rule"),
        ({"entropy_rule": "某个数"}, "entropy_rule"),
    ],
)
async def test_terms_that_cannot_be(city: Caller, changes: dict[str, Any], field: str) -> None:
    told = await refused(city.post("/admin/campaigns", campaign_body(**changes)), "invalid_input")
    assert [error["field"] for error in told["errors"]] == [field]


async def test_only_the_city_makes_campaigns_and_only_those_in_reach_bring_doses(
    city: Caller, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, me: Caller
) -> None:
    world = await make_session(connection, vaccine=VACCINE, channels=CHANNELS)
    clinic = Caller(client, await staff_token(connection, keys, "clinic_staff", world.clinic_id))
    foreign = await make_session(connection, vaccine=VACCINE, channels=CHANNELS)
    campaign = await published(city)
    for send in (
        clinic.post("/admin/campaigns", campaign_body()),
        clinic.get("/admin/campaigns"),
        clinic.post(f"/admin/campaigns/{campaign}/pause", {"reason": "测试"}),
        clinic.get(f"/admin/campaigns/{campaign}/releases"),
    ):
        await refused(send, "forbidden")
    await refused(me.get("/admin/campaigns"), "not_logged_in")
    path = f"/clinic/campaigns/{campaign}/releases"
    await refused(clinic.post(path, {"stock_id": foreign.stock_id, "doses": 1}), "unknown_stock")
    release = await answered(clinic.post(path, {"stock_id": world.stock_id, "doses": 1}), 201)
    other = Caller(client, await staff_token(connection, keys, "clinic_staff", foreign.clinic_id))
    await refused(
        other.patch(f"/clinic/releases/{release['release_id']}", {"doses": 2, "reason": "测试"}), "unknown_release"
    )
    flu = await make_session(connection, channels=CHANNELS)
    await refused(city.post(path, {"stock_id": flu.stock_id, "doses": 1}), "invalid_input")


async def test_a_repeated_publication_is_one(city: Caller) -> None:
    made = await answered(city.post("/admin/campaigns", campaign_body()), 201)
    path = f"/admin/campaigns/{made['campaign_id']}/publish"
    both = await asyncio.gather(
        *(city.post(path, None, key="publish-once-" + str(made["campaign_id"])) for _ in range(2))
    )
    assert [answer.status_code for answer in both] == [200, 200]
    await refused(city.post(path, None), "campaign_state")
