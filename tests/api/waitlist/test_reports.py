"""The public report over HTTP: there without a login as soon as doses are released, and telling of nobody."""

import asyncpg
import httpx

from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.waitlist.reports import ReportsService
from tests.waitlists import bring_doses, end_hold, make_campaign, make_line, offers, one_round


def address(campaign: int) -> str:
    return f"/api/v1/public/campaigns/{campaign}/report"


async def released(
    connection: asyncpg.Connection, database: Database, vault: Vault, people: int, doses: int, accepted: int
) -> int:
    """A campaign with one release, of whose offers so many were accepted."""
    line = await make_line(connection, vault, people)
    release, _ = await bring_doses(connection, line.campaign_id, doses)
    await one_round(database, release, line.campaign_id)
    for offer in (await offers(connection, line.campaign_id))[:accepted]:
        await end_hold(connection, offer["offer_id"], "confirmed")
    return line.campaign_id


async def test_it_is_there_at_once_and_without_a_login(
    client: httpx.AsyncClient, connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    campaign = await released(connection, database, keys.vault(), 28, 17, 12)
    answer = await client.get(address(campaign))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=20")
    told = answer.json()
    assert (told["registered"], told["waiting"]) == (25, 10), "28 registered, 11 wait"
    (release,) = told["releases"]
    assert (release["doses"], release["asked"], release["accepted"]) == (17, 15, 10)
    assert release["last_round_at"] and release["created_at"] and not release["leftover"]
    assert release["channels"] == [
        {"channel": "campaign", "label": "登记活动", "places": 17, "taken": 15, "share_percent": 100}
    ]
    assert (await client.get(address(await make_campaign(connection, state="draft")))).status_code == 404


async def test_fewer_than_five_are_not_told(
    client: httpx.AsyncClient, connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    one, none = [
        (await client.get(address(await released(connection, database, keys.vault(), 4, 3, accepted)))).json()
        for accepted in (1, 0)
    ]
    assert (one["registered"], one["waiting"]) == (None, None)
    for told in (one, none):
        for release in told["releases"]:
            assert (release["asked"], release["accepted"]) == (None, None)
            assert [(part["taken"], part["share_percent"]) for part in release["channels"]] == [(None, None)]
    names = ("asked", "accepted", "channels", "doses")
    assert [one["releases"][0][name] for name in names] == [none["releases"][0][name] for name in names]


async def test_who_asks_again_has_what_was_read_for_some_seconds(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    now = 0.0
    reports = ReportsService(database, keep_s=20, monotonic=lambda: now)
    line = await make_line(connection, keys.vault(), 5)
    first = await reports.public(line.campaign_id)
    await bring_doses(connection, line.campaign_id, 5)
    now = 19.9
    assert await reports.public(line.campaign_id) is first
    now = 20.0
    again = await reports.public(line.campaign_id)
    assert isinstance(again, dict) and [release["doses"] for release in again["releases"]] == [5]
