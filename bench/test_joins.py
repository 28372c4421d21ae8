"""Joining a waiting room before it opens: one by one, in batches, and over HTTP at one process of the API."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import aiohttp

from bench.conftest import Record
from bench.town import Town, together
from humiao.auth.tokens import Resident, Tokens
from humiao.embedded.process import free_port
from humiao.kit.database import Database
from humiao.rooms.joins import Joins, JoinWish, join_many
from humiao.rooms.running import open_room
from humiao.rooms.schemas import RoomInput

ONE_BY_ONE, BATCHED, OVER_HTTP = 1500, 20_000, 10_000
AT_A_TIME = 1024
CONNECTIONS = 256


async def new_room(town: Town) -> int:
    """A room over one session that opens in an hour."""
    (spot,) = await town.spots(1, 10)
    body = RoomInput(
        scope="session", title="大厅", session_ids=[spot.session_id], rate_per_minute=600,
        opens_at=datetime.now(UTC) + timedelta(hours=1),
    )  # fmt: skip
    async with town.sql.transaction():
        opened = await open_room(town.sql, town.keys.vault(), body, by="sql", source="bench")
    assert isinstance(opened, dict)
    return int(opened["room_id"])


async def one_by_one(town: Town, people: list[UUID]) -> float:
    """People a second, a statement for each, on as many connections as an API has."""
    room_id, database = await new_room(town), await Database.connect(town.postgres.url, connections=8)

    async def join(person: UUID) -> None:
        async with database.single() as connection:
            await join_many(connection, [JoinWish(room_id, person, person, "h5")])

    began = time.perf_counter()
    await together([lambda p=p: join(p) for p in people], 256)
    rate = len(people) / (time.perf_counter() - began)
    await database.close()
    return rate


async def batched(town: Town, people: list[UUID]) -> float:
    """People a second, as a process of the API joins them."""
    room_id, database = await new_room(town), await Database.connect(town.postgres.url, connections=8)
    joins = Joins(database)
    began = time.perf_counter()
    told = await together([lambda p=p: joins.join(JoinWish(room_id, p, p, "h5")) for p in people], AT_A_TIME)
    rate = len(people) / (time.perf_counter() - began)
    assert len(set(told)) == len(people)
    await joins.drain()
    await database.close()
    return rate


async def over_http(town: Town, people: list[UUID]) -> float:
    """People a second at one process of the API; whoever asks runs on the same machine."""
    room_id, port = await new_room(town), free_port()
    tokens = Tokens(town.keys.token_keys, ttl_s=3600)
    bearers = [f"Bearer {tokens.for_resident(Resident(person, uuid4()))}" for person in people]
    own = {"DATABASE_URL": town.postgres.url, "REDIS_URL": town.valkey.url, "HTTP_PORT": str(port),
           "KEYS_FILE": str(town.keys_file)}  # fmt: skip
    environment = os.environ | {f"HUMIAO_{name}": value for name, value in own.items()}
    api = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "humiao.cli", "serve", env=environment, stdout=subprocess.DEVNULL
    )
    path = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as http:
            async with asyncio.timeout(60):
                while True:
                    try:
                        async with http.get(f"{path}/readyz") as ready:
                            if ready.status == 200:
                                break
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.1)

            async def join(person: UUID, bearer: str) -> int:
                headers, body = {"Authorization": bearer}, {"person_id": str(person)}
                entries = f"{path}/api/v1/resident/rooms/{room_id}/entries"
                async with http.post(entries, json=body, headers=headers) as answer:
                    await answer.read()
                    return answer.status

            jobs = [lambda p=p, b=b: join(p, b) for p, b in zip(people, bearers, strict=True)]
            began = time.perf_counter()
            statuses = await together(jobs, CONNECTIONS)
            elapsed_s = time.perf_counter() - began
    finally:
        api.terminate()
        await api.wait()
    assert set(statuses) == {201}
    assert await town.sql.fetchval("SELECT count(*) FROM room_entries WHERE room_id = $1", room_id) == len(people)
    return len(people) / elapsed_s


def test_joins(town: Town, loop: asyncio.AbstractEventLoop, record: Record) -> None:
    """200,000 people in the five minutes before nine are 667 a second."""
    run = loop.run_until_complete
    people = run(town.residents(BATCHED))
    run(batched(town, people[:2000]))  # warms plans and caches
    single, batches = run(one_by_one(town, people[:ONE_BY_ONE])), run(batched(town, people))
    http = run(over_http(town, people[:OVER_HTTP]))
    print(f"\njoins a second: one by one {single:.0f}, batched {batches:.0f}, over HTTP {http:.0f}")
    record("joining a room", one_by_one_per_s=round(single), batched_per_s=round(batches), over_http_per_s=round(http))
    assert batches >= 667
