"""The copies of waitlists in Valkey: made where one is wanting, anew where one has drifted, forgotten at the end."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest_asyncio

from humiao import _core
from humiao.settings import Settings
from humiao.waitlist.copies import RankKeeper
from humiao.waitlist.ranks import Rank, Ranks
from tests.unit.waitlist.conftest import Town
from tests.unit.worker.conftest import CACHE_OF_ITS_OWN
from tests.waitlists import make_line


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ranks(settings: Settings) -> AsyncIterator[Ranks]:
    url = urlsplit(str(settings.redis_url))._replace(path=f"/{CACHE_OF_ITS_OWN + 1}").geturl()
    admitter = _core.Admitter(url, asyncio.get_running_loop(), lambda _: None, response_timeout_ms=5000)
    yield Ranks(admitter)
    admitter.close()


async def leave(town: Town, entry: int) -> None:
    await town.connection.execute(
        "UPDATE waitlist_entries SET state = 'withdrawn', ended_at = now() WHERE entry_id = $1", entry
    )


def standing(rank: Rank | None) -> tuple[int, int] | None:
    return None if rank is None else (rank.ahead, rank.waiting)


async def test_a_list_is_copied_and_copied_anew_where_it_has_drifted(town: Town, ranks: Ranks) -> None:
    line = await make_line(town.connection, town.vault, 4)
    keeper = RankKeeper(town.database, ranks)
    assert await ranks.ask(line.campaign_id, line.entries[3]) is None
    await keeper.step()
    assert standing(await ranks.ask(line.campaign_id, line.entries[3])) == (3, 4)
    await leave(town, line.entries[0])  # and nobody tells the copy
    await keeper.step()
    assert standing(await ranks.ask(line.campaign_id, line.entries[3])) == (3, 4), "the news may be under way"
    await keeper.step()
    assert standing(await ranks.ask(line.campaign_id, line.entries[3])) == (2, 3)
    await ranks.tell_left(line.campaign_id, [line.entries[1]])
    await leave(town, line.entries[1])
    assert standing(await ranks.ask(line.campaign_id, line.entries[3])) == (1, 2)
    await town.connection.execute("UPDATE campaigns SET state = 'closed' WHERE campaign_id = $1", line.campaign_id)
    await town.connection.execute("UPDATE campaigns SET state = 'ended' WHERE campaign_id = $1", line.campaign_id)
    await keeper.step()
    assert await ranks.waiting(line.campaign_id) is None


async def test_a_draw_is_copied_in_its_order(town: Town, ranks: Ranks) -> None:
    line = await make_line(town.connection, town.vault, 3, mode="draw")
    await town.connection.execute("UPDATE campaigns SET state = 'closed' WHERE campaign_id = $1", line.campaign_id)
    for position, entry in enumerate((line.entries[2], line.entries[0]), 1):
        await town.connection.execute(
            "UPDATE waitlist_entries SET drawn_position = $2 WHERE entry_id = $1", entry, position
        )
    await RankKeeper(town.database, ranks).step()
    found = await ranks.rank(line.campaign_id, line.entries)
    assert [standing(rank) for rank in found or ()] == [(1, 3), (2, 3), (0, 3)]
    assert found and found[1] and found[1].standing.turn == "arrived"


async def test_without_the_cache_the_ledger_answers(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 1)
    admitter = _core.Admitter("redis://127.0.0.1:1/0", asyncio.get_running_loop(), lambda _: None)
    away = Ranks(admitter)
    await RankKeeper(town.database, away).step()
    await away.tell_left(line.campaign_id, line.entries)
    assert await away.ask(line.campaign_id, line.entries[0]) is None
    admitter.close()
