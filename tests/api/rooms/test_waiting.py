"""Waiting at two gates: the same order everywhere, a ticket that is its owner's alone, good for one hold."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import jwt

from humiao.auth.tokens import RoomTicket
from humiao.kit.keys import Keys
from tests.api.callers import resident_token
from tests.api.rooms.conftest import MakeWaiting, OpenRoom, Waiting
from tests.passes import pass_for
from tests.rooms import HEADER, RoomStage

PATIENCE_S = 30


async def until_known(face: httpx.AsyncClient, person: Waiting, **wanted: Any) -> dict[str, Any]:
    """Poll until the gate has heard of what the record says."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            told: dict[str, Any] = (await person.poll(face)).json()
            if all(told.get(name) == value for name, value in wanted.items()):
                return told
            await asyncio.sleep(0.05)


async def until_refused(ask: Callable[[], Awaitable[httpx.Response]], code: str) -> None:
    """Ask until the face has heard of what the record says."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await ask()
            if answer.status_code >= 400 and answer.json()["code"] == code:
                return
            await asyncio.sleep(0.05)


async def told_by_record(person: Waiting) -> dict[str, Any]:
    told = await person.room.place(person.person, person.ticket)
    return {name: told[name] for name in ("state", "place", "ahead", "minutes", "next_poll_s", "version")}


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_two_gates_and_the_api_say_the_same_in_less_than_200_bytes(
    client: httpx.AsyncClient, gates: list[httpx.AsyncClient], new_room: OpenRoom, waiting: MakeWaiting
) -> None:
    room = await new_room(opens_at=datetime.now(UTC) + timedelta(hours=1), per_s=2)
    people = await waiting(room, 6)
    faces = [client, *gates]
    for face in faces:
        told = await until_known(face, people[0], state="early")
        assert datetime.fromisoformat(told["at"]) > datetime.now(UTC)
    await room.open_now()
    assert await room.tick(2) == [1, 2]
    by_place = {(await told_by_record(person))["place"]: person for person in people}
    for place, person in sorted(by_place.items()):
        state = "admitted" if place <= 2 else "waiting"
        record = await told_by_record(person)
        assert (record["state"], record["ahead"]) == (state, max(0, place - 3))
        for face in faces:
            told = await until_known(face, person, state=state, version=1)
            assert {name: told[name] for name in record} == record
            answer = await person.poll(face)
            assert len(answer.content) < 200 and answer.headers["cache-control"] == "no-store"


async def test_a_place_survives_gates_that_die_and_the_cache_that_forgets(
    gates: list[httpx.AsyncClient], open_gate: Any, new_room: OpenRoom, waiting: MakeWaiting
) -> None:
    room = await new_room(per_s=1)
    people = await waiting(room, 4)
    await room.open_now()
    await room.tick(1)
    for face in gates:
        assert (await until_known(face, people[2], state="waiting"))["place"] == 3
    newcomer = await open_gate()
    assert (await until_known(newcomer, people[2], state="waiting", version=1))["ahead"] == 1
    assert (await until_known(newcomer, people[0], state="admitted"))["place"] == 1


async def test_who_is_let_in_holds_once_and_others_are_told_why_not(
    client: httpx.AsyncClient, gates: list[httpx.AsyncClient], new_room: OpenRoom, waiting: MakeWaiting
) -> None:
    room = await new_room(per_s=1)
    first, second = await waiting(room, 2)
    await room.open_now()
    assert await room.tick(1) == [1]
    one, other = gates
    for face in (one, other):
        await until_refused(lambda face=face: second.hold(face, ticket=None), "room_needed")
        await until_known(face, first, state="admitted")
    for face in (client, one, other):
        assert refused(await first.hold(face, ticket=None)) == (409, "room_needed")
        answer = await second.hold(face)
        assert refused(answer) == (409, "room_not_yet") and "retry_at" in answer.json()
        assert len(answer.content) < 200
    key = uuid4().hex
    held = await first.hold(one, key=key)
    assert held.status_code == 201, held.text
    # The same request again is owed its first answer, at every face, with the ticket and without it.
    for face in (client, one, other):
        for ticket in ("own", None):
            again = await first.hold(face, key=key, ticket=ticket)
            assert (again.status_code, again.json()["hold_id"]) == (201, held.json()["hold_id"])
    await room.tick(0)
    for face in (client, one, other):
        await until_refused(lambda face=face: first.hold(face), "room_ticket_used")
        assert refused(await first.poll(face)) == (409, "room_ticket_used")


async def test_a_ticket_that_was_sold_or_belongs_elsewhere_opens_nothing(
    client: httpx.AsyncClient, gates: list[httpx.AsyncClient], new_room: OpenRoom, waiting: MakeWaiting, keys: Keys,
    connection: asyncpg.Connection,
) -> None:  # fmt: skip
    room, elsewhere = await new_room(per_s=10), await new_room(per_s=10)
    seller, buyer = await waiting(room, 2)
    (far,) = await waiting(elsewhere, 1)
    await room.open_now()
    await elsewhere.open_now()
    assert await room.tick(1) == [1]
    assert await elsewhere.tick(1) == [1]
    for face in gates:
        await until_refused(lambda face=face: buyer.hold(face, ticket=None), "room_needed")
        await until_known(face, seller, state="admitted")
    # The buyer's own account shows it for the buyer, then for the seller's person, whose guardian the buyer is not.
    of_seller = pass_for(keys, seller.person, account_id=buyer.person)
    forged = _forgeries(keys, seller, room)
    for face in (client, *gates):
        assert refused(await buyer.hold(face, ticket=seller.ticket)) == (403, "room_ticket_invalid")
        assert refused(await buyer.poll(face, ticket=seller.ticket)) == (403, "room_ticket_invalid")
        posing = Waiting(seller.person, buyer.token, of_seller, seller.ticket, room)
        assert refused(await posing.hold(face)) == (403, "room_ticket_invalid")
        assert refused(await seller.hold(face, ticket=far.ticket)) == (403, "room_ticket_invalid")
        for name, ticket in forged.items():
            assert refused(await seller.hold(face, ticket=ticket)) == (403, "room_ticket_invalid"), name
            assert refused(await seller.poll(face, ticket=ticket)) == (403, "room_ticket_invalid"), name
        # A good ticket of one's own for another room is no ticket for this one.
        own_elsewhere = Waiting(seller.person, seller.token, seller.leave, await elsewhere.join(seller.person), room)
        assert refused(await own_elsewhere.hold(face)) == (409, "room_needed")
    assert await connection.fetchval(
        "SELECT state FROM room_entries WHERE room_id = $1 AND place = 1", room.room_id
    ) == ("admitted")


def _forgeries(keys: Keys, owner: Waiting, room: RoomStage) -> dict[str, str]:
    key = keys.token_keys[0]
    good = jwt.decode(owner.ticket, options={"verify_signature": False})
    now = int(datetime.now(UTC).timestamp())

    def signed(secret: bytes = key.secret, **changes: Any) -> str:
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": key.kid})

    return {
        "another key": signed(b"k" * 32),
        "a pass": owner.leave,
        "an access token": owner.token,
        "another audience": signed(aud="resident"),
        "another issuer": signed(iss="nobody"),
        "over": signed(exp=now - 1),
        "from tomorrow": signed(iat=now + 86_400),
        "an old generation": signed(gen=-1),
        "no entry": signed(tkt=None),
        "another account": signed(acc=str(uuid4())),
        "a room in words": signed(room=str(room.room_id)),
        "cut short": owner.ticket[:-1],
        "nothing": ".",
    }


async def test_waiting_is_for_those_who_are_logged_in(
    client: httpx.AsyncClient, gates: list[httpx.AsyncClient], new_room: OpenRoom, waiting: MakeWaiting, keys: Keys,
    connection: asyncpg.Connection,
) -> None:  # fmt: skip
    room = await new_room()
    (person,) = await waiting(room, 1)
    path = f"/api/v1/resident/rooms/{room.room_id}/place"
    old = await resident_token(connection, keys, person.person, ttl_s=-1)
    for face in (client, *gates):
        assert refused(await face.get(path, headers={HEADER: person.ticket})) == (401, "not_logged_in")
        expired = {HEADER: person.ticket, "Authorization": f"Bearer {old}"}
        assert refused(await face.get(path, headers=expired)) == (401, "token_expired")
        mine = {"Authorization": f"Bearer {person.token}"}
        assert refused(await face.get(path, headers=mine)) == (403, "room_ticket_invalid")
        for spelling in ("0", "07", "x", "-1"):
            answer = await face.get(f"/api/v1/resident/rooms/{spelling}/place", headers=mine)
            assert refused(answer) == (404, "not_found"), spelling


async def test_a_room_that_is_off_or_closed_keeps_nobody(
    client: httpx.AsyncClient, gates: list[httpx.AsyncClient], new_room: OpenRoom, waiting: MakeWaiting,
    connection: asyncpg.Connection,
) -> None:  # fmt: skip
    room = await new_room()
    people = await waiting(room, 3)
    faces = [client, *gates]
    await room.open_now()
    for state, code in (("off", "room_off"), ("closed", "room_closed")):
        async with room.between_ticks():
            await connection.execute(
                """UPDATE rooms SET state = $2, enforced_from = NULL,
                                    closed_at = CASE WHEN $2 = 'closed' THEN now() END WHERE room_id = $1""",
                room.room_id, state,
            )  # fmt: skip
        for face, person in zip(faces, people, strict=True):
            await until_refused(lambda face=face, person=person: person.poll(face), code)
    for face, person in zip(faces, people, strict=True):
        async with asyncio.timeout(PATIENCE_S):
            while (held := await person.hold(face, ticket=None)).status_code != 201:
                assert refused(held) == (409, "room_needed"), held.text  # a gate that has not heard of it yet
                await asyncio.sleep(0.05)


async def test_a_ticket_is_good_for_a_day_and_a_new_one_for_the_same_place(
    new_room: OpenRoom, waiting: MakeWaiting
) -> None:
    room = await new_room()
    (person,) = await waiting(room, 1)
    claims = jwt.decode(person.ticket, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= timedelta(hours=24).total_seconds()
    again = room.tokens.read_room_ticket(await room.join(person.person))
    assert isinstance(again, RoomTicket) and str(again.ticket) == claims["tkt"]
