"""Places that are told are places that can be had: the smaller of window, online share and open doses."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from humiao.errors import CITY_ZONE
from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.factories import make_clinic, make_residents

CLINICS = "/api/v1/public/clinics"
FAR = (-45.0, -120.0)  # nobody else's clinic is near


def at(hour: int, minute: int = 0, *, days: int = 1) -> str:
    day = datetime.now(CITY_ZONE).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CITY_ZONE).isoformat()


class Clinic:
    """A clinic far from all others, with a clerk who publishes."""

    def __init__(self, client: httpx.AsyncClient, clerk: Caller, connection: asyncpg.Connection, number: int) -> None:
        self.client, self.clerk, self.connection, self.number = client, clerk, connection, number

    async def publish(
        self,
        *,
        capacities: tuple[int, ...] = (5, 5),
        quota: int = 3,
        vaccine: str = "IIV4",
        days: int = 1,
        opens: datetime | None = None,
        **stock: Any,
    ) -> dict[str, Any]:
        product = await self.connection.fetchval(
            "SELECT min(product_id) FROM products WHERE vaccine_code = $1", vaccine
        )
        quotas = [{"channel": "h5", "quota": quota, "bookable_from": opens and opens.isoformat()}]
        windows = [
            {"starts_at": at(9 + i, days=days), "ends_at": at(9 + i, 30, days=days), "capacity": capacity,
             "quotas": quotas}
            for i, capacity in enumerate(capacities)
        ]  # fmt: skip
        answer = await self.clerk.post("/clinic/sessions", {
            "clinic_id": self.number, "session_date": at(9, days=days)[:10], "title": "门诊", "windows": windows,
            "stocks": [{"product_id": product, "vials": 100, "vial_size": 1} | stock],
        })  # fmt: skip
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def found(self, vaccine: str = "IIV4") -> tuple[int, str] | None:
        """(free places, next date) as the search tells, or None where it does not tell of this clinic."""
        near = {"lat": FAR[0], "lng": FAR[1], "limit": 100, "vaccine": vaccine}
        items = (await self.client.get(CLINICS, params=near)).json()["items"]
        mine = [(item["free_places"], item["next_date"]) for item in items if item["clinic_id"] == self.number]
        return mine[0] if mine else None

    async def windows(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{CLINICS}/{self.number}/windows", params=query)
        return list(answer.json()["sessions"])


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> AsyncIterator[Clinic]:
    number = await make_clinic(connection)
    await connection.execute(
        "UPDATE clinics SET latitude = $2, longitude = $3 WHERE clinic_id = $1", number, FAR[0], FAR[1]
    )
    clerk = Caller(client, await staff_token(connection, keys, "clinic_staff", number))
    yield Clinic(client, clerk, connection, number)
    await connection.execute("UPDATE clinics SET hidden = true WHERE clinic_id = $1", number)


async def test_free_places_are_what_can_be_booked_online(clinic: Clinic) -> None:
    assert await clinic.found() is None
    await clinic.publish()  # two windows of five, three each online
    assert await clinic.found() == (6, at(9)[:10])
    await clinic.publish(days=2, vials=4)  # fewer doses than places
    assert await clinic.found() == (10, at(9)[:10])
    await clinic.publish(days=3, quota=0)
    await clinic.publish(days=4, opens=datetime.now(UTC) + timedelta(hours=1))
    await clinic.publish(days=5, vials=0)
    assert await clinic.found() == (10, at(9)[:10])
    assert await clinic.found("LAIV3") is None


async def test_holding_and_closing_take_places_off(clinic: Clinic, connection: asyncpg.Connection, keys: Keys) -> None:
    first, second = await clinic.publish(), await clinic.publish(days=2)
    (person,) = await make_residents(connection, keys.vault(), 1)
    resident = Caller(clinic.client, await resident_token(connection, keys, person))
    held = await resident.hold_place(person, first["windows"][0]["window_id"], first["stocks"][0]["stock_id"])
    assert held.status_code == 201
    assert await clinic.found() == (11, at(9)[:10])
    await clinic.clerk.post(f"/clinic/sessions/{first['session_id']}/close", {"reason": "停诊"})
    assert await clinic.found() == (6, at(9, days=2)[:10])
    states = {s["session_id"]: {w["state"] for w in s["windows"]} for s in await clinic.windows()}
    assert states == {first["session_id"]: {"closed"}, second["session_id"]: {"open"}}


async def test_vials_that_stay_closed_are_not_told_as_free(clinic: Clinic) -> None:
    sealed = datetime.now(UTC) - timedelta(minutes=1)
    await clinic.publish(vials=3, vial_size=4, no_new_vial_from=sealed.isoformat())
    assert await clinic.found() is None
    (session,) = await clinic.windows()
    assert [stock["free"] for stock in session["stocks"]] == [0]


async def test_a_begun_vial_is_told_until_it_is_full(
    clinic: Clinic, connection: asyncpg.Connection, keys: Keys
) -> None:
    session = await clinic.publish(vials=3, vial_size=4)
    (person,) = await make_residents(connection, keys.vault(), 1)
    resident = Caller(clinic.client, await resident_token(connection, keys, person))
    stock_id = session["stocks"][0]["stock_id"]
    held = await resident.hold_place(person, session["windows"][0]["window_id"], stock_id)
    assert held.status_code == 201
    seal = {"vials": 3, "no_new_vial_from": datetime.now(UTC).isoformat(), "reason": "不再开新瓶"}
    assert (await clinic.clerk.patch(f"/clinic/stocks/{stock_id}", seal)).json()["free"] == 11
    (seen,) = await clinic.windows()
    assert [stock["free"] for stock in seen["stocks"]] == [3]
    assert await clinic.found() == (3, at(9)[:10])


async def test_a_window_says_what_it_is(clinic: Clinic, connection: asyncpg.Connection) -> None:
    opens = datetime.now(UTC) + timedelta(hours=1)
    made = await clinic.publish(capacities=(5, 5, 5))
    later = await clinic.publish(days=2, capacities=(1,), quota=1, opens=opens)
    open_, full, ended = (window["window_id"] for window in made["windows"])
    await clinic.clerk.patch(f"/clinic/windows/{full}", {"capacity": 0, "reason": "停号"})
    await connection.execute(
        "UPDATE windows SET bookable_until = now() - interval '1 minute' WHERE window_id = $1", ended
    )
    told = {w["window_id"]: (w["state"], w["free"]) for s in await clinic.windows() for w in s["windows"]}
    not_yet = later["windows"][0]["window_id"]
    assert told == {open_: ("open", 3), full: ("full", 0), ended: ("ended", 3), not_yet: ("not_yet", 1)}


async def test_days_and_vaccine_choose_sessions(clinic: Clinic) -> None:
    flu, hib, far = await clinic.publish(), await clinic.publish(vaccine="Hib", days=3), await clinic.publish(days=13)

    async def numbers(**query: Any) -> list[int]:
        return [session["session_id"] for session in await clinic.windows(**query)]

    assert await numbers() == [flu["session_id"], hib["session_id"], far["session_id"]]
    assert await numbers(vaccine="Hib") == [hib["session_id"]]
    assert await numbers(vaccine="no-such") == []
    assert await numbers(date_from=at(9, days=2)[:10], date_to=at(9, days=3)[:10]) == [hib["session_id"]]
    assert await numbers(date_from=at(9, days=3)[:10], date_to=at(9, days=2)[:10]) == []
    assert await numbers(date_from="1999-01-01") == [flu["session_id"], hib["session_id"], far["session_id"]]
    assert await numbers(date_from="2199-12-31") == []


async def test_a_hidden_clinic_does_not_exist(clinic: Clinic, connection: asyncpg.Connection) -> None:
    await clinic.publish()
    await connection.execute("UPDATE clinics SET hidden = true WHERE clinic_id = $1", clinic.number)
    assert await clinic.found() is None
    for path in ("", "/windows"):
        answer = await clinic.client.get(f"{CLINICS}/{clinic.number}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_clinic")
