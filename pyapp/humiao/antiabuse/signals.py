"""Signals: what looks like abuse, in words and numbers, for a person to judge.

A signal decides nothing: no account is locked and no answer changes by it. Whatever is refused is refused by a budget
or a challenge, and says so. Rows are kept ninety days (worker/sweep_velocity).
"""

from dataclasses import dataclass
from typing import Any, Literal

from humiao.antiabuse.budgets import WHOSE, Ended, Scope, window_text
from humiao.antiabuse.schemas import BreakerAnswer, SignalAnswer, VelocityAnswer
from humiao.kit.sql import statement

Kind = Literal["many_phones", "many_devices", "many_failures", "budget_ended", "breaker_open", "challenge_replayed"]
PHONES_OF_DEVICE = 5  # more than a family
DEVICES_OF_PHONE = 3
REVIEWED_FROM_S = 3600  # a budget of a minute ends whenever somebody is impatient


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that was noticed; `label` is masked."""

    kind: Kind
    scope: Scope
    subject: bytes
    label: str
    reason: str


def of_ended(ended: Ended, subject: bytes, label: str) -> Signal | None:
    """What a budget that has ended tells a reviewer; None for one that ends in the course of things."""
    told = f"{window_text(ended.window_s)}内最多 {ended.most} 条，已请求 {ended.seen} 次"
    if ended.scope == "city":
        return Signal("breaker_open", "city", subject, label, f"全市验证码已熔断：{told}")
    if ended.window_s < REVIEWED_FROM_S:
        return None
    return Signal("budget_ended", ended.scope, subject, label, f"{WHOSE[ended.scope]}的验证码额度用完：{told}")


def of_spread(phones: int, devices: int, device: tuple[bytes, str], phone: tuple[bytes, str]) -> list[Signal]:
    """What the spread of codes over phones and devices tells: of the last day, (digest, label) of device and phone."""
    found = []
    if phones >= PHONES_OF_DEVICE:
        found.append(Signal("many_phones", "device", *device, f"一天内从这台设备向 {phones} 个手机号发送验证码"))
    if devices >= DEVICES_OF_PHONE:
        found.append(Signal("many_devices", "phone", *phone, f"一天内有 {devices} 台设备向这个手机号发送验证码"))
    return found


async def note(connection: Any, signal: Signal) -> None:
    """Write a signal down, inside the caller's transaction; the same one of the same day is counted."""
    await connection.execute(
        statement("antiabuse/note_signal"), signal.kind, signal.scope, signal.subject, signal.label, signal.reason
    )


async def review(connection: Any, *, days: int, at_most: int) -> VelocityAnswer:
    """What reviewers are shown: the breaker's windows, and the signals of the last days, newest first."""
    windows = await connection.fetch(statement("antiabuse/city_budgets"))
    signals = await connection.fetch(statement("antiabuse/signals"), days, at_most)
    return VelocityAnswer(
        breaker=[BreakerAnswer(**dict(row)) for row in windows],
        items=[SignalAnswer(**dict(row)) for row in signals],
    )
