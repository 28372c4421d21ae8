"""Signals for reviewers: noticed with reasons, masked, kept for a time, and no answer changes by them."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from humiao.antiabuse.signals import review
from humiao.worker.tasks import Housekeeper
from tests.api.callers import staff_token
from tests.codes import CHALLENGES, DEVICE, age_counters, ask_for_code, device_of, show_code, solution
from tests.factories import make_clinic

SIGNALS = "/api/v1/admin/signals"


async def of(connection, vault, kind: str, what: str, value: str):
    """The signal of a kind about a device, phone or network; None where there is none."""
    return await connection.fetchrow(
        "SELECT * FROM velocity_signals WHERE kind = $1 AND subject = $2", kind, vault.blind_index(what, value)
    )


async def test_a_device_with_many_phones_is_noted_and_still_served(served, connection, vault, phones):
    device = f"volunteer-device-{next(phones):08d}"
    for _ in range(4):
        assert (await ask_for_code(served, f"138{next(phones):08d}", {DEVICE: device})).status_code == 202
    assert await of(connection, vault, "many_phones", "device", device) is None, "a family is no signal"
    for _ in range(2):
        assert (await ask_for_code(served, f"138{next(phones):08d}", {DEVICE: device})).status_code == 202
    signal = await of(connection, vault, "many_phones", "device", device)
    assert (signal["seen"], signal["reason"]) == (2, "一天内从这台设备向 6 个手机号发送验证码")
    assert signal["label"] == vault.blind_index("device", device).hex()[:8]


async def test_a_phone_with_many_devices_is_noted(served, connection, vault, phone):
    for n in range(3):
        assert await of(connection, vault, "many_devices", "phone", phone) is None
        assert (await ask_for_code(served, phone, {DEVICE: f"device-{n}-of-{phone}"})).status_code == 202
        await age_counters(connection, vault.blind_index("phone", phone), "2 minutes")
    signal = await of(connection, vault, "many_devices", "phone", phone)
    assert (signal["label"], signal["reason"]) == (
        f"{phone[:3]}****{phone[-4:]}", "一天内有 3 台设备向这个手机号发送验证码",
    )  # fmt: skip


async def test_failures_of_a_network_are_noted_with_their_number(served, connection, vault, phones):
    await connection.execute("UPDATE velocity_budgets SET most = 12 WHERE what = 'failed_login' AND scope = 'network'")
    try:
        answers = []
        for _ in range(15):
            number = f"138{next(phones):08d}"
            answers.append(await show_code(served, number, "123456", {"X-Forwarded-For": "198.18.201.9"}))
    finally:
        await connection.execute(
            "UPDATE velocity_budgets SET most = 200 WHERE what = 'failed_login' AND scope = 'network'"
        )
    codes = [answer.json()["code"] for answer in answers]
    assert codes == ["code_expired"] * 12 + ["challenge_needed"] * 3, "nobody is stopped without being told"
    signal = await of(connection, vault, "many_failures", "network", "198.18.201.0/24")
    assert signal["label"] == "198.18.201.*"
    assert signal["reason"] == "1 小时内登录失败 12 次，已要求安全验证"


async def test_a_replay_and_an_ended_budget_are_noted(served, connection, vault, phone):
    device = device_of(phone)
    body = {"phone": phone, "challenge": await solution(served, device)}
    for _ in range(3):
        await served.post("/api/v1/auth/codes", json=body, headers=device)
    replay = await of(connection, vault, "challenge_replayed", "device", device[DEVICE])
    assert (replay["seen"], replay["reason"]) == (2, "同一个安全验证结果被重复提交")
    await ask_for_code(served, phone)
    assert await of(connection, vault, "budget_ended", "phone", phone) is None, "impatience is no signal"
    await connection.execute(
        """UPDATE velocity_counters SET times = array_fill(now() - interval '5 hours', ARRAY[5])
           WHERE what = 'sms_code' AND scope = 'phone' AND window_s = 86400 AND subject = $1""",
        vault.blind_index("phone", phone),
    )
    for _ in range(2):
        assert (await ask_for_code(served, phone)).json()["budget"]["window_s"] == 86_400
    ended = await of(connection, vault, "budget_ended", "phone", phone)
    assert (ended["seen"], ended["label"]) == (2, f"{phone[:3]}****{phone[-4:]}")
    assert ended["reason"].startswith("这个手机号的验证码额度用完：1 天内最多 5 条")


async def test_city_administrators_see_breaker_and_signals_and_nobody_else_does(served, connection, keys, phone):
    device = device_of(phone)
    body = {"phone": phone, "challenge": await solution(served, device)}
    for _ in range(2):
        await served.post("/api/v1/auth/codes", json=body, headers=device)

    async def see(role: str, clinic: int | None = None):
        token = await staff_token(connection, keys, role, clinic)
        return await served.get(SIGNALS, headers={"Authorization": f"Bearer {token}"}, params={"days": 1})

    shown = await see("city_admin")
    assert shown.status_code == 200, shown.text
    assert [window["window_s"] for window in shown.json()["breaker"]] == [60, 3600, 86_400]
    assert all(window["open_until"] is None for window in shown.json()["breaker"])
    newest = shown.json()["items"][0]
    assert (newest["kind"], newest["scope"]) == ("challenge_replayed", "device")
    assert phone not in shown.text and device[DEVICE] not in shown.text
    clerk = await see("clinic_staff", await make_clinic(connection))
    assert (clerk.status_code, clerk.json()["code"]) == (403, "forbidden")
    assert (await served.get(SIGNALS)).status_code == 401


@pytest.mark.parametrize(("age", "kept"), [(timedelta(days=89), True), (timedelta(days=91), False)])
async def test_signals_are_kept_ninety_days(connection, database, phones, age, kept):
    subject = f"old-{next(phones)}".encode()
    await connection.execute(
        """INSERT INTO velocity_signals (kind, scope, subject, label, reason, first_at, last_at)
           VALUES ('many_phones', 'device', $1, 'old', 'old', now() - $2::interval, now() - $2::interval)""",
        subject, age,
    )  # fmt: skip
    await Housekeeper(database).step()
    assert bool(await connection.fetchval("SELECT 1 FROM velocity_signals WHERE subject = $1", subject)) is kept


async def test_counters_and_spent_challenges_end_with_their_time(connection, database, phones):
    subject = f"swept-{next(phones)}".encode()
    await connection.execute(
        """INSERT INTO velocity_counters (what, scope, subject, window_s, started_at)
           VALUES ('sms_code', 'device', $1, 3600, now() - interval '26 hours'),
                  ('sms_code', 'device', $1, 86400, now() - interval '26 hours')""",
        subject,
    )
    nonces = [next(phones).to_bytes(16, "big") for _ in range(2)]
    await connection.executemany(
        "INSERT INTO spent_challenges (nonce, expires_at) VALUES ($1, now() - $2::text::interval)",
        list(zip(nonces, ["2 hours", "1 minute"], strict=True)),
    )
    await Housekeeper(database).step()
    left = await connection.fetch("SELECT window_s FROM velocity_counters WHERE subject = $1", subject)
    assert [row["window_s"] for row in left] == [86_400]
    spent = await connection.fetch("SELECT nonce FROM spent_challenges WHERE nonce = ANY ($1::bytea[])", nonces)
    assert [row["nonce"] for row in spent] == nonces[1:]


async def told_by(settings, *words: str, given: bytes = b"") -> tuple[int | None, str]:
    """Exit code and output of a `humiao` command on this city's addresses."""
    command = Path(sys.executable).with_name("humiao")
    environment = os.environ | {
        "HUMIAO_DATABASE_URL": settings.database_url, "HUMIAO_REDIS_URL": settings.redis_url, "COLUMNS": "200",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        command, *words, env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate(given)
    return process.returncode, told.decode()


async def test_the_command_line_shows_breaker_and_signals_masked(served, settings, phone):
    device = device_of(phone)
    body = {"phone": phone, "challenge": await solution(served, device)}
    for _ in range(2):
        await served.post("/api/v1/auth/codes", json=body, headers=device)
    code, told = await told_by(settings, "signals", "--days", "1", "--count", "5")
    assert code == 0
    assert "正常 / closed" in told and "验证结果重放" in told and "同一个安全验证结果被重复提交" in told
    assert phone not in told and device[DEVICE] not in told


async def test_the_command_line_solves_a_challenge_and_says_what_is_none(served, settings, phone):
    issued = await served.get(CHALLENGES, params={"purpose": "send_code"}, headers=device_of(phone))
    code, told = await told_by(settings, "challenge", "solve", given=issued.content)
    body = {"phone": phone, "challenge": told.strip()}
    assert code == 0
    assert (await served.post("/api/v1/auth/codes", json=body, headers=device_of(phone))).status_code == 202
    for none in (b"", b"{}", b"[1]", b'{"parameters": 7}', b"\xff"):
        code, told = await told_by(settings, "challenge", "solve", given=none)
        assert (code, "no challenge" in told) == (1, True), none


async def test_a_review_is_bounded(connection):
    assert len((await review(connection, days=90, at_most=1)).items) <= 1
