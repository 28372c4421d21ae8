"""What a city costs to know: 100,000 windows loaded from PostgreSQL into Valkey, and the bytes of each thing kept."""

import asyncio
import itertools
import time
from typing import Any
from uuid import uuid4

import redis.asyncio

from bench.conftest import Record
from bench.town import Town, together, wish_of
from humiao.booking.models import ConfirmWish, Place

SESSIONS, WINDOWS_EACH = 5000, 20
PERMITS = 100_000
RESERVATIONS = 20_000
LOAD_AT_ONCE = 100

# Three channels and two stocks a session, as a clinic would publish it.
MANY_SESSIONS = """
WITH clinic AS (
    INSERT INTO clinics (clinic_id, clinic_code, district_code, name, pinyin, pinyin_initials, address, phone, latitude,
                         longitude, opening_hours, kinds, hidden, origin)
    SELECT 1999999999, 'bench', min(district_code), '测量门诊', 'celiang', 'cl', '测量', '-', 31.2, 121.4, '{}',
           '{adult}', true, 'rehearsal' FROM districts RETURNING clinic_id
), sessions AS (
    INSERT INTO clinic_sessions (clinic_id, session_date, title, published_by, origin)
    SELECT clinic_id, current_date + 1, '测量', 'bench', 'rehearsal' FROM clinic, generate_series(1, $1::integer)
    RETURNING session_id
), made AS (
    INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
    SELECT session_id, t, t + interval '20 minutes', t, 30
    FROM sessions, generate_series(1, $2::integer) AS i,
         LATERAL (SELECT date_trunc('hour', now()) + interval '1 day' + i * interval '20 minutes' AS t) AS at
    RETURNING window_id
), quotas AS (
    INSERT INTO window_quotas (window_id, channel, quota, bookable_from)
    SELECT window_id, channel, 10, now() - interval '1 hour' FROM made, unnest(ARRAY['h5', 'desk', 'phone']) AS channel
)
INSERT INTO session_stocks (session_id, product_id, vials, vial_size)
SELECT session_id, product_id, 300, 1
FROM sessions, LATERAL (SELECT product_id FROM products ORDER BY product_id LIMIT 2) AS p
"""
TABLES = ["claims", "live_claims", "idempotency_keys", "audit_entries", "audit_links", "outbox_messages"]


async def table_bytes(town: Town) -> dict[str, int]:
    """Bytes of each table that a reservation grows, with partitions, indexes and TOAST."""
    for table in TABLES:
        await town.sql.execute(f"VACUUM {table}")
    rows = await town.sql.fetch(
        """SELECT t, coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(t::regclass)),
                              pg_total_relation_size(t::regclass))::bigint AS bytes
           FROM unnest($1::text[]) AS t""",
        TABLES,
    )
    return {row["t"]: row["bytes"] for row in rows}


def test_a_city_in_valkey(town: Town, loop: asyncio.AbstractEventLoop, record: Record) -> None:
    run = loop.run_until_complete
    server = redis.asyncio.Redis.from_url(town.valkey.url)

    async def used() -> int:
        await server.execute_command("MEMORY", "PURGE")
        return int((await server.info("memory"))["used_memory"])

    async def measure() -> dict[str, Any]:
        await town.sql.execute(MANY_SESSIONS, SESSIONS, WINDOWS_EACH)
        await town.sql.execute("ANALYZE")
        ids = [
            row["session_id"]
            for row in await town.sql.fetch("SELECT session_id FROM clinic_sessions WHERE clinic_id = 1999999999")
        ]
        running = await town.engine()
        before = await used()
        began = time.perf_counter()
        for at in range(0, len(ids), LOAD_AT_ONCE):
            assert await running.gatekeeper.load(ids[at : at + LOAD_AT_ONCE])
        load_s = time.perf_counter() - began
        loaded = await used()
        live_bytes = await permits(running, loaded)
        await running.close()
        return {
            "windows": SESSIONS * WINDOWS_EACH, "load_s": round(load_s, 1),
            "valkey_bytes_per_window": round((loaded - before) / (SESSIONS * WINDOWS_EACH)),
            "valkey_bytes_per_live_permit": live_bytes,
        }  # fmt: skip

    async def permits(running: Any, loaded: int) -> int:
        rows = await town.sql.fetch(
            """SELECT w.session_id, w.window_id, min(s.stock_id) AS stock_id
               FROM windows w JOIN clinic_sessions c USING (session_id) JOIN session_stocks s USING (session_id)
               WHERE c.clinic_id = 1999999999 GROUP BY w.session_id, w.window_id ORDER BY w.window_id"""
        )
        places = [Place(row["session_id"], row["window_id"], "h5", row["stock_id"]) for row in rows]
        wanted = itertools.islice(itertools.cycle(places), PERMITS)
        jobs = [lambda p=p: running.gatekeeper.admit(p, f"{uuid4().hex}:{p.stock_id}") for p in wanted]
        answers = await together(jobs, 2048)
        assert {outcome for outcome, _ in answers} == {"granted"}
        live = sum(
            [len(state.permits) for at in range(0, SESSIONS, 500)
             for state in await running.gatekeeper.read([p.session_id for p in places[:: WINDOWS_EACH][at : at + 500]])]
        )  # fmt: skip
        assert live == PERMITS, "all permits must still be live when they are weighed"
        return round((await used() - loaded) / PERMITS)

    figures = run(measure())
    run(server.aclose())
    record("a city in Valkey", **figures)
    assert figures["load_s"] < 30


def test_bytes_of_a_reservation(town: Town, loop: asyncio.AbstractEventLoop, record: Record) -> None:
    run = loop.run_until_complete
    # Room that earlier measurements left in a table would be used first, and it would not grow.
    for table in TABLES:
        run(town.sql.execute(f"VACUUM FULL {table}"))
    spots = run(town.spots(20, RESERVATIONS))
    running = run(town.engine())
    people = run(town.residents(RESERVATIONS))
    before = run(table_bytes(town))
    wishes = [wish_of(person, spots[i % len(spots)]) for i, person in enumerate(people)]
    holds = run(together([lambda w=w: running.engine.hold(w) for w in wishes], 1024))
    confirms = [
        ConfirmWish(w.caller, hold["hold_id"], hold["hold_token"], uuid4().hex, b"\0" * 32)
        for w, hold in zip(wishes, holds, strict=True)
    ]
    run(together([lambda w=w: running.engine.confirm(w) for w in confirms], 1024))
    run(running.close())
    after = run(table_bytes(town))
    grown = {table: round((after[table] - before[table]) / RESERVATIONS) for table in TABLES}
    record("PostgreSQL bytes per confirmed reservation", total=sum(grown.values()), **grown)
    assert all(after[table] > before[table] for table in TABLES)
