"""Passes over HTTP: who gets one, how long it lasts, and what it opens."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import jwt

from humiao.eligibility.places import Place, Places
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.callers import Caller
from tests.factories import make_session
from tests.passes import HEADER, pass_for

PASSES, HOLDS = "/resident/passes", "/resident/holds"


async def born(connection: asyncpg.Connection, person: UUID, birth_date: date, sex: str = "F") -> None:
    await connection.execute(
        "UPDATE persons SET birth_date = $2, sex = $3 WHERE person_id = $1", person, birth_date, sex
    )


async def ask(me: Caller, person: UUID, vaccine: str) -> tuple[int, dict[str, Any]]:
    answer = await me.post(PASSES, {"person_id": str(person), "vaccine_code": vaccine})
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


def years_before(day: date, years: int) -> date:
    return date(day.year - years, day.month, min(day.day, 28))


async def test_a_pass_says_what_it_is_for_and_opens_a_hold(
    me: Caller, person: UUID, connection: asyncpg.Connection, keys: Keys
) -> None:
    status, issued = await ask(me, person, "IIV4")
    assert status == 201
    assert set(issued) == {"pass", "person_id", "vaccine_code", "dose", "clinics", "expires_at"}
    assert (issued["person_id"], issued["vaccine_code"], issued["dose"], issued["clinics"]) == (
        str(person), "IIV4", None, None,
    )  # fmt: skip
    expires_at = datetime.fromisoformat(issued["expires_at"])
    assert timedelta(hours=2) - (expires_at - datetime.now(UTC)) < timedelta(seconds=10)
    claims = jwt.decode(issued["pass"], keys.token_keys[0].secret, algorithms=["HS256"], audience="pass")
    assert claims["exp"] == expires_at.timestamp(), "what is told is what is signed"

    world = await make_session(connection)
    wish = {"person_id": str(person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
    held = await me.send("POST", HOLDS, wish, headers={HEADER: issued["pass"]})
    assert held.status_code == 201, held.text


async def test_a_renewed_pass_changes_nothing_of_a_retry(
    me: Caller, person: UUID, connection: asyncpg.Connection, keys: Keys
) -> None:
    world, key = await make_session(connection, capacity=1), uuid4().hex
    wish = {"person_id": str(person), "window_id": world.window_ids[0], "stock_id": world.stock_id}

    async def hold(shown: str) -> httpx.Response:
        return await me.send("POST", HOLDS, wish, key=key, headers={HEADER: shown})

    first = await hold(pass_for(keys, person, ttl_s=60))
    assert first.status_code == 201
    expired = await hold(pass_for(keys, person, ttl_s=-1))
    assert (expired.status_code, expired.json()["code"]) == (401, "pass_expired")
    again = await hold(pass_for(keys, person, ttl_s=600, clinics=(world.clinic_id,)))
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_pass_for_these_clinics_is_good_there(
    me: Caller, person: UUID, connection: asyncpg.Connection, keys: Keys
) -> None:
    here, there = await make_session(connection), await make_session(connection)
    shown = {HEADER: pass_for(keys, person, clinics=(here.clinic_id, 1))}
    for world, code in ((there, "pass_not_valid_here"), (here, None)):
        wish = {"person_id": str(person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
        assert (await me.send("POST", HOLDS, wish, headers=shown)).json().get("code") == code


async def test_a_stock_that_was_asked_for_before_it_was_published_is_found(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    world, stock_id = await make_session(connection), uuid4().int >> 66
    early = await me.hold_place(person, world.window_ids[0], stock_id)
    assert early.json()["code"] == "no_such_stock"
    await connection.execute(
        """INSERT INTO session_stocks (stock_id, session_id, product_id, vials, vial_size)
           OVERRIDING SYSTEM VALUE SELECT $1, session_id, $3, 5, 1 FROM session_stocks WHERE stock_id = $2""",
        stock_id, world.stock_id,
        await connection.fetchval("SELECT max(product_id) FROM products WHERE vaccine_code = 'IIV4'"),
    )  # fmt: skip
    assert (await me.hold_place(person, world.window_ids[0], stock_id)).status_code == 201


async def test_a_place_that_everybody_asks_for_is_looked_up_once(
    connection: asyncpg.Connection, database: Database
) -> None:
    world, lookups = await make_session(connection), 0

    class Counting(Database):
        def read(self) -> Any:
            nonlocal lookups
            lookups += 1
            return database.read()

    places = Places(Counting(database._pool))
    found = await asyncio.gather(*(places.of(world.window_ids[0], world.stock_id) for _ in range(100)))
    assert set(found) == {Place(world.clinic_id, "IIV4")} == {await places.of(world.window_ids[0], world.stock_id)}
    assert lookups == 1


async def test_who_may_not_is_told_why_and_when(me: Caller, person: UUID, connection: asyncpg.Connection) -> None:
    today: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    child, boy, woman = years_before(today, 5), years_before(today, 20), years_before(today, 50)
    for birth_date, sex, vaccine, reason, told in (
        (child, "F", "HPV9", "too_young", {"from": date(child.year + 9, child.month, child.day),
                                           "until": date(child.year + 46, child.month, child.day)}),
        (woman, "F", "HPV9", "too_old", {"until": date(woman.year + 46, woman.month, woman.day)}),
        (boy, "M", "HPV2-CECOLIN", "wrong_sex", {}),
        (boy, "M", "RZV", "needs_assessment", {"from": date(boy.year + 50, boy.month, boy.day)}),
    ):  # fmt: skip
        await born(connection, person, birth_date, sex)
        status, refused = await ask(me, person, vaccine)
        assert (status, refused["code"], refused["reason"]) == (409, "not_eligible", reason)
        assert {name: refused[name] for name in ("from", "until") if name in refused} == {
            name: day.isoformat() for name, day in told.items()
        }
        assert "接种" in refused["detail"]
        assert str(birth_date.year) not in refused["detail"]


async def test_who_has_died_or_is_no_longer_theirs_gets_none(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    for table, spoil, mend in (
        ("persons", "status = 'deceased'", "status = 'active'"),
        ("guardianships", "ended_at = now()", "ended_at = NULL"),
    ):
        await connection.execute(f"UPDATE {table} SET {spoil} WHERE person_id = $1", person)
        status, refused = await ask(me, person, "IIV4")
        assert (status, refused["code"]) == (404, "unknown_person")
        await connection.execute(f"UPDATE {table} SET {mend} WHERE person_id = $1", person)
    assert (await ask(me, person, "IIV4"))[0] == 201
