"""Phones cannot be bombed: budgets by phone, account, device, network and city, counted before anything is written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry

from humiao.antiabuse.budgets import CITY, Ended
from humiao.antiabuse.meters import BreakerMeter
from humiao.antiabuse.service import AntiAbuseService
from humiao.antiabuse.source import network_of
from humiao.auth.service import AuthService
from humiao.auth.tokens import Tokens
from humiao.kit.crypto import Vault
from tests.codes import DEVICE, age_counters, ask_for_code, device_of, log_in, solution
from tests.passes import lasting_tokens


@asynccontextmanager
async def budget(connection: asyncpg.Connection, scope: str, window_s: int, most: int) -> AsyncIterator[None]:
    """Another limit for one budget of codes by SMS, for a while."""
    change = "UPDATE velocity_budgets SET most = $3 WHERE what = 'sms_code' AND scope = $1 AND window_s = $2"
    was = await connection.fetchval(
        "SELECT most FROM velocity_budgets WHERE what = 'sms_code' AND scope = $1 AND window_s = $2", scope, window_s
    )
    await connection.execute(change, scope, window_s, most)
    try:
        yield
    finally:
        await connection.execute(change, scope, window_s, was)


async def codes_of(connection: asyncpg.Connection, vault: Vault, phone: str) -> int:
    """How many codes were made for a phone; each has one message that is owed."""
    found = await connection.fetchrow(
        """SELECT count(*) AS codes, count(o.message_id) AS messages FROM login_codes c
           LEFT JOIN outbox_messages o ON o.topic = 'sms.login_code' AND o.payload->>'row' = c.code_id::text
           WHERE phone_index = $1""",
        vault.blind_index("phone", phone),
    )
    assert found["codes"] == found["messages"]
    return int(found["codes"])


@pytest.mark.slow
async def test_a_thousand_requests_from_a_thousand_addresses_send_five_a_day(served, connection, vault, phone):
    """Fifty at a time, each from a network and a device of its own; twenty minutes pass between the waves."""
    index, answers = vault.blind_index("phone", phone), []
    for wave in range(20):
        where = [
            {DEVICE: f"bomber-device-{wave:02d}-{n:02d}", "X-Forwarded-For": f"10.{wave}.{n}.7"} for n in range(50)
        ]
        answers += await asyncio.gather(*(ask_for_code(served, phone, each) for each in where))
        await age_counters(connection, index, "20 minutes")
    sent = [answer for answer in answers if answer.status_code == 202]
    refused = [answer.json() for answer in answers if answer.status_code != 202]
    assert (len(answers), len(sent), await codes_of(connection, vault, phone)) == (1000, 5, 5)
    assert {problem["code"] for problem in refused} == {"too_many_codes"}
    assert {problem["budget"]["scope"] for problem in refused} == {"phone"}
    # a day after the first was sent one more is let through, not five; and another twenty minutes later
    await age_counters(connection, index, "17 hours 20 minutes 1 second")
    allowed = []
    for _ in range(3):
        allowed.append((await ask_for_code(served, phone)).status_code)
        await age_counters(connection, index, "10 minutes")
    assert allowed == [202, 429, 202]


async def test_without_counting_first_more_are_sent(served, connection, vault, phone):
    """The control: with the phone's budgets gone, every one of twenty requests at once is sent."""
    kept = await connection.fetch("SELECT * FROM velocity_budgets WHERE what = 'sms_code' AND scope = 'phone'")
    await connection.execute("DELETE FROM velocity_budgets WHERE what = 'sms_code' AND scope = 'phone'")
    try:
        where = [{DEVICE: f"unguarded-device-{n:04d}"} for n in range(20)]
        answers = await asyncio.gather(*(ask_for_code(served, phone, each) for each in where))
    finally:
        await connection.executemany(
            "INSERT INTO velocity_budgets (what, scope, window_s, most, effect) VALUES ($1, $2, $3, $4, $5)",
            [tuple(row) for row in kept],
        )
    assert [answer.status_code for answer in answers] == [202] * 20
    assert await codes_of(connection, vault, phone) == 20


async def test_the_minute_is_told_with_its_end(served, phone):
    assert (await ask_for_code(served, phone)).status_code == 202
    answer = await ask_for_code(served, phone)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "too_many_codes")
    assert problem["detail"].startswith("这个手机号 1 分钟内最多发送 1 条验证码")
    assert problem["budget"] == {"scope": "phone", "window_s": 60, "most": 1}
    assert 40 <= int(answer.headers["Retry-After"]) <= 60


async def test_an_account_has_a_budget_of_its_own(served, last_sms, connection, vault, phone):
    await log_in(served, last_sms, phone)
    async with budget(connection, "account", 86_400, 1):
        await age_counters(connection, vault.blind_index("phone", phone), "2 minutes")
        assert (await ask_for_code(served, phone)).status_code == 202, "the first code was no account's yet"
        await age_counters(connection, vault.blind_index("phone", phone), "2 minutes")
        problem = (await ask_for_code(served, phone)).json()
    assert (problem["code"], problem["budget"]["scope"]) == ("too_many_codes", "account")


async def test_a_device_is_refused_after_ten_phones_and_the_phone_is_not_counted(served, connection, vault, phones):
    device = {DEVICE: f"one-device-many-phones-{next(phones)}"}
    for _ in range(10):
        assert (await ask_for_code(served, f"138{next(phones):08d}", device)).status_code == 202
    last = f"138{next(phones):08d}"
    problem = (await ask_for_code(served, last, device)).json()
    assert (problem["code"], problem["budget"]["scope"], problem["budget"]["window_s"]) == (
        "too_many_codes", "device", 3600,
    )  # fmt: skip
    assert "换一台设备" in problem["detail"]
    assert await codes_of(connection, vault, last) == 0
    assert (await ask_for_code(served, last, device_of(last))).status_code == 202, "its own device may"


@pytest.mark.parametrize(
    ("first", "second"), [("192.0.2.1", "192.0.2.200"), ("2001:db8:7:7::1", "2001:db8:7:7:ffff::2")]
)
async def test_addresses_of_a_network_count_as_one(served, connection, vault, phones, first, second):
    other_network = "198.51.100.9" if "." in first else "2001:db8:7:8::1"
    async with budget(connection, "network", 3600, 2):
        answers = [
            await ask_for_code(served, f"138{next(phones):08d}", {"X-Forwarded-For": address})
            for address in (first, second, first, other_network)
        ]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 202]
    assert answers[2].json()["budget"]["scope"] == "network"
    subject = vault.blind_index("network", network_of(first))
    await connection.execute("DELETE FROM velocity_counters WHERE subject = $1", subject)


async def test_what_a_client_writes_about_itself_is_one_address(app, connection, phones):
    """From a peer that is no proxy of ours, X-Forwarded-For is not read: all requests are of one network."""
    transport = httpx.ASGITransport(app, client=("198.19.5.77", 4711))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        budget(connection, "network", 3600, 3),
    ):
        answers = [
            await ask_for_code(client, f"138{next(phones):08d}", {"X-Forwarded-For": f"10.9.{n}.1"}) for n in range(5)
        ]
    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 2


async def test_the_breaker_opens_says_until_when_alarms_once_and_staff_see_it(
    served, connection, database, vault, keys, phones, app
):
    alarms: list[Any] = []
    registry = CollectorRegistry()
    meter = BreakerMeter(registry)

    def alarm(ended: Ended) -> None:
        alarms.append(ended)
        meter.opened(ended)

    tokens: Tokens = lasting_tokens(keys)
    antiabuse = AntiAbuseService(database, vault, challenge_cost=1, challenge_ttl_s=300, on_breaker=alarm)
    watched = AuthService(database, vault, tokens, antiabuse, otp_ttl_s=300, otp_tries=5, refresh_ttl_s=3600)
    usual = app.state.services.auth
    object.__setattr__(app.state.services, "auth", watched)
    used = await connection.fetchval(
        "SELECT used FROM velocity_counters WHERE what = 'sms_code' AND scope = 'city' AND window_s = 86400"
    )
    try:
        async with budget(connection, "city", 86_400, (used or 0) + 40):
            numbers = [f"138{next(phones):08d}" for _ in range(50)]
            answers = await asyncio.gather(*(ask_for_code(served, number) for number in numbers))
            seen = (await antiabuse.review(days=1)).breaker[-1]
    finally:
        object.__setattr__(app.state.services, "auth", usual)
    assert sorted(answer.status_code for answer in answers) == [202] * 40 + [429] * 10
    paused = next(answer for answer in answers if answer.status_code == 429)
    assert paused.json()["code"] == "codes_paused"
    assert paused.json()["budget"]["scope"] == "city"
    assert paused.json()["retry_at"].endswith("+08:00")
    assert int(paused.headers["Retry-After"]) > 80_000
    assert [alarm.scope for alarm in alarms] == ["city"], "once for an opening"
    assert registry.get_sample_value("humiao_sms_breaker_opened_total") == 1
    assert seen.open_until is not None and seen.used == seen.most
    signal = await connection.fetchrow(
        "SELECT * FROM velocity_signals WHERE kind = 'breaker_open' AND subject = $1", CITY
    )
    assert (signal["seen"], signal["label"]) == (10, "全市") and "熔断" in signal["reason"]
    assert (await ask_for_code(served, f"138{next(phones):08d}")).status_code == 202, (
        "an ended budget that grows is open"
    )


async def test_a_counter_that_is_held_too_long_is_a_busy_answer_and_nothing_is_sent(served, connection, vault, phone):
    index = vault.blind_index("phone", phone)
    await connection.execute(
        """INSERT INTO velocity_counters (what, scope, subject, window_s, started_at)
           VALUES ('sms_code', 'phone', $1, 60, now())""",
        index,
    )
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM velocity_counters WHERE subject = $1 FOR UPDATE", index)
        answer = await ask_for_code(served, phone)  # waits as long as any lock is waited for
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert await codes_of(connection, vault, phone) == 0
    assert (await ask_for_code(served, phone)).status_code == 202


async def test_a_replayed_solution_costs_no_budget(served, connection, vault, phone):
    device = device_of(phone)
    body = {"phone": phone, "challenge": await solution(served, device)}
    answers = await asyncio.gather(*(served.post("/api/v1/auth/codes", json=body, headers=device) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [403] * 19
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} == {"challenge_used"}
    assert await codes_of(connection, vault, phone) == 1
