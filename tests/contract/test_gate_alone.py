"""What only the gate says, and what it says without asking the API: it stands before a port where nobody listens."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest
import pytest_asyncio

from humiao.embedded.process import free_port
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.api.callers import resident_token
from tests.contract.faces import GENEROUS, Face, gate_before, seen
from tests.factories import make_residents, make_session
from tests.passes import pass_header

HOLDS = "/api/v1/resident/holds"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(settings: Settings) -> AsyncIterator[Face]:
    async with gate_before(settings, f"http://127.0.0.1:{free_port()}", **GENEROUS) as face:
        yield face


@pytest.mark.parametrize(
    "spelling",
    [
        "/api/v1/public/sessions/{}/availability",
        "/api/v1/public/sessions/{}/availability?",
        "/api/v1/public/sessions/{}/availability?_=1732460000",
        "/api/v1/public/sessions/{}/availability?session_id=1&vaccine=IIV4",
        "/api/v1/public/sessions/{}/%61vailability",
        "/api/v1/public/sessions/{}%2Favailability",
        "/%61pi/v1/public/s%65ssions/{}/availability?%61=b",
    ],
)
async def test_no_spelling_of_what_is_free_goes_round_the_memory(
    alone: Face, connection: asyncpg.Connection, spelling: str
) -> None:
    world = await make_session(connection, capacity=7)
    answer = await alone.send("GET", spelling.format(world.session_id))
    assert answer.status_code == 200, answer.text
    assert [window["free"] for window in answer.json()["windows"]] == [7]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_digit_in_percents_is_that_digit(alone: Face, connection: asyncpg.Connection) -> None:
    world = await make_session(connection)
    encoded = "".join(f"%{ord(digit):02x}" for digit in str(world.session_id))
    answer = await alone.send("GET", f"/api/v1/public/sessions/{encoded}/availability")
    assert answer.json()["session_id"] == world.session_id


@pytest.mark.parametrize("spelling", ["0", "07", "%307", "+7", "7.0", "-1", "x", "", "9" * 20])
async def test_what_is_no_id_is_refused_by_the_gate_itself(alone: Face, spelling: str) -> None:
    answer = await alone.send("GET", f"/api/v1/public/sessions/{spelling}/availability")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_what_is_free_is_as_old_as_it_says(alone: Face, connection: asyncpg.Connection) -> None:
    world = await make_session(connection)
    path = f"/api/v1/public/sessions/{world.session_id}/availability"
    before = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    answer = seen(await alone.send("GET", path))
    after = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    # It was not known before it was asked for; a millisecond is lost in rounding, some more in measuring two clocks.
    assert before - 0.05 <= answer.times[".as_of"] <= after + 0.05


async def test_hot_routes_need_no_api(alone: Face, connection: asyncpg.Connection, keys: Keys) -> None:
    (person,) = await make_residents(connection, keys.vault(), 1)
    world = await make_session(connection)
    me = {"Authorization": f"Bearer {await resident_token(connection, keys, person)}"}
    body = orjson.dumps({"person_id": str(person), "window_id": world.window_ids[0], "stock_id": world.stock_id})
    more = {"Content-Type": "application/json", "Idempotency-Key": "one-key-of-a-story"} | pass_header(keys, person)
    held = await alone.send("POST", HOLDS, body, me | more)
    assert held.status_code == 201, held.text
    state = await alone.send("GET", f"{HOLDS}/{held.json()['hold_id']}/status", headers=me)
    assert state.json()["state"] == "held"


@pytest.mark.parametrize("path", ["/api/v1/public/vaccines", "/", "/h5/"])
async def test_an_api_that_is_away_is_told_as_a_small_problem(alone: Face, path: str) -> None:
    answer = await alone.send("GET", path)
    assert (answer.status_code, seen(answer).body["code"]) == (502, "upstream_away")


async def test_who_asks_too_often_is_told_when_to_come_back(settings: Settings, api: Face) -> None:
    async with gate_before(settings, api.url, address_per_s=0.1, address_burst=3) as face:
        answers = [await face.send("GET", "/healthz") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        told = seen(answers[-1])
        assert told.body["code"] == "too_many_requests"
        assert {".retry_at", "Retry-After"} == told.times.keys() and 1 <= told.times["Retry-After"] <= 10


async def test_an_api_that_is_slow_is_told_as_a_small_problem(settings: Settings) -> None:
    async def listen_and_say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen_and_say_nothing, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with gate_before(settings, url, gate_upstream_timeout_s=0.2) as face:
            answer = await face.send("GET", "/api/v1/public/vaccines")
            assert (answer.status_code, seen(answer).body["code"]) == (504, "upstream_timeout")
