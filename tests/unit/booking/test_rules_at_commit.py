"""A pass is held against the rules once more when its hold commits: an edition published meanwhile ends it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta

import asyncpg
import pytest

from humiao.auth.generations import read_generations
from humiao.booking.ledger import HoldColumns, Ledger, claim_ids
from humiao.booking.models import HoldWish
from humiao.immunizations.service import publish, publish_shipped
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.settings import Settings
from tests.factories import hold_wish, make_residents, make_session

RAISE = "UPDATE token_generations SET generation = generation + 1 WHERE audience = 'pass'"


async def of_passes(connection: asyncpg.Connection) -> int:
    return (await read_generations(connection))["pass"]


@asynccontextmanager
async def undone(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that nobody sees and that is taken back."""
    connection = await asyncpg.connect(str(settings.database_url), server_settings={"lock_timeout": "300ms"})
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def hold(connection: asyncpg.Connection, wish: HoldWish) -> str:
    """The statement of the ledger in a transaction of the caller's."""
    columns = HoldColumns(
        [
            claim_ids(1), claim_ids(1), [wish.caller.actor], [wish.caller.account_id], [wish.person_id],
            [wish.window_id], [wish.channel], [wish.stock_id], [wish.key], [wish.body_hash], [wish.caller.source],
            [wish.pass_generation],
        ]
    )  # fmt: skip
    rows = await connection.fetch(statement("booking/hold_many"), *columns.columns, 60_000)
    return str(rows[0]["code"])


async def test_a_pass_from_before_the_rules_changed_is_refused_at_the_commit(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    early, late, staff = await make_residents(connection, keys.vault(), 3)
    now = await of_passes(connection)
    async with undone(settings) as elsewhere:
        await elsewhere.execute(RAISE)
        assert await hold(elsewhere, replace(hold_wish(early, world), pass_generation=now)) == "pass_invalid"
        assert await hold(elsewhere, replace(hold_wish(late, world), pass_generation=now + 1)) == "granted"
        assert await hold(elsewhere, hold_wish(staff, world)) == "granted"  # nobody's pass is asked for


async def test_a_repeat_gets_its_first_answer_whatever_the_rules_say_by_now(
    settings: Settings, database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    wish = replace(hold_wish(person, world), pass_generation=await of_passes(connection))
    (first,) = (await Ledger(database, hold_ttl_ms=60_000, grace_ms=0).hold_many([wish])).decisions
    assert first.code == "granted"
    async with undone(settings) as elsewhere:
        await elsewhere.execute(RAISE)
        assert await hold(elsewhere, wish) == "answered"


async def test_rules_do_not_change_between_the_look_and_the_commit(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    wish = replace(hold_wish(person, world), pass_generation=await of_passes(connection))
    async with undone(settings) as holding, undone(settings) as publishing:
        assert await hold(holding, wish) == "granted"
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with publishing.transaction():
                await publishing.execute(RAISE)
        # The control: without the guard the rules change under a hold that is not committed yet.
        await publishing.execute("SET LOCAL session_replication_role = replica")
        await publishing.execute(RAISE)


async def test_a_hold_waits_for_rules_that_are_being_published(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    world = await make_session(connection)
    (person,) = await make_residents(connection, keys.vault(), 1)
    wish = replace(hold_wish(person, world), pass_generation=await of_passes(connection))
    async with undone(settings) as publishing, undone(settings) as holding:
        await publishing.execute(RAISE)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await hold(holding, wish)


async def test_an_edition_ends_the_passes_before_it_and_the_first_ends_none(settings: Settings) -> None:
    async with undone(settings) as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM programme_drafts")
        await connection.execute("DELETE FROM programme_editions")
        await connection.execute("SET LOCAL session_replication_role = origin")
        before = await of_passes(connection)
        await publish_shipped(connection)
        assert await of_passes(connection) == before
        text, day = await connection.fetchrow("SELECT document, effective_from FROM programme_editions")
        later = max(day, date(2150, 1, 1)) + timedelta(days=1)
        await publish(connection, _next(text, day, later), "next.yaml")
        assert await of_passes(connection) == before + 1


def _next(text: str, day: date, later: date) -> str:
    changes = [
        ("edition: CN-SH-2026.1", f"edition: CN-SH-{later}"),
        (f"effective_from: {day}", f"effective_from: {later}"),
    ]
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text
