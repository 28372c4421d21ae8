"""What has had its day is forgotten, what may still be asked for is kept, and next month has its partition."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from humiao.kit.database import Database
from humiao.kit.migrations import migrate
from humiao.kit.sql import statement
from humiao.waitlist.audit import audit
from humiao.worker.tasks import Housekeeper
from tests.conftest import Servers
from tests.unit.worker.conftest import Workshop
from tests.waitlists import bring_doses, make_line, one_round


async def clean(workshop: Workshop) -> None:
    assert await Housekeeper(workshop.database).step() == 0


async def partitions(connection: Any) -> list[str]:
    rows = await connection.fetch(
        """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'audit_entries'::regclass AND c.relname <> 'audit_entries_default' ORDER BY 1"""
    )
    return [row["relname"] for row in rows]


def months_from(first: date, count: int) -> list[str]:
    numbers = [first.year * 12 + first.month - 1 + n for n in range(count)]
    return [f"audit_entries_{n // 12}{n % 12 + 1:02d}" for n in numbers]


@pytest.mark.parametrize(("age", "kept"), [("2 days 23 hours", True), ("3 days 1 hour", False)])
async def test_answers_are_kept_three_days(workshop: Workshop, age: str, kept: bool) -> None:
    key = uuid4().hex
    await workshop.connection.execute(
        """INSERT INTO idempotency_keys (actor, key, operation, body_hash, answer, created_at)
           VALUES ('account:x', $1, 'hold', '', '{}', now() - $2::text::interval)""",
        key, age,
    )  # fmt: skip
    await clean(workshop)
    found = await workshop.connection.fetchval("SELECT count(*) FROM idempotency_keys WHERE key = $1", key)
    assert bool(found) is kept


@pytest.mark.parametrize(
    ("sent", "age", "kept"), [(True, "29 days", True), (True, "31 days", False), (False, "90 days", True)]
)
async def test_sent_messages_are_kept_a_month_and_unsent_ones_until_they_are_sent(
    workshop: Workshop, sent: bool, age: str, kept: bool
) -> None:
    message_id = await workshop.connection.fetchval(
        """INSERT INTO outbox_messages (topic, subject, created_at, next_try_at, sent_at)
           VALUES ('test', 'test:1', now() - $1::text::interval, 'infinity',
                   CASE WHEN $2 THEN now() - $1::text::interval END) RETURNING message_id""",
        age, sent,
    )  # fmt: skip
    await clean(workshop)
    found = await workshop.connection.fetchval("SELECT count(*) FROM outbox_messages WHERE message_id = $1", message_id)
    assert bool(found) is kept


@pytest.mark.parametrize(("age", "kept"), [("1 day", True), ("3 days", False)])
async def test_codes_outlive_the_day_that_counts_them(workshop: Workshop, age: str, kept: bool) -> None:
    code_id = uuid4()
    await workshop.connection.execute(
        """INSERT INTO login_codes (code_id, phone_index, purpose, device_index, code_digest, tries_left, expires_at,
                                    created_at)
           VALUES ($1, '', 'login', '', '', 5, now(), now() - $2::text::interval)""",
        code_id, age,
    )  # fmt: skip
    await clean(workshop)
    found = await workshop.connection.fetchval("SELECT count(*) FROM login_codes WHERE code_id = $1", code_id)
    assert bool(found) is kept


@pytest.mark.parametrize(("over_for", "kept"), [("-1 hour", True), ("6 days", True), ("8 days", False)])
async def test_logins_are_forgotten_a_week_after_their_end(workshop: Workshop, over_for: str, kept: bool) -> None:
    account_id = uuid4()
    await workshop.connection.execute(
        "INSERT INTO accounts (account_id, phone_sealed, phone_index) VALUES ($1, '', $2)", account_id, account_id.bytes
    )
    await workshop.connection.execute(
        """INSERT INTO login_sessions (login_session_id, account_id, refresh_digest, expires_at)
           VALUES ($1, $1, $2, now() - $3::text::interval)""",
        account_id, account_id.bytes, over_for,
    )  # fmt: skip
    await clean(workshop)
    found = await workshop.connection.fetchval("SELECT count(*) FROM login_sessions WHERE account_id = $1", account_id)
    assert bool(found) is kept


async def test_the_coming_months_have_their_partitions(workshop: Workshop) -> None:
    today = await workshop.connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    three = months_from(today, 3)
    assert await partitions(workshop.connection) == three
    await workshop.connection.execute(f"DROP TABLE {three[-1]}")  # as if time had passed
    await clean(workshop)
    assert await partitions(workshop.connection) == three
    await clean(workshop)
    assert await partitions(workshop.connection) == three


async def test_autovacuum_keeps_out_of_the_way_of_every_partition_and_of_one_that_is_made_later(
    workshop: Workshop,
) -> None:
    third = (await partitions(workshop.connection))[-1]
    await workshop.connection.execute(f"DROP TABLE {third}")
    await clean(workshop)
    rows = await workshop.connection.fetch(
        """SELECT c.relname, c.reloptions FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
           WHERE i.inhparent = 'audit_entries'::regclass
              OR c.relname IN ('audit_links', 'claims', 'live_claims', 'idempotency_keys') AND c.relkind = 'r'"""
    )
    options = {row["relname"]: {told for told in row["reloptions"] if told.startswith("autovacuum_")} for row in rows}
    assert len(options) == 8
    assert third in options
    unhurried = {
        "autovacuum_vacuum_cost_delay=20",
        "autovacuum_vacuum_insert_threshold=1000000",
        "autovacuum_analyze_threshold=1000000",
    }
    assert options == dict.fromkeys(options, unhurried)


async def test_claims_are_analyzed_once_a_night_and_never_by_day(workshop: Workshop) -> None:
    async def analyzed(hour: int, days: int) -> bool:
        return await workshop.connection.fetchval(
            """SELECT analyze_claims_by_night((date_trunc('day', now() AT TIME ZONE 'Asia/Shanghai')
                      + make_interval(days => $2, hours => $1, mins => 30)) AT TIME ZONE 'Asia/Shanghai')""",
            hour, days,
        )  # fmt: skip

    # Days from now on: what is analyzed here is so at the wall's time.
    assert [await analyzed(hour, 2) for hour in (1, 5, 9, 23)] == [False] * 4
    assert await analyzed(2, 2)
    await workshop.connection.execute("SELECT pg_stat_force_next_flush()")
    seen = await workshop.connection.fetchval("SELECT last_analyze FROM pg_stat_user_tables WHERE relname = 'claims'")
    assert seen is not None
    assert [await analyzed(hour, 0) for hour in (2, 4)] == [False] * 2
    assert await analyzed(4, 2)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
async def test_months_are_the_citys_wherever_the_server_stands(servers: Servers, workshop: Workshop, zone: str) -> None:
    name = f"scratch_{uuid4().hex[:8]}"
    url = f"{servers.database_url.rpartition('/')[0]}/{name}"
    await workshop.connection.execute(f"CREATE DATABASE {name}")
    try:
        await workshop.connection.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'")
        await migrate(url)
        database = await Database.connect(url, connections=1)
        async with database.read() as connection:
            three = await partitions(connection)
            await connection.execute(f"DROP TABLE {three[-1]}")
        assert await Housekeeper(database).step() == 0
        async with database.read() as connection:
            assert await partitions(connection) == three
        await database.close()
    finally:
        await workshop.connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_month_that_has_begun_without_its_partition_stops_nothing(workshop: Workshop) -> None:
    today = await workshop.connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    third = months_from(today, 3)[-1]
    await workshop.connection.execute(f"DROP TABLE {third}")
    await workshop.connection.execute(
        """INSERT INTO audit_entries (at, lane, seq, n, actor, source, action, subject, detail, database_user)
           VALUES (date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'
                   + interval '2 months 3 days', 1, 1, 1, 'sql', 'sql', 'test', 'test:1', '{}', 'test')"""
    )
    await clean(workshop)
    assert third not in await partitions(workshop.connection)  # its entries are safe where they are


@pytest.mark.parametrize(("days_ago", "kept"), [(180, True), (181, False)])
async def test_skips_are_forgotten_and_the_audit_still_counts_them(
    workshop: Workshop, days_ago: int, kept: bool
) -> None:
    connection = workshop.connection
    line = await make_line(connection, workshop.vault, 4)
    await connection.execute("UPDATE persons SET status = 'deceased' WHERE person_id = ANY ($1)", line.people[:2])
    release, world = await bring_doses(connection, line.campaign_id, 1)
    done = await one_round(workshop.database, release, line.campaign_id)
    assert (done.offers, done.skips) == (1, 2)
    await connection.execute(
        """UPDATE clinic_sessions SET session_date = (now() AT TIME ZONE 'Asia/Shanghai')::date - $2::integer
           WHERE session_id = $1""",
        world.session_id, days_ago,
    )  # fmt: skip
    await clean(workshop)
    row = await connection.fetchrow(
        """SELECT skips_forgotten, (SELECT count(*) FROM offer_skips k WHERE k.round_id = o.round_id) AS there
           FROM offer_rounds o WHERE release_id = $1""",
        release,
    )
    assert tuple(row) == ((None, 2) if kept else (2, 0))
    assert (await audit(connection)).findings == ()
    if not kept:
        async with connection.transaction():
            await connection.execute("UPDATE offer_rounds SET skips_forgotten = 1 WHERE release_id = $1", release)
            assert await connection.fetch(statement("waitlist/audit_order")), "one too many was passed over"
            await connection.execute("UPDATE offer_rounds SET skips_forgotten = 2 WHERE release_id = $1", release)
