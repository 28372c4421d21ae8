"""`humiao room`: a room run from the command line, on record, in words and for machines."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from humiao.cli import app
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.rooms.running import Why, rate_now
from humiao.settings import Settings
from tests.factories import make_residents, make_session
from tests.rooms import RoomStage, open_room


async def told(settings: Settings, *words: str, code: int = 0) -> str:
    environment = {"HUMIAO_DATABASE_URL": settings.database_url, "HUMIAO_HOME": str(settings.home), "COLUMNS": "200",
                   "HUMIAO_KEYS_FILE": str(settings.keys_path)}  # fmt: skip
    done = await asyncio.to_thread(CliRunner().invoke, app, ["room", *words], env=environment)
    assert done.exit_code == code, done.output
    return done.output


async def as_json(settings: Settings, *words: str) -> Any:
    return json.loads(await told(settings, *words, "--json"))


async def test_a_room_from_its_opening_to_its_end(settings: Settings, connection: asyncpg.Connection) -> None:
    world = await make_session(connection)
    room = await as_json(settings, "open", "流感专场", "--session", str(world.session_id), "--rate", "120")
    number = str(room["room_id"])
    assert (room["title"], room["scope"], room["rate_per_minute"], room["session_ids"]) == (
        "流感专场", "session", 120, [world.session_id],
    )  # fmt: skip
    assert "已有" in await told(settings, "open", "又一个", "--session", str(world.session_id), "--rate", "1", code=1)
    assert (await as_json(settings, "rate", number, "60", "--reason", "接种台少"))["rate_per_minute"] == 60
    paused = await as_json(settings, "pause", number, "--reason", "冷链报警")
    assert (paused["rate_now"], paused["why"]) == (0, "paused")
    assert not (await as_json(settings, "resume", number, "--reason", "恢复"))["paused"]
    assert room["room_id"] in [one["room_id"] for one in await as_json(settings, "list")]
    assert "流感专场" in await told(settings, "list")
    assert (await as_json(settings, "close", number, "--reason", "结束"))["why"] == "closed"
    assert "room_closed" in await told(settings, "resume", number, "--reason", "再开", code=1)
    assert "unknown_room" in await told(settings, "show", str(2**40), code=1)
    rows = await connection.fetch(
        "SELECT actor, source, action, reason FROM audit_entries WHERE subject = $1 ORDER BY at, seq, n",
        f"room:{number}",
    )
    assert [row["reason"] for row in rows] == [None, "接种台少", "冷链报警", "恢复", "结束"]
    assert {(row["actor"], row["source"]) for row in rows} == {("sql", "cli")}


async def test_the_figures_are_those_of_the_record(
    settings: Settings, database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room: RoomStage = await open_room(database, connection, keys, per_s=1)
    people = await make_residents(connection, keys.vault(), 5)
    for person in people:
        await room.join(person)
    await room.open_now()
    assert await room.tick(2) == [1, 2]
    shown = await as_json(settings, "show", str(room.room_id))
    assert (shown["front"], shown["last_let_in"]) == (3, 2)
    counts = shown["counts"]
    assert (counts["waiting"], counts["present"], counts["inside"], counts["used"]) == (3, 3, 2, 0)
    words = await told(settings, "show", str(room.room_id))
    assert "队首位次" in words and room.rooms is not None
    await connection.execute("UPDATE rooms SET pace_milli = 50, ledger_ms = 900 WHERE room_id = $1", room.room_id)
    slow = await told(settings, "show", str(room.room_id))
    assert "记账变慢" in slow and "900 ms" in slow


OPEN = {"state": "on", "is_on": True, "paused": False, "opens_at": datetime(2026, 1, 1, tzinfo=UTC), "rate_milli": 1000,
        "pace_milli": 1000, "pace_per_minute": 60}  # fmt: skip
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, (60, "as_set")),
        ({"pace_milli": 500, "pace_per_minute": 30}, (30, "ledger_slow")),
        ({"paused": True}, (0, "paused")),
        ({"is_on": False}, (0, "nobody_waits")),
        ({"opens_at": NOW + timedelta(seconds=1)}, (0, "early")),
        ({"state": "off", "is_on": False}, (0, "off")),
        ({"state": "closed", "is_on": False, "paused": True}, (0, "closed")),
    ],
)
def test_why_fewer_are_let_in(changes: dict[str, Any], wanted: tuple[int, Why]) -> None:
    assert rate_now(OPEN | changes, NOW) == wanted
