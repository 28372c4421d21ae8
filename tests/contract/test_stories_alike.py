"""What changes something, told once on each face in a world of its own: the answers are the same, apart from ids."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio

from humiao.booking.ledger import Ledger
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.callers import resident_token
from tests.contract.faces import Face, assert_alike
from tests.factories import World, age_hold, make_residents, make_session
from tests.passes import HEADER, pass_for

HOLDS = "/api/v1/resident/holds"
UNDER_WAY_ASKS = 250  # five seconds


@dataclass
class Teller:
    """Tells a story on one face: makes worlds and people, and keeps the answers in the order of asking."""

    face: Face
    connection: asyncpg.Connection
    keys: Keys
    database: Database
    answers: list[httpx.Response]

    async def world(self, **how: Any) -> World:
        return await make_session(self.connection, **how)

    async def person(self) -> "Person":
        (who,) = await make_residents(self.connection, self.keys.vault(), 1)
        return Person(self, who, await resident_token(self.connection, self.keys, who))

    async def look(self, session_id: int, *, spelling: str = "") -> httpx.Response:
        return await self.keep(self.face.send("GET", f"/api/v1/public/sessions/{session_id}/availability{spelling}"))

    async def until_free(self, world: World, free: int) -> None:
        """Wait until this face knows of `free` places in the first window: what it knows is a moment old."""
        async with asyncio.timeout(5):
            path = f"/api/v1/public/sessions/{world.session_id}/availability"
            while True:
                known = (await self.face.send("GET", path)).json()
                if known["windows"][0]["free"] == free:
                    return
                await asyncio.sleep(0.02)

    async def keep(self, asked: Awaitable[httpx.Response]) -> httpx.Response:
        self.answers.append(await asked)
        return self.answers[-1]


@dataclass
class Person:
    """A resident of a story."""

    teller: Teller
    who: UUID
    token: str

    def headers(self, key: str, **more: str) -> dict[str, str]:
        shown = pass_for(self.teller.keys, self.who)
        return {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key, HEADER: shown,
                "Content-Type": "application/json"} | more  # fmt: skip

    def wish(self, world: World, window: int = 0) -> bytes:
        members = {"person_id": str(self.who), "window_id": world.window_ids[window], "stock_id": world.stock_id}
        return orjson.dumps(members)

    async def hold(
        self, world: World, window: int = 0, *, key: str | None = None, body: bytes | None = None, **more: str
    ) -> httpx.Response:
        headers = self.headers(key or uuid4().hex, **more)
        content = self.wish(world, window) if body is None else body

        async def decided() -> httpx.Response:
            # The cache hears of the person's last claim a moment after the person does.
            for _ in range(UNDER_WAY_ASKS):
                answer = await self.teller.face.send("POST", HOLDS, content, headers)
                if answer.json().get("code") != "in_flight":
                    break
                await asyncio.sleep(0.02)
            return answer

        return await self.teller.keep(decided())

    async def state(self, hold: httpx.Response, spell: Callable[[str], str] = str) -> httpx.Response:
        path = f"{HOLDS}/{spell(hold.json()['hold_id'])}/status"
        return await self.teller.keep(
            self.teller.face.send("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        )

    async def end(self, hold: httpx.Response, how: str, key: str | None = None) -> httpx.Response:
        body = orjson.dumps({"hold_token": hold.json()["hold_token"]})
        path = f"{HOLDS}/{hold.json()['hold_id']}/{how}"
        return await self.teller.face.send("POST", path, body, self.headers(key or uuid4().hex))


Story = Callable[[Teller], Awaitable[None]]


async def a_hold_is_granted(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    held = await person.hold(world)
    assert held.status_code == 201 and UUID(held.json()["person_id"]) == person.who


async def a_repeat_gets_the_first_answer(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    first = await person.hold(world, key="one-key-of-a-story")
    again = await person.hold(world, key="one-key-of-a-story")
    assert again.json() == first.json() and again.status_code == 201


async def a_repeat_after_the_last_place_gets_the_first_answer(tell: Teller) -> None:
    world, first, late = await tell.world(capacity=1), await tell.person(), await tell.person()
    held = await first.hold(world, key="one-key-of-a-story")
    for _ in range(2):
        assert (await late.hold(world)).json()["code"] == "window_full"
        assert (await first.hold(world, key="one-key-of-a-story")).json() == held.json()


async def a_repeat_in_other_words_is_a_repeat(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    first = await person.hold(world, key="one-key-of-a-story")
    members = orjson.loads(person.wish(world))
    other_words = [
        orjson.dumps(dict(reversed(members.items())), option=orjson.OPT_INDENT_2),
        orjson.dumps(members | {"person_id": members["person_id"].upper()}),
        orjson.dumps(members | {"person_id": members["person_id"].replace("-", "")}),
        person.wish(world) + b" " * 5000,
    ]
    for body in other_words:
        assert (await person.hold(world, key="one-key-of-a-story", body=body)).json() == first.json()
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert (await person.hold(world, key="one-key-of-a-story", **charset)).json() == first.json()


async def a_repeat_with_a_renewed_pass_is_a_repeat(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    first = await person.hold(world, key="one-key-of-a-story")
    renewed = pass_for(tell.keys, person.who, ttl_s=1800)
    again = await person.hold(world, key="one-key-of-a-story", **{HEADER: renewed})
    assert again.json() == first.json()


async def a_repeat_of_what_was_confirmed_gets_the_first_answer(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    first = await person.hold(world, key="one-key-of-a-story")
    assert (await person.end(first, "confirm")).status_code == 200
    assert (await person.hold(world, key="one-key-of-a-story")).json() == first.json()


async def a_key_for_another_window_is_refused(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world(windows=2)
    await person.hold(world, key="one-key-of-a-story")
    reused = await person.hold(world, 1, key="one-key-of-a-story")
    assert (reused.status_code, reused.json()["code"]) == (422, "key_reused")


async def a_key_of_another_operation_is_refused(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    await person.end(await person.hold(world), "confirm", key="one-key-of-a-story")
    reused = await person.hold(world, key="one-key-of-a-story")
    assert (reused.status_code, reused.json()["code"]) == (422, "key_reused")


async def a_used_key_at_a_full_window_is_told_of_the_window(tell: Teller) -> None:
    person, other, world = await tell.person(), await tell.person(), await tell.world(windows=2, capacity=1)
    await person.hold(world, key="one-key-of-a-story")
    await other.hold(world, 1)
    for window in (1, 1):
        full = await person.hold(world, window, key="one-key-of-a-story")
        assert (full.status_code, full.json()["code"]) == (409, "window_full")


async def a_key_belongs_to_its_account(tell: Teller) -> None:
    first, second, world = await tell.person(), await tell.person(), await tell.world()
    mine = await first.hold(world, key="one-key-of-a-story")
    theirs = await second.hold(world, key="one-key-of-a-story")
    assert theirs.status_code == 201 and theirs.json()["hold_id"] != mine.json()["hold_id"]


async def a_second_claim_of_a_series_is_refused(tell: Teller) -> None:
    person, world, elsewhere = await tell.person(), await tell.world(), await tell.world()
    await person.hold(world)
    for place in (world, elsewhere):
        assert (await person.hold(place)).json()["code"] == "duplicate_claim"


async def a_released_place_may_be_held_again(tell: Teller) -> None:
    first, second, world = await tell.person(), await tell.person(), await tell.world(capacity=1)
    held = await first.hold(world)
    await second.hold(world)
    await first.end(held, "release")
    assert (await first.state(held)).json()["state"] == "released"
    await tell.until_free(world, 1)
    assert (await second.hold(world)).status_code == 201


async def a_share_runs_out_before_the_window(tell: Teller) -> None:
    first, second, world = await tell.person(), await tell.person(), await tell.world(capacity=5, quota=1)
    await first.hold(world)
    for _ in range(2):
        assert (await second.hold(world)).json()["code"] == "channel_full"


async def doses_run_out_before_the_window(tell: Teller) -> None:
    first, second, world = await tell.person(), await tell.person(), await tell.world(capacity=5, vials=1)
    await first.hold(world)
    for _ in range(2):
        assert (await second.hold(world)).json()["code"] == "out_of_stock"


async def a_window_that_is_not_open_says_when(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world(opens_in=timedelta(hours=2))
    for _ in range(2):
        told = (await person.hold(world)).json()
        assert told["code"] == "not_yet_bookable" and "retry_at" in told


async def a_closed_session_is_told(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    await tell.connection.execute(
        "UPDATE clinic_sessions SET state = 'closed', closed_at = now() WHERE session_id = $1", world.session_id
    )
    for _ in range(2):
        assert (await person.hold(world)).json()["code"] == "session_closed"
    assert {window["state"] for window in (await tell.look(world.session_id)).json()["windows"]} == {"closed"}


async def the_state_of_a_hold_follows_it(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    held = await person.hold(world)
    assert (await person.state(held)).json()["state"] == "held"
    assert (await person.state(held, str.upper)).json()["state"] == "held"
    assert (await person.state(held, lambda hold_id: hold_id.replace("-", ""))).json()["state"] == "held"
    assert (await person.state(held, lambda hold_id: hold_id.replace("-", "%2d"))).json()["state"] == "held"
    await person.end(held, "confirm")
    told = (await person.state(held)).json()
    assert (told["state"], told["held_until"]) == ("confirmed", None)


async def the_state_of_an_expired_hold_is_told(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world()
    held = await person.hold(world)
    await age_hold(tell.connection, held.json()["hold_id"], past_deadline=timedelta(minutes=1))
    assert (await person.state(held)).json()["state"] == "held"  # until the worker has come by
    await Ledger(tell.database, hold_ttl_ms=1, grace_ms=0).expire_due(at_most=1000)
    assert (await person.state(held)).json()["state"] == "expired"


async def another_account_sees_no_hold(tell: Teller) -> None:
    person, stranger, world = await tell.person(), await tell.person(), await tell.world()
    held = await person.hold(world)
    assert (await stranger.state(held)).json()["code"] == "unknown_hold"


async def what_is_free_is_told_with_version_and_time(tell: Teller) -> None:
    person, world = await tell.person(), await tell.world(windows=2, capacity=3)
    before = (await tell.look(world.session_id)).json()
    assert set(before) == {"session_id", "version", "as_of", "windows", "stocks"}
    assert [window["free"] for window in before["windows"]] == [3, 3]
    await person.hold(world)
    await tell.until_free(world, 2)
    after = (await tell.look(world.session_id)).json()
    assert after["version"] > before["version"] and after["as_of"] > before["as_of"]
    assert [window["free"] for window in after["windows"]] == [2, 3]


async def what_is_free_is_told_for_every_kind_of_window(tell: Teller) -> None:
    worlds = [
        await tell.world(capacity=0),
        await tell.world(opens_in=timedelta(hours=2)),
        await tell.world(channels=("desk",)),
        await tell.world(vials=3, vial_size=2),
    ]
    for world in worlds:
        await tell.look(world.session_id)
    ended = await tell.world()
    await tell.connection.execute(
        "UPDATE windows SET bookable_until = now() - interval '1 minute' WHERE session_id = $1", ended.session_id
    )
    await tell.look(ended.session_id)
    states = [answer.json()["windows"][0]["state"] for answer in tell.answers]
    assert states == ["full", "not_yet", "closed", "open", "ended"]


async def a_large_body_without_a_length_is_read_like_any_other(tell: Teller) -> None:
    """More than a hold can be goes on to the API, more than the API takes is refused; the client sends it in pieces."""
    person, world = await tell.person(), await tell.world()

    async def send(filler: int) -> httpx.Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield person.wish(world)
            for _ in range(filler):
                yield b" " * 1000

        headers = person.headers("one-key-of-a-story")
        return await tell.keep(tell.face.http.post(HOLDS, content=pieces(), headers=headers))

    first = await send(0)
    assert first.status_code == 201
    assert (await send(1)).json() == (await send(40)).json() == first.json()
    for filler in (70, 2000):
        assert (await send(filler)).json()["code"] == "body_too_large"


async def what_is_free_has_no_parameters(tell: Teller) -> None:
    world = await tell.world()
    for spelling in ("", "?", "?session_id=1", "?a=1&a=2&%00", "?x=" + "x" * 4000):
        answer = await tell.look(world.session_id, spelling=spelling)
        assert answer.json()["session_id"] == world.session_id


STORIES: list[Story] = [
    a_hold_is_granted,
    a_repeat_gets_the_first_answer,
    a_repeat_after_the_last_place_gets_the_first_answer,
    a_repeat_in_other_words_is_a_repeat,
    a_repeat_with_a_renewed_pass_is_a_repeat,
    a_repeat_of_what_was_confirmed_gets_the_first_answer,
    a_key_for_another_window_is_refused,
    a_key_of_another_operation_is_refused,
    a_used_key_at_a_full_window_is_told_of_the_window,
    a_key_belongs_to_its_account,
    a_second_claim_of_a_series_is_refused,
    a_released_place_may_be_held_again,
    a_share_runs_out_before_the_window,
    doses_run_out_before_the_window,
    a_window_that_is_not_open_says_when,
    a_closed_session_is_told,
    the_state_of_a_hold_follows_it,
    the_state_of_an_expired_hold_is_told,
    another_account_sees_no_hold,
    what_is_free_is_told_with_version_and_time,
    what_is_free_is_told_for_every_kind_of_window,
    a_large_body_without_a_length_is_read_like_any_other,
    what_is_free_has_no_parameters,
]


@pytest_asyncio.fixture(loop_scope="session")
async def tellers(
    faces: tuple[Face, Face], connection: asyncpg.Connection, keys: Keys, database: Database
) -> list[Teller]:
    return [Teller(face, connection, keys, database, []) for face in faces]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_a_story_goes_the_same_way_on_both_faces(story: Story, tellers: list[Teller]) -> None:
    for teller in tellers:
        await story(teller)
    at_gate, at_api = (teller.answers for teller in tellers)
    assert len(at_gate) == len(at_api) > 0
    for one, other in zip(at_gate, at_api, strict=True):
        assert_alike(one, other)


@pytest.mark.parametrize("first", [0, 1], ids=["gate first", "API first"])
async def test_a_request_made_at_one_face_is_a_repeat_at_the_other(first: int, tellers: list[Teller]) -> None:
    here, there = tellers[first], tellers[1 - first]
    person, late, world = await here.person(), await here.person(), await here.world(capacity=1)
    held = await person.hold(world, key="one-key-of-a-story")
    assert held.status_code == 201
    for teller in (there, here):
        person.teller = late.teller = teller
        assert (await late.hold(world)).json()["code"] == "window_full"
        assert (await person.hold(world, key="one-key-of-a-story")).json() == held.json()
        assert (await person.hold(world)).json()["code"] == "window_full"
