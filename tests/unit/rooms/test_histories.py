"""Two gates let people in in one order: no inversion in any history, though gates, keepers and the database die.

The suite lives a few histories; `make room-histories` two hundred.
"""

import os
import random
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio

from humiao.auth.tokens import Resident
from humiao.embedded.postgres import Postgres
from humiao.embedded.user import discard_data
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.migrations import migrate
from humiao.settings import Settings
from humiao.vaccines.load import load_catalogue
from tests.factories import make_residents, make_session
from tests.passes import lasting_tokens
from tests.rooms import open_room
from tests.unit.rooms.histories import PEOPLE, STEPS, History, faults_of, record_of, two_gates

HISTORIES = int(os.environ.get("HUMIAO_ROOM_HISTORIES", "4"))
DEATH_EVERY = 2  # in every other history PostgreSQL is killed
SEED = int(os.environ.get("HUMIAO_ROOM_SEED", "1"))


@dataclass
class OwnCity:
    """A record whose server may be killed without anybody else's losing theirs."""

    settings: Settings
    database: Database
    postgres: Postgres


@pytest_asyncio.fixture(loop_scope="session")
async def own_city(settings: Settings, tmp_path: Path) -> AsyncIterator[OwnCity]:
    postgres = Postgres(tmp_path)
    await postgres.start_async()
    try:
        await postgres.make_database()
        await migrate(postgres.url)
        connection = await asyncpg.connect(postgres.url)
        await load_catalogue(connection)
        await connection.close()
        database = await Database.connect(postgres.url, connections=8)
        yield OwnCity(settings.model_copy(update={"database_url": postgres.url}), database, postgres)
        await database.close()
    finally:
        await postgres.stop_async()
        discard_data(tmp_path)


async def test_no_history_has_an_inversion(own_city: OwnCity, keys: Keys) -> None:
    tokens = lasting_tokens(keys)

    def token_of(person: UUID) -> str:
        return tokens.for_resident(Resident(person, person))

    database, postgres = own_city.database, own_city.postgres
    doomed = await Database.connect(postgres.url, connections=2, application="humiao doomed keeper")
    admitted = 0
    try:
        async with two_gates(own_city.settings, database, keys) as gates:
            for seed in range(SEED, SEED + HISTORIES):
                connection = await asyncpg.connect(postgres.url)
                opens_at = datetime.now(UTC) + timedelta(hours=1)
                world = await make_session(connection)
                stage = await open_room(database, connection, keys, world=world, opens_at=opens_at, per_s=4)
                people = await make_residents(connection, keys.vault(), PEOPLE)
                dice = random.Random(seed)
                dies_at = dice.randrange(STEPS) if seed % DEATH_EVERY == 0 else None
                history = History(stage, gates, token_of, dice, people, doomed, postgres, dies_at)
                await history.live()
                record = await record_of(stage)
                assert faults_of(record, history.answers, history.acknowledged) == [], f"seed {seed}"
                assert set(record.places.values()) == set(people) == history.done, f"seed {seed}"
                admitted += sum(len(inside) for _, inside, _, _ in record.ticks)
                await stage.close()
                await stage.connection.close()
    finally:
        await doomed.close()
    assert admitted == HISTORIES * PEOPLE


async def test_the_checker_sees_an_inversion(database: Database, connection: asyncpg.Connection, keys: Keys) -> None:
    """The control: a record that is tampered with is found out."""
    stage = await open_room(database, connection, keys, per_s=2)
    for person in await make_residents(connection, keys.vault(), 5):
        await stage.join(person)
    await stage.open_now()
    await stage.tick(2)
    await stage.tick(2)
    good = await record_of(stage)
    assert faults_of(good, []) == []
    swapped, twice, other = deepcopy(good), deepcopy(good), deepcopy(good)
    (one, first, gone, present), (two, second, *rest) = good.ticks
    swapped.ticks = [(one, [3], gone, present), (two, [1, 2], *rest)]  # type: ignore[list-item]
    assert any("passes over [1, 2]" in fault for fault in faults_of(swapped, []))
    twice.ticks = [(one, first, gone, present), (two, first + second, *rest)]  # type: ignore[list-item]
    assert any("twice" in fault for fault in faults_of(twice, []))
    other.places[1] = uuid4()
    other.early = [1]
    assert any("draw" in fault for fault in faults_of(other, []))
    assert any("not there" in fault for fault in faults_of(good, [], {(uuid4(), uuid4())}))
    doubled = deepcopy(good)
    doubled.entries.add((good.places[1], uuid4()))
    assert any("two places" in fault for fault in faults_of(doubled, []))
