"""Ranks through the process's cache client, on the real Valkey, copied from the real PostgreSQL."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
import redis.asyncio

from humiao import _core
from humiao.settings import Settings
from humiao.waitlist.ranks import Page, Rank, Ranks, Reason, Standing, why_before

LISTS = itertools.count(1_000_000)  # far from the campaigns of other tests, which share the cache
PAGE = 300


@pytest_asyncio.fixture(loop_scope="session")
async def ranks(settings: Settings) -> AsyncIterator[Ranks]:
    admitter = _core.Admitter(
        str(settings.redis_url), asyncio.get_running_loop(), lambda _: None, response_timeout_ms=5000
    )
    yield Ranks(admitter)
    admitter.close()


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(connection: asyncpg.Connection) -> asyncpg.Connection:
    """A record of who waits, with PostgreSQL's own sequence as the order of arrival."""
    await connection.execute(
        "CREATE TEMPORARY TABLE entries (entry_id bigint PRIMARY KEY, tier smallint, sequence bigserial, waits boolean)"
    )
    await connection.execute(
        "INSERT INTO entries (entry_id, tier, waits) SELECT i, 1 + (i * 7 % 5) / 4, true "
        "FROM generate_series(1, 1000) AS i"
    )
    return connection


async def pages(connection: asyncpg.Connection) -> AsyncIterator[Page]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        query = "SELECT entry_id, tier, sequence FROM entries WHERE waits"
        rows = [tuple(row) async for row in connection.cursor(query, prefetch=PAGE)]
        for at in range(0, len(rows), PAGE):
            yield Page.of("arrived", rows[at : at + PAGE])


async def expected(connection: asyncpg.Connection, entry: int) -> Rank | None:
    """What PostgreSQL says."""
    row = await connection.fetchrow(
        """SELECT * FROM (
               SELECT entry_id, tier, sequence, row_number() OVER o - 1 AS ahead, count(*) OVER () AS waiting,
                      rank() OVER (ORDER BY tier) - 1 AS earlier, lag(entry_id) OVER o AS previous,
                      lead(entry_id) OVER o AS next
               FROM entries WHERE waits WINDOW o AS (ORDER BY tier, sequence)) AS ranked WHERE entry_id = $1""",
        entry,
    )
    if row is None:
        return None
    standing = Standing(row["tier"], "arrived", row["sequence"])
    return Rank(standing, row["ahead"], row["earlier"], row["waiting"], row["previous"], row["next"])


async def agree(ranks: Ranks, ledger: asyncpg.Connection, list_id: int) -> None:
    asked = [1, 3, 4, 500, 997, 998, 1000, 1001, 5000]
    assert await ranks.rank(list_id, asked) == [await expected(ledger, entry) for entry in asked]


async def test_ranks_are_those_of_the_ledger_and_live(ranks: Ranks, ledger: asyncpg.Connection) -> None:
    list_id = next(LISTS)
    assert await ranks.rank(list_id, [1]) is None, "not copied yet: unknown, not zero"
    assert await ranks.begin(list_id, 1)
    assert await ranks.copy(list_id, 1, pages(ledger))
    await agree(ranks, ledger, list_id)

    await ledger.execute("UPDATE entries SET waits = false WHERE entry_id IN (1, 500, 1000)")
    assert await ranks.left(list_id, [1, 500, 1000])
    row = await ledger.fetchrow(
        "INSERT INTO entries VALUES (1001, 1, DEFAULT, true) RETURNING entry_id, tier, sequence"
    )
    assert await ranks.joined(list_id, Page.of("arrived", [tuple(row)]))
    await agree(ranks, ledger, list_id)
    await ranks.forget(list_id)
    assert await ranks.rank(list_id, [1]) is None


async def test_changes_during_a_copy_are_in_it_and_an_older_copy_gives_way(
    ranks: Ranks, ledger: asyncpg.Connection
) -> None:
    list_id = next(LISTS)
    assert await ranks.begin(list_id, 1)
    read = [page async for page in pages(ledger)]

    async def replayed(parts: list[Page]) -> AsyncIterator[Page]:
        for page in parts:
            yield page

    await ledger.execute("UPDATE entries SET waits = false WHERE entry_id IN (3, 998)")
    assert await ranks.left(list_id, [3, 998])
    assert await ranks.copy(list_id, 1, replayed(read)), "read before the two left"
    await agree(ranks, ledger, list_id)

    assert not await ranks.begin(list_id, 1), "a copy of this generation is there"
    assert await ranks.begin(list_id, 2)
    assert await ranks.begin(list_id, 3)
    assert not await ranks.copy(list_id, 2, replayed(read)), "a newer one is under way"
    await agree(ranks, ledger, list_id)
    assert await ranks.copy(list_id, 3, pages(ledger))
    await agree(ranks, ledger, list_id)
    await ranks.forget(list_id)


async def test_a_copy_that_lost_a_part_is_not_shown(
    ranks: Ranks, ledger: asyncpg.Connection, settings: Settings
) -> None:
    list_id = next(LISTS)
    assert await ranks.begin(list_id, 1)

    async def losing() -> AsyncIterator[Page]:
        async for page in pages(ledger):
            yield page
        async with redis.asyncio.Redis.from_url(str(settings.redis_url)) as server:
            await server.unlink(f"hm:{{l{list_id}}}:list")

    assert not await ranks.copy(list_id, 1, losing())
    assert await ranks.rank(list_id, [1]) is None
    assert not await ranks.left(list_id, [1]), "the list must be copied"
    assert await ranks.begin(list_id, 2)
    assert await ranks.copy(list_id, 2, pages(ledger))
    await agree(ranks, ledger, list_id)
    await ranks.forget(list_id)


async def test_uneven_columns_are_an_error(ranks: Ranks) -> None:
    with pytest.raises(ValueError, match="one length"):
        await ranks.joined(
            1, Page("arrived", Page.of("arrived", [(1, 1, 1)]).entries, b"", Page.of("arrived", []).numbers)
        )


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (Standing(1, "arrived", 9), Standing(2, "arrived", 3), Reason("earlier_tier", 1, 2)),
        (Standing(2, "drawn", 4), Standing(2, "drawn", 5), Reason("earlier_in_draw", 4, 5)),
        (Standing(2, "drawn", 4), Standing(2, "arrived", 3), Reason("joined_after_draw", 4, 3)),
        (Standing(2, "arrived", 3), Standing(2, "arrived", 9), Reason("earlier_arrival", 3, 9)),
    ],
)
def test_why_somebody_is_before_somebody_is_told(one: Standing, other: Standing, reason: Reason) -> None:
    assert why_before(one, other) == reason
    assert why_before(other, one) is None
    assert why_before(one, one) is None


def test_no_ledger_gives_such_a_standing() -> None:
    for standing in (Standing(1, "arrived", 2**43), Standing(1, "drawn", 2**32)):
        with pytest.raises(ValueError, match=r"below|at most"):
            why_before(standing, Standing(1, "arrived", 1))
