"""What a draft changes for the whole city: counted page by page in the background, kept, cancelled, never twice."""

import asyncio
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from datetime import date
from typing import Any

import asyncpg
import httpx
import pytest

from humiao.immunizations.city_count import CityCounter, own_process
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.backoffice.test_programme import CHANGE, DRAFTS, coming, reviewer, taken_back, text_of, writer, written
from tests.api.callers import Caller
from tests.unit.immunizations.test_intake import somebody

__all__ = ["coming", "reviewer", "taken_back", "writer"]


def threads() -> Executor:
    return ThreadPoolExecutor(1)


async def path_of(me: Caller, text: str) -> str:
    return f"{DRAFTS}/{(await written(me, text))['draft_id']}/count"


async def asked(me: Caller, path: str) -> dict[str, Any]:
    answer = await me.post(path, None)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()["count"]
    return found


async def shown(me: Caller, path: str) -> dict[str, Any]:
    found: dict[str, Any] = (await me.get(path)).json()["count"]
    return found


async def to_its_end(me: Caller, path: str, counter: CityCounter) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (told := await shown(me, path))["state"] in ("waiting", "running"):
            await counter.step()
    return told


@pytest.fixture(autouse=True)
async def nothing_open(connection: asyncpg.Connection) -> None:
    await connection.execute("UPDATE programme_counts SET state = 'cancelled' WHERE state IN ('waiting', 'running')")


async def test_everybody_is_counted_once_in_a_process_of_its_own(
    database: Database, connection: asyncpg.Connection, keys: Keys, writer: Caller, reviewer: Caller,
    coming: tuple[str, date],
) -> None:  # fmt: skip
    for _ in range(5):
        await somebody(connection, keys)
    path = await path_of(writer, text_of(*coming, CHANGE))
    assert (await writer.get(path)).json() == {"count": None}
    first = await asked(writer, path)
    assert (first["state"], first["people"], (await asked(reviewer, path))["asked_at"]) == (
        "waiting",
        0,
        first["asked_at"],
    )
    counter = CityCounter(database, own_process, page=2)
    await counter.step()
    half = await shown(reviewer, path)
    assert half["state"] == "running" and half["people"] == 2 < half["total"]
    counter.close()  # as when the worker is another: it goes on where that one was
    told = await to_its_end(writer, path, CityCounter(database, threads, page=400))
    children = await connection.fetchval(
        "SELECT count(*) FROM persons WHERE status = 'active' AND birth_date > current_date - interval '18 years'"
    )
    assert (told["state"], told["people"], told["total"]) == ("done", children, children)
    assert told["of_this_text"] and told["changed"] <= children


async def test_two_workers_count_each_page_once(
    database: Database, connection: asyncpg.Connection, keys: Keys, writer: Caller, coming: tuple[str, date]
) -> None:
    for _ in range(3):
        await somebody(connection, keys)
    path = await path_of(writer, text_of(*coming))
    await asked(writer, path)
    counters = [CityCounter(database, threads, page=3) for _ in range(3)]
    async with asyncio.timeout(60):
        while (told := await shown(writer, path))["state"] in ("waiting", "running"):
            await asyncio.gather(*(one.step() for one in counters))
    assert told["people"] == told["total"]


async def test_a_count_is_cancelled_between_two_pages(
    database: Database, connection: asyncpg.Connection, keys: Keys, writer: Caller, coming: tuple[str, date]
) -> None:
    for _ in range(3):
        await somebody(connection, keys)
    path = await path_of(writer, text_of(*coming))
    await asked(writer, path)
    counter = CityCounter(database, threads, page=1)
    await counter.step()
    answer = (await writer.post(f"{path}/cancel", None)).json()["count"]
    assert (answer["state"], answer["people"]) == ("cancelled", 1)
    assert await counter.step() == 0 and (await shown(writer, path))["people"] == 1
    assert (await writer.post(f"{path}/cancel", None)).json()["count"]["state"] == "cancelled"
    with pytest.raises(asyncpg.PostgresError, match="stays as it is"):
        await connection.execute("UPDATE programme_counts SET people = 0 WHERE state = 'cancelled'")


async def test_a_draft_written_anew_ends_its_count(
    database: Database, connection: asyncpg.Connection, keys: Keys, writer: Caller, coming: tuple[str, date]
) -> None:
    await somebody(connection, keys)
    path = await path_of(writer, text_of(*coming))
    await asked(writer, path)
    body = {"document": text_of(*coming, CHANGE), "title": "改", "reason": "改"}
    assert (await writer.send("PUT", path.removesuffix("/count"), body)).status_code == 200
    told = await to_its_end(writer, path, CityCounter(database, threads))
    assert (told["state"], told["why"], told["of_this_text"]) == ("failed", "draft_moved_on", False)


class Broken(ThreadPoolExecutor):
    """A pool whose process was killed."""

    def submit(self, *_: Any, **__: Any) -> Any:
        raise BrokenExecutor


async def test_a_killed_process_costs_a_page_and_no_count(
    database: Database, connection: asyncpg.Connection, keys: Keys, writer: Caller, coming: tuple[str, date]
) -> None:
    await somebody(connection, keys)
    path = await path_of(writer, text_of(*coming))
    await asked(writer, path)
    pools: list[Executor] = [ThreadPoolExecutor(1), Broken(1)]
    counter = CityCounter(database, pools.pop)
    with pytest.raises(BrokenExecutor):
        await counter.step()
    assert (await to_its_end(writer, path, counter))["state"] == "done"


async def test_only_city_administrators_count(
    client: httpx.AsyncClient, writer: Caller, coming: tuple[str, date]
) -> None:
    path = await path_of(writer, text_of(*coming))
    assert (await client.get(f"/api/v1{path}")).status_code == 401
