"""How many accounts a device makes: a family is no crowd, a farm of accounts is, and who has one always gets in."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx

from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.limits.rules import Limit, judge_device
from tests.api.limits.test_limits import rule
from tests.codes import DEVICE, age_counters, ask_for_code, show_code

LastSms = Callable[[str], Awaitable[str]]
_phones = itertools.count(secrets.randbelow(9000) * 10_000)


def new_phone() -> str:
    return f"137{next(_phones):08d}"


def new_device() -> dict[str, str]:
    return {DEVICE: secrets.token_hex(16)}


async def log_in(client: httpx.AsyncClient, last_sms: LastSms, phone: str, device: dict[str, str]) -> httpx.Response:
    sent = await ask_for_code(client, phone, device)
    assert sent.status_code == 202, sent.text
    return await show_code(client, phone, await last_sms(phone), device)


async def test_a_device_makes_so_many_accounts_and_logs_any_number_in(
    client: httpx.AsyncClient, last_sms: LastSms, connection: asyncpg.Connection, keys: Keys
) -> None:
    device, old = new_device(), new_phone()
    assert (await log_in(client, last_sms, old, new_device())).status_code == 200
    async with rule(connection, "device_accounts", most=2, within_days=30):
        for _ in range(2):
            assert (await log_in(client, last_sms, new_phone(), device)).status_code == 200
        phone = new_phone()
        refused = await log_in(client, last_sms, phone, device)
        told = refused.json()
        assert (refused.status_code, told["code"], told["rule"]) == (409, "too_many_accounts", "device_accounts")
        assert told["explained"] == "30天内已有2个账户在这台设备登录，不能再注册新账户" and told["next_steps"]
        left = datetime.fromisoformat(told["retry_at"]) - datetime.now().astimezone()
        assert timedelta(days=29, hours=23) < left < timedelta(days=30)
        index = keys.vault().blind_index("phone", phone)
        assert await connection.fetchval("SELECT count(*) FROM accounts WHERE phone_index = $1", index) == 0

        await age_counters(connection, keys.vault().blind_index("phone", old), "2 minutes")
        known = await log_in(client, last_sms, old, device)
        assert known.status_code == 200 and not known.json()["account"]["new_account"], "who has an account gets in"
        digest = keys.vault().blind_index("device", device[DEVICE])
        await connection.execute(
            "UPDATE device_accounts SET last_at = last_at - interval '30 days' WHERE device_index = $1", digest
        )
        assert (await log_in(client, last_sms, new_phone(), device)).status_code == 200, "the days have passed"


async def test_new_accounts_at_once_are_counted_one_by_one(
    client: httpx.AsyncClient, last_sms: LastSms, connection: asyncpg.Connection
) -> None:
    device, phones = new_device(), [new_phone() for _ in range(6)]
    for phone in phones:
        assert (await ask_for_code(client, phone, device)).status_code == 202
    codes = [await last_sms(phone) for phone in phones]
    async with rule(connection, "device_accounts", most=3):
        answers = await asyncio.gather(
            *(show_code(client, phone, code, device) for phone, code in zip(phones, codes, strict=True))
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 3


async def test_without_the_devices_lock_all_are_made(
    database: Database, connection: asyncpg.Connection, keys: Keys
) -> None:
    """The control: everybody counts before anybody has logged in."""
    device, most = secrets.token_bytes(32), 2
    people: list[Any] = await connection.fetch("SELECT account_id FROM accounts LIMIT 4")
    counted = asyncio.Barrier(len(people))
    limit = Limit("device_accounts", "", most=most, within_days=30)

    async def make(account: Any) -> None:
        async with database.transaction() as unguarded:
            rows = await unguarded.fetch(statement("limits/device_accounts"), device, 30)
            await counted.wait()
            if judge_device([limit], [row["last_at"] for row in rows], datetime.now().astimezone()) is None:
                await unguarded.execute(statement("limits/note_device"), device, account["account_id"])

    await asyncio.gather(*(make(account) for account in people))
    made = await connection.fetchval("SELECT count(*) FROM device_accounts WHERE device_index = $1", device)
    assert made == len(people) > most
