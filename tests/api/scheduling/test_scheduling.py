"""What a clinic publishes, residents see and book; what a clerk changes meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest_asyncio

from humiao.errors import CITY_ZONE
from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.factories import make_clinic, make_residents, make_session

HOLDS = "/resident/holds"


def tomorrow(hour: int, minute: int = 0) -> str:
    day = datetime.now(CITY_ZONE).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CITY_ZONE).isoformat()


def session(clinic_id: int, product_id: int, **changes: Any) -> dict[str, Any]:
    windows = [
        {"starts_at": tomorrow(9, minute), "ends_at": tomorrow(9, minute + 29), "capacity": 10,
         "quotas": [{"channel": "h5", "quota": 6}, {"channel": "desk", "quota": 4}]}
        for minute in (0, 30)
    ]  # fmt: skip
    body = {
        "clinic_id": clinic_id, "session_date": tomorrow(9)[:10], "title": "流感疫苗专场", "kind": "dedicated",
        "windows": windows, "stocks": [{"product_id": product_id, "vials": 20}],
    }  # fmt: skip
    return body | changes


@pytest_asyncio.fixture(loop_scope="session")
async def clinic_id(connection: asyncpg.Connection) -> int:
    return await make_clinic(connection)


@pytest_asyncio.fixture(loop_scope="session")
async def product_id(connection: asyncpg.Connection) -> int:
    found: int = await connection.fetchval("SELECT min(product_id) FROM products WHERE vaccine_code = 'IIV4'")
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic_id: int) -> Caller:
    return Caller(client, await staff_token(connection, keys, "clinic_staff", clinic_id))


@pytest_asyncio.fixture(loop_scope="session")
async def bookers(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> list[tuple[Caller, str]]:
    people = await make_residents(connection, keys.vault(), 5)
    return [(Caller(client, await resident_token(connection, keys, person)), str(person)) for person in people]


async def hold(booker: tuple[Caller, str], window_id: int, stock_id: int) -> httpx.Response:
    caller, person = booker
    return await caller.hold_place(person, window_id, stock_id)


async def test_published_windows_are_seen_and_booked(
    clerk: Caller, clinic_id: int, product_id: int, bookers: list[tuple[Caller, str]], client: httpx.AsyncClient
) -> None:
    key = uuid4().hex
    published = await clerk.post("/clinic/sessions", session(clinic_id, product_id), key=key)
    assert published.status_code == 201, published.text
    made = published.json()
    assert (await clerk.post("/clinic/sessions", session(clinic_id, product_id), key=key)).json() == made
    assert [w["capacity"] for w in made["windows"]] == [10, 10]
    assert {q["channel"]: q["free"] for q in made["windows"][0]["quotas"]} == {"h5": 6, "desk": 4}

    seen = (await client.get(f"/api/v1/public/clinics/{clinic_id}/windows")).json()
    (listed,) = seen["sessions"]
    assert listed["session_id"] == made["session_id"]
    assert [(w["window_id"], w["free"], w["state"]) for w in listed["windows"]] == [
        (w["window_id"], 6, "open") for w in made["windows"]
    ]
    held = await hold(bookers[0], made["windows"][0]["window_id"], made["stocks"][0]["stock_id"])
    assert held.status_code == 201
    seen = (await client.get(f"/api/v1/public/clinics/{clinic_id}/windows")).json()
    assert seen["sessions"][0]["windows"][0]["free"] == 5


async def test_a_session_opens_when_it_says(
    clerk: Caller, clinic_id: int, product_id: int, bookers: list[tuple[Caller, str]], client: httpx.AsyncClient
) -> None:
    opens = datetime.now(UTC) + timedelta(hours=2)
    body = session(clinic_id, product_id)
    body["windows"] = body["windows"][:1]
    body["windows"][0]["quotas"] = [{"channel": "h5", "quota": 6, "bookable_from": opens.isoformat()}]
    made = (await clerk.post("/clinic/sessions", body)).json()
    window_id, stock_id = made["windows"][0]["window_id"], made["stocks"][0]["stock_id"]
    early = await hold(bookers[0], window_id, stock_id)
    assert (early.status_code, early.json()["code"]) == (409, "not_yet_bookable")
    assert abs(datetime.fromisoformat(early.json()["retry_at"]) - opens) < timedelta(milliseconds=2)
    listed = (await client.get(f"/api/v1/public/clinics/{clinic_id}/windows")).json()["sessions"][-1]
    assert listed["windows"][0]["state"] == "not_yet"
    # The clerk opens it now: the same wish is granted at once, though the cache had said no a moment ago.
    now = {"quota": 6, "bookable_from": (datetime.now(UTC) - timedelta(seconds=1)).isoformat(), "reason": "提前放号"}
    assert (await clerk.patch(f"/clinic/windows/{window_id}/quotas/h5", now)).status_code == 200
    assert (await hold(bookers[0], window_id, stock_id)).status_code == 201


async def test_a_quota_is_raised_and_lowered_while_people_book(
    connection: asyncpg.Connection, client: httpx.AsyncClient, keys: Keys, bookers: list[tuple[Caller, str]]
) -> None:
    world = await make_session(connection, capacity=2)
    clerk = Caller(client, await staff_token(connection, keys, "clinic_staff", world.clinic_id))
    window = f"/clinic/windows/{world.window_ids[0]}"

    async def book(number: int) -> str:
        answer = await hold(bookers[number], world.window_ids[0], world.stock_id)
        return "granted" if answer.status_code == 201 else str(answer.json()["code"])

    assert [await book(0), await book(1), await book(2)] == ["granted", "granted", "window_full"]
    for path, member in (
        (f"/clinic/stocks/{world.stock_id}", "vials"), (f"{window}/quotas/h5", "quota"), (window, "capacity"),
    ):  # fmt: skip
        edited = (await clerk.patch(path, {member: 3, "reason": "加号"})).json()
        assert (edited["limit"], edited["kept_back"], edited["free"]) == (3, 0, 1)
    assert [await book(2), await book(3)] == ["granted", "window_full"]
    # Three are taken: what is taken stays, and the clerk is told how much could not be taken back.
    key = uuid4().hex
    edited = (await clerk.patch(window, {"capacity": 1, "reason": "减号"}, key=key)).json()
    assert (edited["limit"], edited["kept_back"], edited["free"], edited["held"]) == (3, 2, 0, 3)
    assert (await clerk.patch(window, {"capacity": 1, "reason": "减号"}, key=key)).json() == edited
    entry = await connection.fetchrow(
        "SELECT actor, reason, detail FROM audit_entries WHERE subject = $1 ORDER BY at DESC, n DESC LIMIT 1",
        f"window:{world.window_ids[0]}",
    )
    assert entry["actor"].startswith("staff:") and entry["reason"] == "减号"


async def test_a_closed_session_sells_nothing_more_and_keeps_what_was_sold(
    connection: asyncpg.Connection, client: httpx.AsyncClient, keys: Keys, bookers: list[tuple[Caller, str]]
) -> None:
    world = await make_session(connection, capacity=5)
    clerk = Caller(client, await staff_token(connection, keys, "city_admin"))
    held = (await hold(bookers[0], world.window_ids[0], world.stock_id)).json()
    closed = await clerk.post(f"/clinic/sessions/{world.session_id}/close", {"reason": "疫苗未到"})
    assert closed.status_code == 200 and closed.json()["state"] == "closed"
    refused = await hold(bookers[1], world.window_ids[0], world.stock_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "session_closed")
    me, _ = bookers[0]
    confirmed = await me.post(f"{HOLDS}/{held['hold_id']}/confirm", {"hold_token": held["hold_token"]})
    assert confirmed.json()["state"] == "confirmed"


async def test_a_district_sees_its_own_clinics_only(
    connection: asyncpg.Connection, client: httpx.AsyncClient, keys: Keys
) -> None:
    world = await make_session(connection)
    for district, expected in (("310104", 200), ("310151", 404)):
        token = await staff_token(connection, keys, "district_admin", district=district)
        assert (await Caller(client, token).get(f"/clinic/sessions/{world.session_id}")).status_code == expected
