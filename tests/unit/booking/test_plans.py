"""Booking looks rows up one by one, also where nobody has told the planner how large the tables have become.

A plan made while the tables were empty is kept (force_generic_plan). One that reads a whole table is quick on the first
day and slower with every hold: a batch took three times as long after a hundred thousand.
"""

from uuid import UUID, uuid4

import asyncpg

from humiao.booking.ledger import Ledger
from humiao.booking.models import ConfirmWish, EndWish
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.vaccines.load import load_catalogue
from tests.concurrency.test_control import scratch_database
from tests.conftest import Servers
from tests.factories import World, hold_wish, make_residents, make_session

GROWING = ("accounts", "persons", "guardianships", "claims", "live_claims", "idempotency_keys")
PEOPLE, BATCH = 240, 40


async def book(ledger: Ledger, people: list[UUID], world: World) -> None:
    """Hold, confirm, look up and cancel in batches, as the engine does."""
    for at in range(0, len(people), BATCH):
        wishes = [hold_wish(person, world) for person in people[at : at + BATCH]]
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
        before = await rows_read_in_sequence(url)
        database = await Database.connect(url, connections=1, generic_plans=True)
        await book(Ledger(database, hold_ttl_ms=600_000, grace_ms=0), people, world)
        await database.close()
        after = await rows_read_in_sequence(url)
        read = {table: after[table] - before[table] for table in GROWING if after[table] != before[table]}
        assert read == {}


async def rows_read_in_sequence(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT relname, seq_tup_read FROM pg_stat_user_tables")
    await connection.close()
    return {row["relname"]: row["seq_tup_read"] for row in rows}
