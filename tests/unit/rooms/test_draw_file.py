"""The draw of a room as it is published: whoever has the file recomputes it, and finds themselves where they stand."""

from datetime import UTC, datetime, timedelta

import asyncpg

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.lottery.published import read_announcement
from humiao.lottery.verify import verify
from humiao.rooms.draw import commitment_of, unseal
from humiao.rooms.publishing import publish_drawn
from tests.factories import make_residents
from tests.rooms import RoomStage, open_room


async def opened_a_moment_ago(room: RoomStage, keys: Keys) -> None:
    """As if the room had been announced for a time that has come."""
    sealed = await room.connection.fetchval("SELECT secret_sealed FROM rooms WHERE room_id = $1", room.room_id)
    opens_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    commitment = commitment_of(room.room_id, opens_at, unseal(keys.vault(), room.room_id, bytes(sealed)))
    await room.connection.execute(
        "UPDATE rooms SET opens_at = $2, commitment = $3 WHERE room_id = $1", room.room_id, opens_at, commitment
    )
    await room.enforce()


async def file_of(room: RoomStage, part: str) -> bytes:
    content = await room.rooms.draw_file(room.room_id, part)  # type: ignore[arg-type]
    assert isinstance(content, bytes), content
    return content


async def test_a_draw_is_verified_at_home(database: Database, connection: asyncpg.Connection, keys: Keys) -> None:
    room = await open_room(database, connection, keys, opens_at=datetime.now(UTC) + timedelta(hours=1))
    people = await make_residents(connection, keys.vault(), 12)
    for person in people[:10]:
        await room.join(person)
    gone = "UPDATE room_entries SET state = 'left', ended_at = now() WHERE room_id = $1 AND person_id = $2"
    await connection.execute(gone, room.room_id, people[0])  # before the draw: takes no part
    await publish_drawn(database)
    assert not isinstance(await room.rooms.draw_file(room.room_id, "result"), bytes), "not before its time"
    await opened_a_moment_ago(room, keys)
    announcement = read_announcement(await file_of(room, "announcement"))
    await room.join(people[10])
    await room.tick(0)
    await connection.execute(gone, room.room_id, people[1])  # after it: has drawn a place
    await publish_drawn(database)
    await room.join(people[11])
    await room.tick(3)
    await publish_drawn(database)

    result = await file_of(room, "result")
    verdict = verify(result, announced=announcement)
    assert verdict.sound, verdict.findings
    rows = await connection.fetch(
        "SELECT ticket::text, place, early FROM room_entries WHERE room_id = $1 AND place IS NOT NULL", room.room_id
    )
    assert len(verdict.entrants) == 9
    for row in rows:
        place = verdict.place(row["ticket"])
        assert (place and place.position) == (row["place"] if row["early"] else None)
    for at in range(0, len(result), 7):
        changed = result[:at] + bytes([result[at] ^ 1]) + result[at + 1 :]
        assert not verify(changed, announced=announcement).sound, f"byte {at}"


async def test_a_draw_among_nobody_is_published_too(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys, opens_at=datetime.now(UTC) + timedelta(hours=1))
    await opened_a_moment_ago(room, keys)
    await room.tick(0)
    await publish_drawn(database)
    assert verify(await file_of(room, "result")).sound
