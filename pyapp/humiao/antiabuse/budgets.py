"""Budgets: how many in a window, counted before they are spent, and what somebody is told whose budget has ended.

The rows are in `velocity_budgets` (migration 0013). Deciding is SQL, under the locks of the counters; here is what the
decision means: words for people, and how hard the next challenge has to be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from humiao.antiabuse.challenges import LEVEL_MAX
from humiao.errors import Refusal
from humiao.kit.sql import statement

What = Literal["sms_code", "failed_login"]
Scope = Literal["account", "phone", "device", "network", "city"]
CITY = b"city"

WHOSE = {
    "account": "这个账户",
    "phone": "这个手机号",
    "device": "这台设备",
    "network": "您所在的网络",
    "city": "全市",
}
WAY_OUT = {
    "device": "也可以换一台设备，或到门诊现场办理。",
    "network": "也可以换一个网络（例如手机流量），或到门诊现场办理。",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A budget that refuses: whose, how many in how long, until when, and how many were asked for."""

    scope: Scope
    window_s: int
    most: int
    ends_at: datetime
    seen: int


def window_text(window_s: int) -> str:
    """60 -> 1 分钟, 86400 -> 1 天; the largest unit that fits evenly."""
    for unit_s, word in ((86_400, "天"), (3600, "小时"), (60, "分钟")):
        if window_s % unit_s == 0:
            return f"{window_s // unit_s} {word}"
    return f"{window_s} 秒"


def refusal_of(ended: Ended) -> Refusal:
    """What the person is told: which budget has ended and when it begins again."""
    budget = {"scope": ended.scope, "window_s": ended.window_s, "most": ended.most}
    if ended.scope == "city":
        return Refusal("codes_paused", ended.ends_at, {"budget": budget})
    told = f"{WHOSE[ended.scope]} {window_text(ended.window_s)}内最多发送 {ended.most} 条验证码，请到时间后再试。"
    detail = told + WAY_OUT.get(ended.scope, "")
    return Refusal("too_many_codes", ended.ends_at, {"detail": detail, "budget": budget})


async def take(connection: Any, what: What, subjects: Sequence[tuple[Scope, bytes]]) -> Ended | None:
    """Count one for every subject, or for none where a budget has ended; inside the caller's transaction."""
    row = await connection.fetchrow(
        statement("antiabuse/take_budgets"), what, [scope for scope, _ in subjects], [digest for _, digest in subjects]
    )
    return Ended(row["scope"], row["window_s"], row["most"], row["ends_at"], row["seen"]) if row else None


def level_before_sending(pressure: Iterable[tuple[int, int]]) -> int:
    """How hard the challenge for a code has to be: one level for each quarter of a budget that was asked for.

    `pressure` is (seen, most) of every budget of the device and the network; refused requests are seen too.
    """
    return max((min(LEVEL_MAX, 4 * seen // most) for seen, most in pressure), default=0)


def level_after_failures(pressure: Iterable[tuple[int, int]]) -> int | None:
    """None: no challenge. Else its level: 0 when as many failed as are let through, one more for each doubling."""
    ended = [(seen // most).bit_length() - 1 for seen, most in pressure if seen >= most]
    return min(LEVEL_MAX, max(ended)) if ended else None
