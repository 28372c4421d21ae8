"""Booking looks rows up one by one, also where nobody has told the planner how large the tables have become.

A plan made while the tables were empty is kept (force_generic_plan). One that reads a whole table is quick on the first
day and slower with every hold: a batch took three times as long after a hundred thousand.
"""

from uuid import UUID, uuid4

import asyncpg

from humiao.booking.ledger import Ledger
from humiao.booking.models import ConfirmWish, EndWish, HoldWish
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.vaccines.load import load_catalogue
from tests.concurrency.test_control import scratch_database
from tests.conftest import Servers
from tests.factories import hold_wish, make_residents, make_session

PLACES = ("windows", "window_quotas", "session_stocks")
GROWING = ("accounts", "persons", "guardianships", "claims", "live_claims", "idempotency_keys")
PEOPLE, BATCH = 240, 40
SESSIONS, ASKING = 200, 4


async def book(ledger: Ledger, wishes: list[HoldWish]) -> None:
    """Hold, confirm, look up and cancel (every second one) in a batch, as the engine does."""
    holds = (await ledger.hold_many(wishes)).decisions
    assert {decision.code for decision in holds} == {"granted"}
    answers = [decision.answer or {} for decision in holds]
    confirms = [
        ConfirmWish(w.caller, UUID(a["hold_id"]), UUID(a["hold_token"]), uuid4().hex, b"c" * 32)
        for w, a in zip(wishes, answers, strict=True)
    ]
    assert {d.code for d in (await ledger.confirm_many(confirms)).decisions} == {"confirmed"}
    assert None not in await ledger.find_answers([(w.caller.actor, w.key) for w in wishes])
    ends = [EndWish(c.caller, "cancel", c.claim_id, None, None, uuid4().hex, b"e" * 32) for c in confirms[::2]]
    assert {d.code for d in (await ledger.end_many(ends)).decisions} == {"cancelled"}


async def test_no_table_that_grows_is_read_from_end_to_end(servers: Servers, keys: Keys) -> None:
    async with scratch_database(servers) as url:
        connection = await asyncpg.connect(url)
        await load_catalogue(connection)
        for table in GROWING:  # the planner knows nothing of them, and nobody tells it
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        world = await make_session(connection, capacity=PEOPLE)
        people = await make_residents(connection, keys.vault(), PEOPLE)
        # A connection tells its statistics when it ends.
        await connection.close()
        before = await rows_read(url, "seq_tup_read")
        database = await Database.connect(url, connections=1, generic_plans=True)
        ledger = Ledger(database, hold_ttl_ms=600_000, grace_ms=0)
        for at in range(0, PEOPLE, BATCH):
            await book(ledger, [hold_wish(person, world) for person in people[at : at + BATCH]])
        await database.close()
        after = await rows_read(url, "seq_tup_read")
        read = {table: after[table] - before[table] for table in GROWING if after[table] != before[table]}
        assert read == {}


async def test_a_batch_reads_the_places_it_asks_for_and_no_others(servers: Servers, keys: Keys) -> None:
    """The planner knows of some hundred rows, and may think that to read all of them is as good."""
    async with scratch_database(servers) as url:
        connection = await asyncpg.connect(url)
        await load_catalogue(connection)
        worlds = [await make_session(connection, windows=2) for _ in range(SESSIONS)]
        people = await make_residents(connection, keys.vault(), ASKING)
        await connection.execute("ANALYZE")
        await connection.close()
        before = await rows_read(url, "seq_tup_read + idx_tup_fetch")
        database = await Database.connect(url, connections=1, generic_plans=True)
        ledger = Ledger(database, hold_ttl_ms=600_000, grace_ms=0)
        await book(ledger, [hold_wish(person, world) for person, world in zip(people, worlds, strict=False)])
        await database.close()
        after = await rows_read(url, "seq_tup_read + idx_tup_fetch")
        # Each place is locked, judged, moved and told of: some twenty looks. To read a table whole is SESSIONS or more.
        read = {table: after[table] - before[table] for table in PLACES}
        assert {table: rows for table, rows in read.items() if rows >= SESSIONS} == {}


async def rows_read(url: str, counted: str) -> dict[str, int]:
    """By table, as everybody who has left tells it; `counted`: what of the view of statistics."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(f"SELECT relname, {counted} AS rows FROM pg_stat_user_tables")
    await connection.close()
    return {row["relname"]: row["rows"] for row in rows}
