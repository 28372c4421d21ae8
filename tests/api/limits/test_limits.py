"""Limits on real servers: the pause after missed reservations, the deadline of cancelling, the size of a family."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from humiao.backoffice.audit import verify
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.limits.service import add_version, version_to_change
from humiao.settings import Settings
from tests.api.callers import Caller, staff_token
from tests.api.residents.test_people import PEOPLE, new_person
from tests.factories import World, make_residents, make_session

PASSES, RESERVATIONS = "/resident/passes", "/resident/reservations"


@asynccontextmanager
async def rule(connection: asyncpg.Connection, code: str, **changes: Any) -> AsyncIterator[None]:
    """Another version of a rule for a while."""
    was = await version_to_change(connection, code)
    assert was
    await add_version(connection, was.changed(**changes), reason="测试", by="sql", source="test")
    try:
        yield
    finally:
        await add_version(connection, was, reason="测试完毕", by="sql", source="test")


async def today(connection: asyncpg.Connection) -> date:
    found: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    return found


async def claimed(connection: asyncpg.Connection, person: UUID, world: World, *states: str) -> UUID:
    """A claim that went through these states."""
    claim_id, now = uuid4(), datetime.now(UTC)
    await connection.execute(
        """INSERT INTO claims (claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, held_at,
                               held_until, changed_by, changed_from)
           VALUES ($1, $1, $2, $2, $3, 'h5', $4, $5, $6, 'sql', 'test')""",
        claim_id, person, world.window_ids[0], world.stock_id, now, now + timedelta(minutes=10),
    )  # fmt: skip
    for state in states:
        await connection.execute(
            "UPDATE claims SET state = $2::claim_state, ended_at = CASE WHEN $2 = 'no_show' THEN now() END "
            "WHERE claim_id = $1",
            claim_id, state,
        )  # fmt: skip
    return claim_id


async def misses(connection: asyncpg.Connection, person: UUID, days_ago: int, vaccine: str = "IIV4") -> int:
    """A reservation that was missed so many days ago; returns its session, by which the day can be moved."""
    world = await make_session(connection, vaccine=vaccine)
    await claimed(connection, person, world, "confirmed", "no_show")
    await move(connection, world.session_id, days_ago)
    return world.session_id


async def move(connection: asyncpg.Connection, session_id: int, days_ago: int) -> None:
    """Drive the clock: as if the session had been so many days ago."""
    await connection.execute(
        "UPDATE clinic_sessions SET session_date = $2 WHERE session_id = $1",
        session_id, await today(connection) - timedelta(days=days_ago),
    )  # fmt: skip


async def ask(me: Caller, person: UUID, vaccine: str = "IIV4") -> httpx.Response:
    return await me.post(PASSES, {"person_id": str(person), "vaccine_code": vaccine})


async def test_three_missed_stop_the_fourth_until_the_day_that_is_named(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    await misses(connection, person, 100)
    await misses(connection, person, 50)
    assert (await ask(me, person)).status_code == 201
    last = await misses(connection, person, 10)
    refused = await ask(me, person)
    until = await today(connection) + timedelta(days=20)
    told = refused.json()
    assert (refused.status_code, told["code"], told["rule"], told["until"]) == (409, "limited", "no_show", str(until))
    assert told["explained"] == "180天内有3次预约后未到，网上预约暂停30天"
    assert f"{until.month}月{until.day}日起可以再预约" in told["detail"] and told["next_steps"]
    assert told["retry_at"] == f"{until}T00:00:00.000+08:00"
    assert (await ask(me, person, "TT")).json()["code"] == "limited", "whatever the vaccine"

    await move(connection, last, 29)
    assert (await ask(me, person)).json()["until"] == str(await today(connection) + timedelta(days=1))
    await move(connection, last, 30)
    assert (await ask(me, person)).status_code == 201


async def test_rabies_is_never_stopped_and_counts_for_nothing(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    for days_ago in (3, 2):
        await misses(connection, person, days_ago)
    await misses(connection, person, 1, "RabV")
    assert (await ask(me, person)).status_code == 201, "two that count, and one of rabies"
    await misses(connection, person, 1)
    assert (await ask(me, person)).json()["code"] == "limited"
    assert (await ask(me, person, "RabV")).status_code == 201


async def test_a_rule_that_is_switched_off_or_of_another_series_stops_nobody(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    for days_ago in (3, 2, 1):
        await misses(connection, person, days_ago)
    assert (await ask(me, person)).json()["code"] == "limited"
    async with rule(connection, "no_show", active=False):
        assert (await ask(me, person)).status_code == 201
    async with rule(connection, "no_show", series="MMR"):
        assert (await ask(me, person)).status_code == 201
    async with rule(connection, "no_show", effective_from=await today(connection) + timedelta(days=1), active=False):
        assert (await ask(me, person)).json()["code"] == "limited", "off from tomorrow on"
    assert (await ask(me, person)).json()["code"] == "limited"


async def test_the_deadline_of_cancelling(me: Caller, person: UUID, connection: asyncpg.Connection) -> None:
    world = await make_session(connection)
    elsewhere = await make_session(connection, starts_in=timedelta(days=3))
    claim = await claimed(connection, person, world, "confirmed")
    path = f"{RESERVATIONS}/{claim}"

    async def begins_in(span: timedelta) -> None:
        await connection.execute(
            """UPDATE windows SET starts_at = now() + $2, bookable_until = now() + $2,
                                  ends_at = now() + $2 + interval '1 hour' WHERE window_id = $1""",
            world.window_ids[0], span,
        )  # fmt: skip

    async with rule(connection, "cancel_deadline", before_minutes=120):
        await begins_in(timedelta(minutes=120))  # some milliseconds ago by the time it is asked
        late = await me.post(f"{path}/cancel", {})
        told = late.json()
        assert (late.status_code, told["code"], told["rule"]) == (409, "cancel_too_late", "cancel_deadline")
        starts_at = await connection.fetchval("SELECT starts_at FROM windows WHERE window_id = $1", world.window_ids[0])
        assert datetime.fromisoformat(told["latest"]) == starts_at - timedelta(minutes=120)
        body = {"window_id": elsewhere.window_ids[0], "stock_id": elsewhere.stock_id}
        assert (await me.post(f"{path}/reschedule", body)).json()["code"] == "cancel_too_late"
        shown = (await me.get(path)).json()
        assert (shown["state"], shown["can_cancel"], shown["can_reschedule"]) == ("confirmed", False, False)

        await begins_in(timedelta(minutes=121))
        assert (await me.get(path)).json()["can_cancel"]
        first = await me.post(f"{path}/cancel", {}, key="cancelled-in-time")
        assert (first.status_code, first.json()["state"]) == (200, "cancelled")
        await begins_in(timedelta(minutes=5))
        again = await me.post(f"{path}/cancel", {}, key="cancelled-in-time")
        assert (again.status_code, again.json()["state"]) == (200, "cancelled"), "a repeat is answered as at first"


@pytest.mark.parametrize(("vaccine", "before_minutes"), [("RabV", 120), ("IIV4", 0)])
async def test_without_a_deadline_a_reservation_is_cancelled_until_its_window_begins(
    me: Caller, person: UUID, connection: asyncpg.Connection, vaccine: str, before_minutes: int
) -> None:
    world = await make_session(connection, vaccine=vaccine, starts_in=timedelta(minutes=1))
    claim = await claimed(connection, person, world, "confirmed")
    async with rule(connection, "cancel_deadline", before_minutes=before_minutes):
        answer = await me.post(f"{RESERVATIONS}/{claim}/cancel", {})
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


async def test_a_family_never_outgrows_its_rule_even_at_once(
    me: Caller, person: UUID, connection: asyncpg.Connection
) -> None:
    async def add() -> httpx.Response:
        return await me.post(PEOPLE.removeprefix("/api/v1"), new_person())

    async with rule(connection, "family_size", most=4):
        answers = await asyncio.gather(*(add() for _ in range(10)))
        refused = [answer.json() for answer in answers if answer.status_code != 201]
        assert {(told["code"], told["rule"]) for told in refused} == {("too_many_people", "family_size")}
        assert len(refused) == 7, "the account holder is one of the four"
        assert refused[0]["detail"].startswith("一个账户最多管理4位接种人")
    async with rule(connection, "family_size", active=False):
        assert (await add()).status_code == 201


async def test_counting_without_the_accounts_lock_lets_a_family_outgrow_it(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    """The control: everybody counts before anybody binds."""
    account, *others = await make_residents(connection, keys.vault(), 5)
    counted = asyncio.Barrier(4)

    async def bind(person: UUID) -> None:
        async with database.transaction() as unguarded:
            people = await unguarded.fetchrow(statement("residents/count_people"), account)
            await counted.wait()
            if people["people"] < 2:
                await unguarded.execute(statement("residents/bind_person"), account, person, "child")

    await asyncio.gather(*(bind(person) for person in others))
    found = await connection.fetchrow(statement("residents/count_people"), account)
    assert found["people"] == 5


async def test_a_vaccine_for_people_of_some_districts(me: Caller, person: UUID, connection: asyncpg.Connection) -> None:
    path, until = f"/resident/people/{person}/districts", await today(connection) + timedelta(days=40)

    async def lives(residence: str | None, work: str | None) -> None:
        said = {"residence_district": residence, "work_district": work}
        answer = await me.send("PUT", path, said)
        assert answer.status_code == 200 and said.items() <= answer.json().items(), answer.text

    here: dict[str, Any] = {"series": "FLU", "districts": ["310104", "310101"], "basis": "either", "active": True}
    async with rule(connection, "district", **here):
        refused = (await ask(me, person)).json()
        assert (refused["code"], refused["rule"]) == ("other_district", "district"), "nothing declared yet"
        assert (
            "黄浦区、徐汇区" in refused["detail"]
            and "没有结束日期" in refused["detail"]
            and "12345" in refused["detail"]
        )
        assert refused["next_steps"][0]["action"] == "my_people" and "until" not in refused
        assert (await ask(me, person, "TT")).status_code == 201, "another series"
        assert (await ask(me, person, "RabV")).status_code == 201
        await lives("310115", "310104")
        assert (await ask(me, person)).status_code == 201, "works there"
    async with rule(connection, "district", **here | {"basis": "residence", "effective_until": until}):
        refused = (await ask(me, person)).json()
        assert (refused["code"], refused["until"]) == ("other_district", str(until))
        assert refused["retry_at"].startswith(str(until))
        await lives("310101", None)
        assert (await ask(me, person)).status_code == 201
        async with rule(connection, "district", **here | {"series": None, "basis": "work"}):
            assert (await ask(me, person, "RabV")).status_code == 201, "rabies is exempt from every rule"
    entry = await connection.fetchrow(
        "SELECT action, detail FROM audit_entries WHERE subject = $1 ORDER BY at DESC, seq DESC LIMIT 1",
        f"person:{person}",
    )
    assert entry["action"] == "person.districts"


async def test_staff_see_the_rules_as_people_are_told(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys
) -> None:
    tomorrow = await today(connection) + timedelta(days=1)
    city = Caller(client, await staff_token(connection, keys, "city_admin"))
    async with rule(connection, "family_size", most=8, effective_from=tomorrow):
        listed = (await city.get("/admin/limits")).json()["items"]
    family = [item for item in listed if item["code"] == "family_size"]
    assert [(item["most"], item["in_force"], item["text_zh"]) for item in family] == [
        (8, False, "一个账户最多管理8位接种人"), (12, True, "一个账户最多管理12位接种人"),
    ]  # fmt: skip
    assert {item["code"]: item["kind"] for item in listed} == {
        kind: kind for kind in ("no_show", "cancel_deadline", "family_size", "device_accounts", "district")
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "flu_no_show", "series": "RAB"},
        {"code": "flu_no_show", "pause_days": 0},
        {"code": "flu_no_show", "before_minutes": 5},
        {"code": "Flu", "series": "FLU"},
        {"code": "family_size"},
        {"code": "flu_no_show", "effective_until": date(2020, 1, 1)},
        {"code": "flu_no_show", "districts": ["310104"], "basis": "work"},
        {"code": "hpv_here", "kind": "district"},
        {"code": "district", "districts": ["徐汇"]},
        {"code": "district", "series": "RAB"},
        {"code": "device_accounts", "series": "FLU"},
        {"code": "device_accounts", "within_days": 400},
    ],
)
async def test_the_table_refuses_what_is_no_rule(connection: asyncpg.Connection, changes: dict[str, Any]) -> None:
    code = str(changes["code"])
    was = await version_to_change(connection, code if code in ("district", "device_accounts") else "no_show")
    assert was
    with pytest.raises(asyncpg.PostgresError):
        await add_version(connection, was.changed(**changes), reason="测试", by="sql", source="test")


async def test_versions_stay_and_are_on_record(connection: asyncpg.Connection) -> None:
    async with rule(connection, "cancel_deadline", before_minutes=30):
        entry = await connection.fetchrow(
            "SELECT * FROM audit_entries WHERE subject = 'limit:cancel_deadline' ORDER BY at DESC, seq DESC LIMIT 1"
        )
    assert (entry["action"], entry["actor"], entry["source"], entry["reason"]) == ("limit.set", "sql", "test", "测试")
    assert '"before_minutes": 30' in entry["detail"] or entry["detail"]["before_minutes"] == 30
    assert (await verify(connection)).sound
    for change in ("UPDATE claim_limits SET active = false", "DELETE FROM claim_limits"):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(change)


async def test_the_command_line_writes_a_version_and_lists_it(
    connection: asyncpg.Connection, settings: Settings
) -> None:
    async def humiao(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("humiao")), "limits", *arguments,
            env=os.environ | {"HUMIAO_DATABASE_URL": str(settings.database_url), "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, output.decode()

    async with rule(connection, "no_show", most=3):
        code, output = await humiao("set", "no_show", "--most", "5", "--reason", "试行")
        assert code == 0, output
        entry = await connection.fetchrow(
            "SELECT * FROM audit_entries WHERE subject = 'limit:no_show' AND source = 'cli' ORDER BY at DESC LIMIT 1"
        )
        assert (entry["action"], entry["reason"]) == ("limit.set", "试行")
        code, output = await humiao("list")
        assert code == 0 and "180天内有5次预约后未到" in output, output
        code, output = await humiao("set", "no_show", "--series", "RAB", "--reason", "试行")
        assert code == 1 and "claim_limits_series_check" in output, output
    assert (await humiao("set", "no_such_rule", "--off", "--reason", "试行"))[0] == 1
