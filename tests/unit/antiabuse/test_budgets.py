"""The law of budgets: in no window of a day are more let through than the budget says, whatever comes when."""

import asyncio
import itertools
import secrets
from datetime import UTC, datetime

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humiao.antiabuse import budgets
from humiao.antiabuse.budgets import (
    CITY,
    Ended,
    level_after_failures,
    level_before_sending,
    refusal_of,
    take,
    window_text,
)
from humiao.antiabuse.challenges import LEVEL_MAX
from humiao.kit.database import Database
from tests.codes import age_counters

_subjects = itertools.count(secrets.randbelow(2**40))
# Seconds between one asking and the next: none, or so many times five minutes that a slow machine changes nothing.
PAUSES = st.one_of(st.just(0), st.integers(1, 110).map(lambda n: 300 * n))
HISTORIES = st.lists(PAUSES, min_size=1, max_size=14)


def allowed(asked_at: list[int]) -> list[bool]:
    """The model: one a minute, five a day, every window counted backwards from its end."""
    sent: list[int] = []
    answers = []
    for now in asked_at:
        free = all(len([t for t in sent if t > now - window]) < most for window, most in ((60, 1), (86_400, 5)))
        answers.append(free)
        sent += [now] if free else []
    return answers


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pauses=HISTORIES)
async def test_a_phone_gets_what_the_model_says(connection: asyncpg.Connection, pauses: list[int]) -> None:
    """The counters are made older instead of waiting."""
    subject = f"law-{next(_subjects)}".encode()
    told = []
    for pause in pauses:
        await age_counters(connection, subject, f"{pause} seconds")
        told.append(await take(connection, "sms_code", [("phone", subject)]) is None)
    assert told == allowed(list(itertools.accumulate(pauses)))


async def test_all_budgets_are_taken_or_none(connection: asyncpg.Connection) -> None:
    phones = [f"all-or-none-{next(_subjects)}".encode() for _ in range(11)]
    device = f"all-or-none-device-{next(_subjects)}".encode()
    told = [await take(connection, "sms_code", [("phone", phone), ("device", device)]) for phone in phones]
    assert [ended and ended.scope for ended in told] == [None] * 10 + ["device"]
    rows = await connection.fetch(
        """SELECT scope, window_s, used, refused, cardinality(times) AS n FROM velocity_counters
           WHERE subject = ANY ($1)""",
        [device, phones[-1]],
    )
    found = {(row["scope"], row["window_s"]): (row["used"], row["refused"], row["n"]) for row in rows}
    assert found == {
        ("device", 3600): (10, 1, 10),
        ("device", 86_400): (10, 1, 10),
        ("phone", 60): (0, 0, 0),
        ("phone", 86_400): (0, 0, 0),
    }


async def test_requests_that_share_subjects_in_every_way_wait_in_no_circle(database: Database) -> None:
    """Sixty at once over three phones, three devices and two networks: each is answered, and none of them twice."""
    run = f"circle-{next(_subjects)}"

    async def one(n: int) -> bool:
        subjects: list[tuple[budgets.Scope, bytes]] = [
            ("phone", f"{run}-p{n % 3}".encode()), ("device", f"{run}-d{n % 5 % 3}".encode()),
            ("network", f"{run}-n{n % 2}".encode()), ("city", CITY),
        ]  # fmt: skip
        async with database.transaction() as connection:
            return await take(connection, "sms_code", subjects) is None

    async def of_the_city() -> int:
        async with database.read() as connection:
            used = await connection.fetchval(
                "SELECT used FROM velocity_counters WHERE scope = 'city' AND window_s = 86400 AND subject = $1", CITY
            )
        return int(used or 0)

    before = await of_the_city()
    told = await asyncio.gather(*(one(n) for n in range(60)))
    assert told.count(True) == 3, "one a minute for each phone"
    assert await of_the_city() == before + 3


async def test_a_large_budget_counts_in_windows_that_begin_with_their_first_use(connection: asyncpg.Connection) -> None:
    subject = f"window-{next(_subjects)}".encode()
    await connection.execute(
        "UPDATE velocity_budgets SET most = 40 WHERE what = 'sms_code' AND scope = 'network' AND window_s = 3600"
    )
    try:
        told = [await take(connection, "sms_code", [("network", subject)]) for _ in range(42)]
        await age_counters(connection, subject, "1 hour")
        after = await take(connection, "sms_code", [("network", subject)])
    finally:
        await connection.execute(
            "UPDATE velocity_budgets SET most = 2000 WHERE what = 'sms_code' AND scope = 'network' AND window_s = 3600"
        )
    assert [ended is None for ended in told] == [True] * 40 + [False] * 2
    last = told[-1]
    assert last and (last.scope, last.window_s, last.most) == ("network", 3600, 40)
    assert after is None


@pytest.mark.parametrize(
    ("window_s", "text"), [(60, "1 分钟"), (3600, "1 小时"), (86_400, "1 天"), (604_800, "7 天"), (90, "90 秒")]
)
def test_a_window_in_words(window_s: int, text: str) -> None:
    assert window_text(window_s) == text


@pytest.mark.parametrize("scope", ["account", "phone", "device", "network", "city"])
def test_a_refusal_names_its_budget_and_its_end(scope: budgets.Scope) -> None:
    end = datetime(2026, 11, 25, tzinfo=UTC)
    refusal = refusal_of(Ended(scope, 86_400, 5, end, 9))
    assert refusal.retry_at == end
    assert refusal.extra["budget"] == {"scope": scope, "window_s": 86_400, "most": 5}
    assert refusal.code == ("codes_paused" if scope == "city" else "too_many_codes")
    assert scope == "city" or budgets.WHOSE[scope] in refusal.extra["detail"]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), max_size=4))
def test_levels_rise_with_pressure_and_stay_in_bounds(pressure: list[tuple[int, int]]) -> None:
    sending, failing = level_before_sending(pressure), level_after_failures(pressure)
    assert 0 <= sending <= LEVEL_MAX
    assert failing is None or 0 <= failing <= LEVEL_MAX
    more = [(seen + most, most) for seen, most in pressure]
    assert level_before_sending(more) >= sending
    after = level_after_failures(more)
    assert failing is None or (after is not None and after >= failing)
    assert (failing is None) == all(seen < most for seen, most in pressure)
