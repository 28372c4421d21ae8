"""A room over the whole service, in a database of its own: it covers what no other room covers."""

from uuid import uuid4

import asyncpg

from humiao.booking.ledger import Ledger
from humiao.errors import Refusal
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.rooms.schemas import RoomChange, RoomInput
from tests.factories import hold_wish, make_residents, make_session
from tests.rooms import city_admin, open_room


async def test_a_service_room_covers_all_but_those_with_a_room_of_their_own(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    room = await open_room(database, connection, keys)
    await connection.execute("UPDATE rooms SET state = 'off', enforced_from = NULL WHERE room_id = $1", room.room_id)
    elsewhere = await make_session(connection)
    city, asked = await city_admin(connection), {"scope": "service", "title": "全市", "rate_per_minute": 60}
    service = await room.rooms.open(city, RoomInput(**asked), uuid4().hex)
    assert not isinstance(service, Refusal)
    second = await room.rooms.open(city, RoomInput(**asked), uuid4().hex)
    assert second == Refusal("session_has_room")
    await connection.execute(
        "UPDATE rooms SET enforced_from = now() - interval '1 s' WHERE room_id = $1", service["room_id"]
    )
    try:
        covering = [
            (await room.rooms.of_session(world.session_id))["room"]["room_id"] for world in (room.world, elsewhere)
        ]
        assert covering == [room.room_id, service["room_id"]]
        one, other = await make_residents(connection, keys.vault(), 2)
        ledger = Ledger(database, hold_ttl_ms=600_000, grace_ms=0)
        wishes = [hold_wish(one, room.world), hold_wish(other, elsewhere)]
        codes = [decision.code for decision in (await ledger.hold_many(wishes)).decisions]
        assert codes == ["granted", "busy"], "its own room is off, and the service's is on"
    finally:
        closed = await room.rooms.change(
            city, service["room_id"], RoomChange(state="closed", reason="结束"), uuid4().hex
        )
    assert not isinstance(closed, Refusal) and closed["is_on"] is False
    codes = [decision.code for decision in (await ledger.hold_many([hold_wish(other, elsewhere)])).decisions]
    assert codes == ["granted"]
