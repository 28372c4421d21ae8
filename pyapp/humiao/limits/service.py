"""Use cases of the limits: refuse a pass, a cancellation, one more person or account; show rules, write a version.

Rules are read where they decide, by the database's clock, so that a version counts at once.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.limits.rules import (
    Basis,
    Kind,
    Limit,
    Missed,
    is_exempt,
    judge_cancelling,
    judge_device,
    judge_district,
    judge_family,
    judge_missed,
)
from humiao.limits.schemas import LimitRule, LimitsAnswer


class LimitsService:
    """Judges by the rules in force today. Staff are not limited: they act for people who stand before them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refuse_pass(self, person_id: UUID, vaccine: str, now: datetime) -> Refusal | None:
        """`limited` while missed reservations pause a person's booking of a vaccine; `other_district` where the vaccine
        is for people of other districts.
        """
        async with self._database.read() as connection:
            limits, by_district = await in_force(connection, "no_show"), await in_force(connection, "district")
            if not limits and not by_district:
                return None
            rows = await connection.fetch(statement("limits/series_of_vaccine"), vaccine)
            series = frozenset(row["series"] for row in rows)
            if is_exempt(series):
                return None
            refusal = await _refuse_district(connection, by_district, series, person_id)
            if refusal is not None:
                return refusal
            rows = await connection.fetch(statement("limits/missed_days"), person_id)
        missed = [Missed(row["day"], frozenset(row["series"])) for row in rows]
        paused = judge_missed(limits, series, missed, now.astimezone(CITY_ZONE).date())
        if paused is None:
            return None
        day = paused.until
        detail = (
            f"{paused.limit.told()}，{day.year}年{day.month}月{day.day}日起可以再预约。急需接种的，请到门诊现场办理。"
        )
        told = _told(paused.limit) | {"detail": detail, "until": day.isoformat()}
        return Refusal("limited", retry_at=datetime.combine(day, time(), CITY_ZONE), extra=told)

    async def refuse_cancelling(self, account_id: UUID, claim_id: UUID) -> Refusal | None:
        """`cancel_too_late` where a reservation of the account's people may no longer be cancelled or moved."""
        async with self._database.read() as connection:
            claim = await connection.fetchrow(statement("limits/confirmed_claim"), account_id, claim_id)
            if claim is None:
                return None
            limits = await in_force(connection, "cancel_deadline")
        late = judge_cancelling(limits, frozenset(claim["series"]), claim["starts_at"], claim["now"])
        if late is None:
            return None
        at = late.latest.astimezone(CITY_ZONE)
        detail = (
            f"{late.limit.told()}，这个预约最晚可在{at.month}月{at.day}日{at:%H:%M}取消或改期。不能前来的，请联系门诊。"
        )
        told = _told(late.limit) | {"detail": detail, "latest": at.isoformat()}
        return Refusal("cancel_too_late", extra=told)

    async def list(self) -> LimitsAnswer:
        """The newest version of every rule."""
        async with self._database.read() as connection:
            return await newest(connection)


def _told(limit: Limit) -> dict[str, str]:
    return {"rule": limit.code, "explained": limit.told()} | ({"until": limit.until.isoformat()} if limit.until else {})


def _ends(limit: Limit) -> str:
    """When a rule ends by itself, or that it does not."""
    return f"本规则到{limit.until.isoformat()}前有效" if limit.until else "本规则没有结束日期"


def _limit(row: Any) -> Limit:
    numbers = {name: row[name] or 0 for name in ("most", "within_days", "pause_days", "before_minutes")}
    districts = frozenset(row["districts"] or ())
    return Limit(
        row["code"], row["text_zh"], row["series"], row["effective_until"], **numbers,
        districts=districts, basis=row["basis"],
    )  # fmt: skip


async def _refuse_district(
    connection: Any, limits: list[Limit], series: frozenset[str], person_id: UUID
) -> Refusal | None:
    where = await connection.fetchrow(statement("limits/districts_of"), person_id)
    limit = judge_district(limits, series, where["residence_district"], where["work_district"])
    if limit is None:
        return None
    names = await connection.fetch(statement("limits/district_names"), sorted(limit.districts))
    detail = (
        f"{limit.told()}（{'、'.join(row['name'] for row in names)}），按您填写的居住区、工作区，这位接种人不在其中。"
        f"{_ends(limit)}。所填有误的，请在“家庭成员”中修改；有疑问的，请咨询就近门诊或12345热线。"
    )
    retry_at = datetime.combine(limit.until, time(), CITY_ZONE) if limit.until else None
    return Refusal("other_district", retry_at=retry_at, extra=_told(limit) | {"detail": detail})


async def refuse_account(connection: Any, device: bytes) -> Refusal | None:
    """`too_many_accounts` where no new account is made on a device now. Asked in the transaction that makes it.

    Whoever makes one on the same device at the same time waits: what was counted is still so.
    """
    limits = await in_force(connection, "device_accounts")
    if not limits:
        return None
    await connection.execute(statement("limits/lock_device"), device)
    rows = await connection.fetch(
        statement("limits/device_accounts"), device, max(limit.within_days for limit in limits)
    )
    crowded = judge_device(limits, [row["last_at"] for row in rows], rows[0]["now"]) if rows else None
    if crowded is None:
        return None
    at = crowded.until.astimezone(CITY_ZONE)
    detail = (
        f"{crowded.limit.told()}，{at.year}年{at.month}月{at.day}日{at:%H:%M}以后可以注册。已有账户的仍可登录；"
        "请用家人的账户添加接种人，或换一台设备。急需接种的，请到门诊现场办理。"
    )
    told = _told(crowded.limit) | {"detail": detail, "until": at.isoformat()}
    return Refusal("too_many_accounts", retry_at=crowded.until, extra=told)


async def note_device(connection: Any, device: bytes, account_id: UUID) -> None:
    """An account logged in on a device."""
    await connection.execute(statement("limits/note_device"), device, account_id)


async def in_force(connection: Any, kind: Kind) -> list[Limit]:
    """The rules of a kind that are in force today."""
    return [_limit(row) for row in await connection.fetch(statement("limits/in_force"), kind)]


async def refuse_person(connection: Any, people: int) -> Refusal | None:
    """`too_many_people` where an account that acts for `people` may bind nobody else.

    Asked in the transaction that binds, which holds the account's lock: what was counted is still so.
    """
    limit = judge_family(await in_force(connection, "family_size"), people)
    if limit is None:
        return None
    detail = (
        f"{limit.told()}，请先解除不再需要的绑定。{_ends(limit)}，有疑问的，请咨询12345热线。"
        "急需接种的，请到门诊现场办理。"
    )
    return Refusal("too_many_people", extra=_told(limit) | {"detail": detail})


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version of a rule says. Which numbers it bears depends on its kind; `effective_from` None: today."""

    code: str
    kind: Kind
    text_zh: str
    series: str | None = None
    most: int | None = None
    within_days: int | None = None
    pause_days: int | None = None
    before_minutes: int | None = None
    districts: list[str] | None = None
    basis: Basis | None = None
    effective_from: date | None = None
    effective_until: date | None = None
    active: bool = True

    def changed(self, **changes: Any) -> "NewVersion":
        """The same with the changes that are not None."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


async def newest(connection: Any) -> LimitsAnswer:
    """Of every rule the newest version, and the one that decides today."""
    rows = await connection.fetch(statement("limits/newest"))
    return LimitsAnswer(items=[LimitRule(**dict(row) | {"text_zh": _limit(row).told()}) for row in rows])


async def version_to_change(connection: Any, code: str) -> NewVersion | None:
    """What the newest version of a rule says, to begin today; None for a code that has no rule."""
    for row in await connection.fetch(statement("limits/newest")):
        if row["code"] == code:
            told = {name: row[name] for name in NewVersion.__dataclass_fields__ if name != "effective_from"}
            return NewVersion(**told)
    return None


async def add_version(connection: Any, new: NewVersion, *, reason: str, by: str, source: str) -> int:
    """Write the next version of a rule; the table audits it. Returns its number.

    Raises asyncpg.CheckViolationError for a rule whose numbers are not those of its kind or out of bounds, or that
    names the exempt series; asyncpg.PostgresError with state HM002 for a rule that would change its kind.
    """
    version: int = await connection.fetchval(
        statement("limits/add_version"), new.code, new.kind, new.series, new.most, new.within_days, new.pause_days,
        new.before_minutes, new.effective_from, new.effective_until, new.text_zh, new.active, reason, by, source,
        new.districts, new.basis,
    )  # fmt: skip
    return version
