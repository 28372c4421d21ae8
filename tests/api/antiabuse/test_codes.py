"""Codes cannot be guessed: five tries however many come at once, one use, for their phone, purpose and device alone."""

import asyncio
import hmac
from types import SimpleNamespace

import asyncpg
import httpx
import pytest

from humiao.auth import service as auth_service
from tests.codes import DEVICE, ask_for_code, device_of, show_code, solution

# What take_try would be without its guard: read what is left, take it for true, write one less. The pause after the
# reading is the time in which others read too.
UNGUARDED = """WITH seen AS MATERIALIZED (
    SELECT code_id, code_digest, tries_left, pg_sleep(0.2) FROM login_codes
    WHERE phone_index = $1 AND purpose = $2 AND device_index = $3 AND tries_left > 0 ORDER BY created_at DESC LIMIT 1
)
UPDATE login_codes c SET tries_left = seen.tries_left - 1 FROM seen WHERE c.code_id = seen.code_id
RETURNING c.code_id, c.code_digest, c.tries_left"""


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def fifty_guesses(served: httpx.AsyncClient, phone: str, code: str) -> list[str]:
    """Fifty wrong guesses at once, each from a network of its own; the codes of the answers."""
    guesses = [
        show_code(served, phone, other(code), device_of(phone) | {"X-Forwarded-For": f"198.18.{n}.1"})
        for n in range(50)
    ]
    return [answer.json()["code"] for answer in await asyncio.gather(*guesses)]


@pytest.fixture
def compared(monkeypatch) -> list[bool]:
    """What came of every comparison of a guess with a code, wherever a request is served in this process."""
    seen: list[bool] = []

    def compare(code: bytes, guess: bytes) -> bool:
        seen.append(hmac.compare_digest(code, guess))
        return seen[-1]

    monkeypatch.setattr(auth_service, "hmac", SimpleNamespace(compare_digest=compare))
    return seen


async def test_fifty_parallel_guesses_are_evaluated_five_times(served, last_sms, vault, connection, compared, phone):
    assert (await ask_for_code(served, phone)).status_code == 202
    codes = await fifty_guesses(served, phone, await last_sms(phone))
    assert (len(codes), codes.count("code_wrong")) == (50, 5)
    assert compared == [False] * 5, "counted where the code is looked at, not by what was answered"
    assert set(codes) <= {"code_wrong", "too_many_tries", "challenge_needed"}
    left = await connection.fetchval(
        "SELECT tries_left FROM login_codes WHERE phone_index = $1", vault.blind_index("phone", phone)
    )
    assert left == 0
    shown = {"challenge": await solution(served, device_of(phone), "log_in")}
    late = await show_code(served, phone, await last_sms(phone), **shown)
    assert late.json()["code"] == "too_many_tries", "the right code is too late"


async def test_without_the_guard_more_guesses_are_evaluated(served, last_sms, monkeypatch, compared, phone):
    """The control: the same race through a try that is not taken conditionally."""
    guarded = auth_service.statement
    monkeypatch.setattr(auth_service, "statement", lambda name: UNGUARDED if name == "auth/take_try" else guarded(name))
    assert (await ask_for_code(served, phone)).status_code == 202
    codes = await fifty_guesses(served, phone, await last_sms(phone))
    assert codes.count("code_wrong") == len(compared) > 5


async def test_a_code_is_good_on_its_device_alone_and_others_use_up_none_of_its_tries(served, last_sms, phone):
    assert (await ask_for_code(served, phone)).status_code == 202
    code = await last_sms(phone)
    elsewhere = {DEVICE: "another-device-of-somebody"}
    for _ in range(6):
        answer = await show_code(served, phone, code, elsewhere)
        assert (answer.status_code, answer.json()["code"]) == (401, "code_expired")
    assert (await show_code(served, phone, code)).status_code == 200


async def test_a_code_is_good_for_its_phone_alone(served, last_sms, phones, phone):
    assert (await ask_for_code(served, phone)).status_code == 202
    answer = await show_code(served, f"138{next(phones):08d}", await last_sms(phone), device_of(phone))
    assert (answer.status_code, answer.json()["code"]) == (401, "code_expired")


async def test_a_code_is_good_for_its_purpose_alone(served, last_sms, vault, connection, phone):
    """There is one purpose so far; the schema lets in no other, so its rule is off while this code has another."""
    assert (await ask_for_code(served, phone)).status_code == 202
    code, index = await last_sms(phone), vault.blind_index("phone", phone)
    rule = await connection.fetchval(
        """SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'login_codes_purpose_check'"""
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("UPDATE login_codes SET purpose = 'other' WHERE phone_index = $1", index)
    await connection.execute("ALTER TABLE login_codes DROP CONSTRAINT login_codes_purpose_check")
    try:
        await connection.execute("UPDATE login_codes SET purpose = 'other' WHERE phone_index = $1", index)
        answer = await show_code(served, phone, code)
        await connection.execute("UPDATE login_codes SET purpose = 'login' WHERE phone_index = $1", index)
    finally:
        await connection.execute(f"ALTER TABLE login_codes ADD CONSTRAINT login_codes_purpose_check {rule}")
    assert (answer.status_code, answer.json()["code"]) == (401, "code_expired")
    assert (await show_code(served, phone, code)).status_code == 200


async def test_neither_device_nor_address_is_stored_in_the_clear(served, last_sms, connection, phone):
    device = {DEVICE: "canary-device-of-the-test"}
    where = device | {"X-Forwarded-For": "203.0.113.77"}
    assert (await ask_for_code(served, phone, where)).status_code == 202
    await show_code(served, phone, other(await last_sms(phone)), where)
    for table in ("login_codes", "velocity_counters", "velocity_signals", "spent_challenges", "outbox_messages"):
        rows = await connection.fetch(f"SELECT to_jsonb(t)::text AS whole FROM {table} AS t")
        for secret in (device[DEVICE], "203.0.113.77", phone, device[DEVICE].encode().hex(), phone.encode().hex()):
            assert not [row for row in rows if secret in row["whole"]], table
