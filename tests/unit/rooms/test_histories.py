"""Two gates let people in in one order: no inversion in any history, with gates that die and keepers that are cut off.

The suite lives a few histories; `make room-histories` two hundred.
"""

import os
import random
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from humiao.auth.tokens import Resident
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.factories import make_residents, make_session
from tests.passes import lasting_tokens
from tests.rooms import open_room
from tests.unit.rooms.histories import PEOPLE, History, faults_of, record_of, two_gates

HISTORIES = int(os.environ.get("HUMIAO_ROOM_HISTORIES", "4"))
SEED = int(os.environ.get("HUMIAO_ROOM_SEED", "1"))


async def test_no_history_has_an_inversion(
    settings: Settings, database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    tokens = lasting_tokens(keys)

    def token_of(person: UUID) -> str:
        return tokens.for_resident(Resident(person, person))

    assert settings.database_url
    doomed = await Database.connect(settings.database_url, connections=2, application="humiao doomed keeper")
    admitted = 0
    try:
        async with two_gates(settings, database, keys) as gates:
            for seed in range(SEED, SEED + HISTORIES):
                opens_at = datetime.now(UTC) + timedelta(hours=1)
                world = await make_session(connection)
                stage = await open_room(database, connection, keys, world=world, opens_at=opens_at, per_s=4)
                people = await make_residents(connection, keys.vault(), PEOPLE)
                history = History(stage, gates, token_of, random.Random(seed), people, doomed)
                await history.live()
                record = await record_of(stage)
                assert faults_of(record, history.answers) == [], f"seed {seed}"
                assert set(record.places.values()) == set(people) == history.done, f"seed {seed}"
                admitted += sum(len(inside) for _, inside, _, _ in record.ticks)
                await connection.execute(
                    "UPDATE rooms SET state = 'closed', closed_at = now(), enforced_from = NULL WHERE room_id = $1",
                    stage.room_id,
                )
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
