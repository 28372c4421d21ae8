"""Joining at the desk or by the hotline: the person's one place, for staff of the room alone, on record."""

import secrets
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.api.rooms.conftest import OpenRoom
from tests.factories import make_clinic, make_residents
from tests.rooms import HEADER


async def with_document(connection: asyncpg.Connection, keys: Keys, person: UUID) -> str:
    """Give somebody a passport that can be found."""
    number = f"E{secrets.randbelow(10**8):08d}"
    index = keys.vault().blind_index("document", number)
    await connection.execute("UPDATE persons SET document_index = $2 WHERE person_id = $1", person, index)
    return number


def body(number: str, **changes: Any) -> dict[str, Any]:
    return {"channel": "phone", "name": "王小明", "document_type": "passport", "document_number": number} | changes


async def test_the_place_is_the_persons_and_counts_as_present(
    client: httpx.AsyncClient, new_room: OpenRoom, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await new_room(per_s=1)
    first, person = await make_residents(connection, keys.vault(), 2)
    await room.open_now()
    await room.join(first)
    number = await with_document(connection, keys, person)
    desk = Caller(client, await staff_token(connection, keys, "clinic_staff", room.world.clinic_id))
    path, key = f"/clinic/rooms/{room.room_id}/entries", uuid4().hex
    told = await desk.post(path, body(number), key=key)
    assert told.status_code == 201, told.text
    assert (told.json()["name_masked"], told.json()["is_new"]) == ("*小明", True)
    await room.tick(0)
    again = await desk.post(path, body(number), key=key)
    assert (again.json()["place"], again.json()["state"], again.json()["is_new"]) == (2, "waiting", True)

    me = Caller(client, await resident_token(connection, keys, person))
    own = await me.post(f"/resident/rooms/{room.room_id}/entries", {"person_id": str(person)})
    shown = await me.send("GET", f"/resident/rooms/{room.room_id}/place", headers={HEADER: own.json()["ticket"]})
    assert (shown.json()["state"], shown.json()["place"]) == ("waiting", 2), "the same place on their own device"
    asked = await desk.post(path, body(number, channel="desk"))
    assert (asked.json()["place"], asked.json()["is_new"]) == (2, False)

    await room.see(7)  # a gate reports, and neither of them polled
    assert await room.tick(2) == [2], "who came by hotline needs no page"
    assert (await desk.post(path, body(number))).json()["state"] == "admitted"

    rows = await connection.fetch(
        """SELECT source, detail::text FROM audit_entries WHERE subject = $1 AND action = 'room.joined'
           ORDER BY at, seq, n""",
        f"room:{room.room_id}",
    )
    assert [row["source"] for row in rows] == ["phone", "desk", "phone"], "a repeat is no other change"
    kept = "".join(row["detail"] for row in rows)
    assert number not in kept and "小明" not in kept


async def test_who_may_and_for_whom(
    client: httpx.AsyncClient, new_room: OpenRoom, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await new_room(per_s=1)
    await room.open_now()
    (person,) = await make_residents(connection, keys.vault(), 1)
    number = await with_document(connection, keys, person)
    path = f"/clinic/rooms/{room.room_id}/entries"
    district = await connection.fetchval("SELECT district_code FROM clinics WHERE clinic_id = $1", room.world.clinic_id)
    others = "SELECT min(district_code) FROM districts WHERE district_code <> $1"
    elsewhere = await connection.fetchval(others, district)
    staff = {
        "another clinic": ("clinic_staff", await make_clinic(connection), None, 404),
        "another district": ("district_admin", None, elsewhere, 404),
        "its district": ("district_admin", None, district, 201),
        "the city": ("city_admin", None, None, 201),
    }
    for name, (role, clinic, of_district, status) in staff.items():
        caller = Caller(client, await staff_token(connection, keys, role, clinic, district=of_district))
        answer = await caller.post(path, body(number))
        assert answer.status_code == status, (name, answer.text)
        assert status == 201 or answer.json()["code"] == "unknown_room"
    city = Caller(client, await staff_token(connection, keys, "city_admin"))
    for wrong in (body(number, name="李小红"), body("E99999999X")):
        answer = await city.post(path, wrong)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_person")
    reused = uuid4().hex
    await city.post(path, body(number), key=reused)
    other = await city.post(path, body(number, channel="desk"), key=reused)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert await connection.fetchval("SELECT count(*) FROM room_entries WHERE room_id = $1", room.room_id) == 1
