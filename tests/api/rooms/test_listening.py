"""Listening instead of polling: a stream says what a poll says, at a gate as it changes, at the API once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.api.rooms.conftest import MakeWaiting, OpenRoom, Waiting
from tests.api.rooms.test_waiting import PATIENCE_S, refused, until_known
from tests.rooms import RoomStage


def path_of(person: Waiting) -> str:
    return f"/api/v1/resident/rooms/{person.room.room_id}/place/events"


async def told(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The data of a stream's events as they come."""
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store" and "content-encoding" not in answer.headers
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def let_in(room: RoomStage) -> list[int]:
    """Tick until somebody is let in, who is present because a gate has reported them, and not otherwise."""
    await room.see()
    while not (inside := await room.tick(1)):  # noqa: ASYNC110 - the record tells only who asks
        await asyncio.sleep(0.1)
    return inside


async def test_who_listens_hears_their_turn_and_is_present_until_then(
    gates: list[httpx.AsyncClient], new_room: OpenRoom, waiting: MakeWaiting
) -> None:
    room = await new_room(opens_at=datetime.now(UTC) + timedelta(hours=1), per_s=1)
    (person,) = await waiting(room, 1)
    face = gates[0]
    await until_known(face, person, state="early")
    states: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while "admitted" not in states:  # a gate that has not heard of the room lets the API tell the first event
            async with face.stream("GET", path_of(person), headers=person.headers()) as answer:
                async for event in told(answer):
                    if event["state"] in states:
                        continue
                    states.append(event["state"])
                    if event["state"] == "early":
                        await room.open_now()
                        await room.tick(0)
                    if event["state"] == "waiting":
                        letting_in = asyncio.create_task(let_in(room))
            await asyncio.sleep(0.05)
    assert await letting_in == [1]
    assert [state for state in states if state != "numbering"] == ["early", "waiting", "admitted"]
    assert (await person.poll(face)).json()["state"] == "admitted"


async def test_the_api_tells_one_event_and_when_to_come_back(
    client: httpx.AsyncClient, new_room: OpenRoom, waiting: MakeWaiting
) -> None:
    room = await new_room(per_s=1)
    first, second = await waiting(room, 2)
    await room.open_now()
    await room.tick(1)
    polled = (await second.poll(client)).json()
    answer = await client.get(path_of(second), headers=second.headers())
    assert [event async for event in told(answer)] == [polled]
    assert answer.text.startswith(f"retry: {polled['next_poll_s'] * 1000}\nid: {polled['version']}\n")
    own = await client.get(path_of(second), headers=first.headers())
    assert (own.status_code, (await client.get(path_of(second))).status_code) == (200, 401)
    foreign = await client.get(path_of(second), headers=first.headers() | {"Room-Ticket": second.ticket})
    assert refused(foreign) == (403, "room_ticket_invalid")
