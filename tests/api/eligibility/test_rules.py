"""Passes by the rules: dose and edition in the claims, the day of the appointment, and what the records say."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import jwt

from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version
from humiao.immunizations.service import read_edition
from humiao.kit.keys import Keys
from tests.api.callers import Caller
from tests.factories import World, make_session
from tests.passes import HEADER

PASSES, HOLDS = "/resident/passes", "/resident/holds"


async def today(connection: asyncpg.Connection) -> date:
    found: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    return found


async def born(connection: asyncpg.Connection, person: UUID, birth: date) -> None:
    await connection.execute("UPDATE persons SET birth_date = $2 WHERE person_id = $1", person, birth)


async def given(connection: asyncpg.Connection, person: UUID, vaccine: str, day: date) -> None:
    async with connection.transaction():
        one = StoredRecord(person, Record(vaccine, day), source="paper", verified=True)
        await add_version(connection, one, by="staff:1", source="desk")


def claims_of(keys: Keys, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = jwt.decode(
        answer.json()["pass"], keys.token_keys[0].secret, algorithms=["HS256"], audience="pass"
    )
    return found


async def ask(me: Caller, person: UUID, vaccine: str, **more: str) -> httpx.Response:
    return await me.post(PASSES, {"person_id": str(person), "vaccine_code": vaccine} | more)


async def test_a_pass_says_which_dose_by_which_rules(
    me: Caller, person: UUID, connection: asyncpg.Connection, keys: Keys
) -> None:
    day = await today(connection)
    await born(connection, person, day - timedelta(days=700))
    claims = claims_of(keys, await ask(me, person, "MMR"))
    assert (claims["dose"], claims["rul"], claims["day"]) == (1, read_edition().id, str(day))
    await given(connection, person, "MMR", day - timedelta(days=28))
    assert claims_of(keys, await ask(me, person, "MMR"))["dose"] == 2
    assert claims_of(keys, await ask(me, person, "IIV4"))["dose"] is None


async def test_who_comes_too_soon_is_told_the_day_and_may_ask_for_it(
    me: Caller, person: UUID, connection: asyncpg.Connection, keys: Keys
) -> None:
    day = await today(connection)
    await born(connection, person, day - timedelta(days=700))
    await given(connection, person, "MMR", day - timedelta(days=27))
    refused = (await ask(me, person, "MMR")).json()
    tomorrow = str(day + timedelta(days=1))
    assert (refused["code"], refused["reason"], refused["from"]) == ("not_eligible", "too_soon", tomorrow)
    assert refused["rule"]
    assert "接种" in refused["explained"]
    claims = claims_of(keys, await ask(me, person, "MMR", on=tomorrow))
    assert (claims["dose"], claims["day"]) == (2, tomorrow)


async def test_a_pass_for_a_later_day_opens_no_earlier_window(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    day = await today(connection)
    world = await make_session(connection)
    session_day = await connection.fetchval(
        "SELECT session_date FROM clinic_sessions JOIN windows USING (session_id) WHERE window_id = $1",
        world.window_ids[0],
    )
    wish = {"person_id": str(person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
    codes = []
    for on in (session_day + timedelta(days=1), max(session_day, day)):
        issued = await ask(me, person, "IIV4", on=str(on))
        held = await me.send("POST", HOLDS, wish, headers={HEADER: issued.json()["pass"]})
        codes.append((held.status_code, held.json().get("code")))
    assert codes == [(403, "pass_not_valid_here"), (201, None)]


async def test_who_has_all_doses_is_told_so(me: Caller, person: UUID, connection: asyncpg.Connection) -> None:
    day = await today(connection)
    await born(connection, person, day - timedelta(days=800))
    await given(connection, person, "HepA-L", day - timedelta(days=100))
    refused = (await ask(me, person, "HepA-I")).json()
    assert (refused["code"], refused["reason"]) == ("not_eligible", "already_complete")


async def test_a_reservation_moves_only_to_a_day_on_which_the_person_may_come(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    sooner = await make_session(connection, vaccine="MMR", starts_in=timedelta(days=2))
    later = await make_session(connection, vaccine="MMR", starts_in=timedelta(days=6), clinic_id=sooner.clinic_id)
    latest = await make_session(connection, vaccine="MMR", starts_in=timedelta(days=9), clinic_id=sooner.clinic_id)
    may_from = later.day
    await born(connection, person, may_from - timedelta(days=700))
    await given(connection, person, "MMR", may_from - timedelta(days=28))
    shown = (await ask(me, person, "MMR", on=str(may_from))).json()["pass"]
    wish = {"person_id": str(person), "window_id": later.window_ids[0], "stock_id": later.stock_id}
    hold = (await me.send("POST", HOLDS, wish, headers={HEADER: shown})).json()
    assert (await me.post(f"{HOLDS}/{hold['hold_id']}/confirm", {"hold_token": hold["hold_token"]})).status_code == 200
    move = f"/resident/reservations/{hold['hold_id']}/reschedule"

    async def moved(world: World, key: str) -> httpx.Response:
        return await me.post(move, {"window_id": world.window_ids[0], "stock_id": world.stock_id}, key=key)

    async def where() -> int:
        found: int = await connection.fetchval(
            "SELECT window_id FROM claims WHERE claim_id = $1::uuid AND state = 'confirmed'", UUID(hold["hold_id"])
        )
        return found

    refused = await moved(sooner, "a-key-for-too-soon")
    told = refused.json()
    assert (refused.status_code, told["code"], told["reason"], told["from"]) == (
        409, "not_eligible", "too_soon", str(may_from),
    )  # fmt: skip
    assert await where() == later.window_ids[0]
    first = await moved(latest, "a-key-for-the-latest")
    assert (first.status_code, await where()) == (200, latest.window_ids[0])
    # The rules say no by now; what was answered is answered alike.
    await given(connection, person, "MMR", await today(connection))
    again = await moved(latest, "a-key-for-the-latest")
    assert (again.status_code, again.json()["window"]) == (200, first.json()["window"])
    assert (await moved(later, "a-key-for-going-back")).json()["code"] == "not_eligible"
