"""Who may not: forged tokens at both faces, and callers who write many addresses to be counted as many."""

import base64
import json
from collections import Counter as Tally
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import jwt
import pytest

from humiao.auth.tokens import Resident as WhoAsks
from humiao.auth.tokens import Staff
from humiao.kit.keys import Keys
from tests.api.gate.conftest import MakeResidents, OpenGate
from tests.factories import make_session
from tests.passes import HEADER, lasting_tokens, pass_for


def unsigned(claims: dict[str, Any], kid: str, algorithm: str) -> str:
    """A token that says that it needs no signature."""
    parts = ({"alg": algorithm, "typ": "JWT", "kid": kid}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


def forgeries(keys: Keys, account: UUID) -> dict[str, tuple[str, str]]:
    """By reason: a token, and the code it is refused with."""
    key, login = keys.token_keys[0], uuid4()
    good = lasting_tokens(keys).for_resident(WhoAsks(account, login))
    claims = jwt.decode(good, options={"verify_signature": False})
    head = {"kid": key.kid}

    def signed(changes: dict[str, Any], *, secret: bytes = key.secret, algorithm: str = "HS256", **headers: Any) -> str:
        return jwt.encode(claims | changes, secret, algorithm=algorithm, headers=head | headers)

    over = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp())
    staff = lasting_tokens(keys).for_staff(Staff(1, login, "city_admin", None, None))
    invalid = {
        "alg none": unsigned(claims, key.kid, "none"),
        "alg None": unsigned(claims, key.kid, "None"),
        "alg HS384": signed({}, algorithm="HS384"),
        "wrong key": signed({}, secret=b"guessed, and long enough to be a key"),
        "unknown key": signed({}, kid="no-such-key"),
        "path as key": signed({}, kid="../../../dev/null"),
        "another audience": signed({"aud": "interop"}),
        "another issuer": signed({"iss": "somebody"}),
        "of staff": staff,
        "a pass": pass_for(keys, account),
        "revoked": signed({"gen": -1}),
        "cut": good[:-2],
        "one letter": "x",
    }
    return {why: (token, "not_logged_in") for why, token in invalid.items()} | {
        "expired": (signed({"exp": over}), "token_expired")
    }


@pytest.mark.filterwarnings("ignore:The HMAC key is")  # short for HS384, which is the point
async def test_a_forged_token_is_refused_at_both_faces(
    connection: asyncpg.Connection,
    residents: MakeResidents,
    gates: list[httpx.AsyncClient],
    client: httpx.AsyncClient,
    keys: Keys,
) -> None:
    world = await make_session(connection, capacity=5)
    (me,) = await residents(1)
    body = {"person_id": str(me.person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
    for why, (token, code) in forgeries(keys, me.person).items():
        headers = {"Authorization": f"Bearer {token}", HEADER: me.leave, "Idempotency-Key": uuid4().hex}
        for face in (gates[0], client):
            answers = [
                await face.post("/api/v1/resident/holds", headers=headers, json=body),
                await face.get(f"/api/v1/resident/holds/{uuid4()}/status", headers=headers),
                # Passed on: the application's own check.
                await face.get("/api/v1/resident/reservations", headers=headers),
            ]
            told = [(answer.status_code, answer.json()["code"]) for answer in answers]
            assert told == [(401, code)] * 3, (why, told)
    assert await connection.fetchval("SELECT count(*) FROM claims WHERE window_id = $1", world.window_ids[0]) == 0


async def test_a_forged_pass_is_refused_at_both_faces(
    connection: asyncpg.Connection,
    residents: MakeResidents,
    gates: list[httpx.AsyncClient],
    client: httpx.AsyncClient,
    keys: Keys,
) -> None:
    world = await make_session(connection, capacity=5)
    me, other = await residents(2)
    key = keys.token_keys[0]
    claims = jwt.decode(me.leave, options={"verify_signature": False})
    wrong_key = jwt.encode(claims, b"guessed, and long enough to be a key", headers={"kid": key.kid})
    passes = {
        "alg none": (unsigned(claims, key.kid, "none"), 401, "pass_invalid"),
        "wrong key": (wrong_key, 401, "pass_invalid"),
        "access token": (me.token, 401, "pass_invalid"),
        "expired": (pass_for(keys, me.person, ttl_s=-1), 401, "pass_expired"),
        "of another": (other.leave, 401, "pass_invalid"),
        "revoked": (pass_for(keys, me.person, generation=-1), 401, "pass_invalid"),
        "another vaccine": (pass_for(keys, me.person, vaccine="MMR"), 403, "pass_not_valid_here"),
        "another clinic": (pass_for(keys, me.person, clinics=(1,)), 403, "pass_not_valid_here"),
    }
    for why, (leave, status, code) in passes.items():
        me.leave = leave
        for face in (gates[0], client):
            answer = await me.hold(face, world)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (why, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    assert await connection.fetchval("SELECT count(*) FROM claims WHERE window_id = $1", world.window_ids[0]) == 0


@pytest.mark.parametrize("by_proxy", [False, True], ids=["direct", "behind_a_trusted_proxy"])
async def test_many_written_addresses_are_counted_as_one(open_gate: OpenGate, by_proxy: bool) -> None:
    burst = 40
    gate = await open_gate(
        address_per_s=0.001, address_burst=burst, trusted_proxies=["127.0.0.1/32"] if by_proxy else []
    )
    told: Tally[int] = Tally()
    for number in range(500):
        lie = f"198.51.{number // 256}.{number % 256}"
        # A trusted proxy appends whom it sees: addresses of one /64.
        hops = f"{lie}, 2001:db8:7:7::{number:x}" if by_proxy else lie
        headers = {"X-Forwarded-For": hops, "Forwarded": f"for={lie}", "X-Real-IP": lie, "X-Client-IP": lie}
        path = "/healthz" if number % 2 else "/api/v1/public/sessions/1/availability"
        answer = await gate.get(path, headers=headers)
        told[answer.status_code == 429] += 1
        if answer.status_code == 429:
            assert answer.json()["code"] == "too_many_requests"
            assert int(answer.headers["retry-after"]) >= 1
    assert told == {False: burst, True: 500 - burst}
