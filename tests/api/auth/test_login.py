"""Logging in over HTTP: codes, tries, tokens, staff."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable

import httpx
import pytest

from humiao.auth.staff import create_admin
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.codes import age_counters, ask_for_code, ask_until_heard, device_of, log_in, show_code

AUTH = "/api/v1/auth"
LastSms = Callable[[str], Awaitable[str]]
_phones = itertools.count(secrets.randbelow(9000) * 10_000)


@pytest.fixture
def phone() -> str:
    """A phone that no other test uses."""
    return f"139{next(_phones):08d}"


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return keys.vault()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def code_for(client: httpx.AsyncClient, last_sms: LastSms, phone: str) -> str:
    sent = await ask_for_code(client, phone)
    assert sent.status_code == 202, sent.text
    return await last_sms(phone)


async def forget_sends(database: Database, vault: Vault, phone: str) -> None:
    """Drive the clock for one phone: as if all that was counted and sent for it had been two minutes earlier."""
    async with database.transaction() as connection:
        index = vault.blind_index("phone", phone)
        await age_counters(connection, index, "2 minutes")
        await connection.execute(
            "UPDATE login_codes SET created_at = created_at - interval '2 minutes' WHERE phone_index = $1", index
        )


async def test_first_login_makes_the_account(client, last_sms, database, vault, phone):
    first = await log_in(client, last_sms, phone)
    assert first["account"]["new_account"] is True
    assert first["account"]["phone_masked"] == f"{phone[:3]}****{phone[-4:]}"
    await forget_sends(database, vault, phone)
    second = await log_in(client, last_sms, phone)
    assert second["account"] == first["account"] | {"new_account": False}
    me = await client.get("/api/v1/resident/me", headers=bearer(second["access_token"]))
    assert me.json() == {"account_id": first["account"]["account_id"], "phone_masked": f"{phone[:3]}****{phone[-4:]}"}


@pytest.mark.parametrize("spelling", ["+86{0}", "0086 {0}", "86{0}", " {0} ", "+86-{0}"])
async def test_one_phone_many_spellings(client, last_sms, phone, spelling):
    code = await code_for(client, last_sms, phone)
    answer = await show_code(client, spelling.format(phone), code)
    assert answer.status_code == 200


@pytest.mark.parametrize("wrong", ["", "123", "12345678901", "1380000000a", "+1 4155550100", "١٣٨٠٠٠٠٠٠٠١"])
async def test_a_phone_that_is_none(client, wrong):
    answer = await client.post(f"{AUTH}/codes", json={"phone": wrong}, headers=device_of("13900000000"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "phone"


async def test_a_code_works_once(client, last_sms, phone):
    code = await code_for(client, last_sms, phone)
    first = await show_code(client, phone, code)
    again = await show_code(client, phone, code)
    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 401, "code_expired")


async def test_wrong_codes_count_down_and_then_the_right_one_is_too_late(client, last_sms, phone):
    code = await code_for(client, last_sms, phone)
    left = []
    for _ in range(5):
        answer = await show_code(client, phone, other(code))
        assert (answer.status_code, answer.json()["code"]) == (401, "code_wrong")
        left.append(answer.json()["tries_left"])
    assert left == [4, 3, 2, 1, 0]
    late = await show_code(client, phone, code)
    assert (late.status_code, late.json()["code"]) == (429, "too_many_tries")


async def test_fifty_guesses_at_once_are_compared_five_times(client, last_sms, phone):
    code = await code_for(client, last_sms, phone)
    guesses = [show_code(client, phone, other(code)) for _ in range(50)]
    codes = [answer.json()["code"] for answer in await asyncio.gather(*guesses)]
    assert (len(codes), codes.count("code_wrong")) == (50, 5)
    assert set(codes) <= {"code_wrong", "too_many_tries", "challenge_needed"}, "after ten failures work is asked for"


async def test_one_code_sent_fifty_times_at_once_logs_in_once(client, last_sms, phone):
    code = await code_for(client, last_sms, phone)
    tries = [show_code(client, phone, code) for _ in range(50)]
    statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert (statuses.count(200), statuses.count(401) + statuses.count(403)) == (1, 49)


async def test_an_expired_code(client, last_sms, database, vault, phone):
    code = await code_for(client, last_sms, phone)
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE login_codes SET expires_at = now() - interval '1 second' WHERE phone_index = $1",
            vault.blind_index("phone", phone),
        )
    answer = await show_code(client, phone, code)
    assert (answer.status_code, answer.json()["code"]) == (401, "code_expired")


async def test_a_phone_without_a_code(client, phone):
    answer = await show_code(client, phone, "000000")
    assert (answer.status_code, answer.json()["code"]) == (401, "code_expired")


async def test_one_code_a_minute_even_at_once(client, phone):
    asked = await asyncio.gather(*(ask_until_heard(client, phone) for _ in range(20)))
    assert sorted(answer.status_code for answer in asked) == [202] + [429] * 19
    refused = next(answer for answer in asked if answer.status_code == 429)
    assert refused.json()["code"] == "too_many_codes"
    assert 50 <= int(refused.headers["Retry-After"]) <= 60


async def test_five_codes_a_day(client, database, vault, phone):
    for _ in range(5):
        assert (await ask_for_code(client, phone)).status_code == 202
        await forget_sends(database, vault, phone)
    sixth = await ask_for_code(client, phone)
    assert (sixth.status_code, sixth.json()["code"]) == (429, "too_many_codes")
    assert int(sixth.headers["Retry-After"]) > 80_000


async def test_only_the_newest_code_counts(client, last_sms, database, vault, phone):
    old = await code_for(client, last_sms, phone)
    await forget_sends(database, vault, phone)
    new = await code_for(client, last_sms, phone)
    if old != new:
        answer = await show_code(client, phone, old)
        assert answer.json()["code"] == "code_wrong"
    assert (await show_code(client, phone, new)).status_code == 200


async def test_neither_phone_nor_code_is_stored_in_the_clear(client, last_sms, database, phone):
    code = await code_for(client, last_sms, phone)
    await show_code(client, phone, code)
    async with database.read() as connection:
        for table in ("accounts", "login_codes", "login_sessions", "outbox_messages", "audit_entries"):
            rows = await connection.fetch(f"SELECT to_jsonb(t)::text AS whole FROM {table} AS t")
            hidden = (phone.encode().hex(), code.encode().hex(), phone)
            assert not [row for row in rows if any(secret in row["whole"] for secret in hidden)], table


async def test_a_refresh_token_works_once(client, last_sms, phone):
    tokens = await log_in(client, last_sms, phone)
    fresh = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert fresh.status_code == 200
    assert fresh.json()["account"]["account_id"] == tokens["account"]["account_id"]
    again = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (again.status_code, again.json()["code"]) == (401, "not_logged_in")
    assert (await client.post(f"{AUTH}/refresh", json={"refresh_token": fresh.json()["refresh_token"]})).is_success


async def test_logging_out_ends_both_tokens(client, last_sms, phone):
    tokens = await log_in(client, last_sms, phone)
    assert (await client.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))).status_code == 204
    me = await client.get("/api/v1/resident/me", headers=bearer(tokens["access_token"]))
    assert (me.status_code, me.json()["code"]) == (401, "not_logged_in")
    fresh = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert fresh.json()["code"] == "not_logged_in"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"}])
async def test_without_a_good_token(client, header):
    answer = await client.get("/api/v1/resident/me", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_logged_in")


@pytest.fixture
async def administrator(database: Database) -> tuple[str, str]:
    """Username and password of a new administrator."""
    username, password = f"admin-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
    async with database.read() as connection:
        assert await create_admin(connection, username, password)
        assert await create_admin(connection, username, password) is None
    return username, password


async def test_staff_log_in_with_a_password(client, administrator):
    username, password = administrator
    answer = await client.post(f"{AUTH}/staff/login", json={"username": username, "password": password})
    assert answer.status_code == 200
    staff = answer.json()["staff"]
    assert (staff["role"], staff["clinic_id"], staff["display_name"]) == ("city_admin", None, "系统管理员")
    # a staff token opens no resident's page
    me = await client.get("/api/v1/resident/me", headers=bearer(answer.json()["access_token"]))
    assert (me.status_code, me.json()["code"]) == (401, "not_logged_in")


async def test_five_wrong_passwords_lock_even_at_once(client, administrator):
    username, password = administrator
    wrong = [
        client.post(f"{AUTH}/staff/login", json={"username": username, "password": "wrong password"}) for _ in range(12)
    ]
    codes = [answer.json()["code"] for answer in await asyncio.gather(*wrong)]
    assert (codes.count("password_wrong"), codes.count("account_locked")) == (4, 8)
    locked = await client.post(f"{AUTH}/staff/login", json={"username": username, "password": password})
    assert (locked.status_code, locked.json()["code"]) == (403, "account_locked")
    assert locked.json()["retry_at"]


async def test_a_lock_ends_and_the_right_password_forgives(client, database, administrator):
    username, password = administrator
    for _ in range(5):
        await client.post(f"{AUTH}/staff/login", json={"username": username, "password": "wrong password"})
    async with database.transaction() as connection:
        await connection.execute("UPDATE staff SET locked_until = now() WHERE username = $1", username)
    answer = await client.post(f"{AUTH}/staff/login", json={"username": username, "password": password})
    assert answer.status_code == 200
    async with database.read() as connection:
        row = await connection.fetchrow("SELECT failures, locked_until FROM staff WHERE username = $1", username)
    assert tuple(row) == (0, None)


async def test_an_unknown_username_is_a_wrong_password(client):
    answer = await client.post(f"{AUTH}/staff/login", json={"username": "nobody-here", "password": "whatever it is"})
    assert (answer.status_code, answer.json()["code"]) == (401, "password_wrong")
