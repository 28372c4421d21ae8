"""Use cases of eligibility: a pass for somebody who may book, and the check of a pass at a hold.

Age, sex and interval are judged at the day of the appointment, not of booking.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from humiao.auth.tokens import Pass, Resident, Tokens
from humiao.eligibility.decision import MayBook, MayNot, decide
from humiao.eligibility.places import Place, Places
from humiao.eligibility.rule import limits_of
from humiao.eligibility.schemas import PassRequest
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.models import Person, Record
from humiao.immunizations.service import Programmes
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.limits.service import LimitsService

REASONS = {
    "too_young": "这位接种人还没有到这种疫苗的接种年龄，{since}起可以预约。",
    "too_old": "这位接种人已超过这种疫苗的接种年龄，请咨询门诊。",
    "wrong_sex": "这种疫苗不适用于这位接种人的性别，请咨询门诊。",
    "not_yet_licensed": "这种疫苗还没有对这位接种人开放接种，{since}起可以预约。",
    "needs_assessment": "这位接种人需由门诊评估后才能接种这种疫苗，请到门诊咨询。",
    "too_soon": "按接种程序，这位接种人的这一剂{since}起可以接种，请预约当天或以后的时段。",
    "already_complete": "按接种程序，这位接种人已完成这种疫苗的全部剂次，无需再预约。",
}


class EligibilityService:
    """Issues passes and checks them. Issuing changes nothing: ask as often as you like."""

    def __init__(
        self, database: Database, tokens: Tokens, programmes: Programmes, limits: LimitsService, *, ttl_s: int
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._programmes = programmes
        self._limits = limits
        self._ttl = timedelta(seconds=ttl_s)
        self._places = Places(database)

    async def issue(self, me: Resident, asked: PassRequest) -> dict[str, Any] | Refusal:
        """A pass for one of the caller's people; or `not_eligible` with the reason and the days that are known, or
        `limited` with the rule and the day on which it ends.
        """
        facts = await self._facts(me.account_id, asked.person_id, asked.vaccine_code)
        if isinstance(facts, Refusal):
            return facts
        today = facts["now"].astimezone(CITY_ZONE).date()
        day = max(asked.on or today, today)
        judged = self._judged(facts, asked.vaccine_code, day)
        if isinstance(judged, MayNot):
            return _refused(judged)
        limited = await self._limits.refuse_pass(asked.person_id, asked.vaccine_code, facts["now"])
        if limited is not None:
            return limited
        granted = Pass(
            asked.person_id, me.account_id, asked.vaccine_code, judged.dose,
            rules=judged.rules, since=day, before=judged.until,
        )  # fmt: skip
        expires_at = end_of_pass(facts["now"], self._ttl, judged.until)
        return {
            "pass": self._tokens.for_pass(granted, expires_at=expires_at, generation=facts["generation"]),
            "person_id": granted.person_id,
            "vaccine_code": granted.vaccine_code,
            "dose": granted.dose,
            "clinics": granted.clinics,
            "expires_at": expires_at,
        }

    async def _facts(self, account_id: UUID | None, person_id: UUID, vaccine: str) -> Any | Refusal:
        """What decides for one of an account's people; for anybody where staff ask (`account_id` None)."""
        async with self._database.read() as connection:
            facts = await connection.fetchrow(statement("eligibility/facts"), account_id, person_id, vaccine)
        if facts["edition"] not in (None, self._programmes.book.editions[-1].id):
            # Published since this process last looked. A pass of the new generation is decided by the new edition.
            await self._programmes.read()
        if facts["birth_date"] is None:
            return Refusal("unknown_person")
        return Refusal("unknown_vaccine") if facts["detail"] is None else facts

    def _judged(self, facts: Any, vaccine: str, day: date) -> MayBook | MayNot:
        # Where somebody lives is not on record: the clinic asks when it matters.
        person = Person(facts["birth_date"], facts["sex"])
        records = [
            Record(vaccine, date.fromisoformat(given), *more) for vaccine, given, *more in facts["records"] or ()
        ]
        return decide(self._programmes.book, person, records, vaccine, limits_of(facts["detail"]), day)

    async def check_move(self, me: Resident, claim_id: UUID, *, window_id: int, stock_id: int) -> Refusal | None:
        """Whether the person of a reservation may come on the day of another window; None is good, or for the ledger to
        refuse: a claim that is not theirs, another vaccine, a window or stock that is not there.

        No pass is asked for: a move is no race, so the rules themselves are asked.
        """
        place = await self._places.of(window_id, stock_id)
        if place.day is None or place.vaccine_code is None:
            return None
        async with self._database.read() as connection:
            person_id = await connection.fetchval(
                statement("eligibility/person_to_move"), me.account_id, claim_id, place.vaccine_code
            )
        if person_id is None:
            return None
        facts = await self._facts(me.account_id, person_id, place.vaccine_code)
        if isinstance(facts, Refusal):
            return facts
        judged = self._judged(facts, place.vaccine_code, place.day)
        return _refused(judged) if isinstance(judged, MayNot) else None

    async def check_day(self, account_id: UUID, person_id: UUID, vaccine: str, day: date) -> Refusal | None:
        """Whether one of an account's people may have a vaccine on a day, by the rules; None is good."""
        facts = await self._facts(account_id, person_id, vaccine)
        if isinstance(facts, Refusal):
            return facts
        judged = self._judged(facts, vaccine, day)
        return _refused(judged) if isinstance(judged, MayNot) else None

    async def check_person(self, person_id: UUID, vaccine: str, day: date, *, limited: bool) -> Refusal | None:
        """Whether somebody for whom staff book may have a vaccine on a day, by the rules and, where `limited`, by the
        limits on claims; None is good.
        """
        facts = await self._facts(None, person_id, vaccine)
        if isinstance(facts, Refusal):
            return facts
        judged = self._judged(facts, vaccine, day)
        if isinstance(judged, MayNot):
            return _refused(judged)
        return await self._limits.refuse_pass(person_id, vaccine, facts["now"]) if limited else None

    async def check(
        self, token: str | None, me: Resident, *, person_id: UUID, window_id: int, stock_id: int
    ) -> Pass | Refusal:
        """The pass of a hold, if it is good. A window or stock that does not exist is refused as such."""
        if not token:
            return Refusal("pass_missing")
        shown = self._tokens.read_pass(token)
        if isinstance(shown, Refusal):
            return shown
        if (shown.account_id, shown.person_id) != (me.account_id, person_id):
            return Refusal("pass_invalid")
        place = await self._places.of(window_id, stock_id)
        if place.clinic_id is None:
            return Refusal("unknown_window")
        if place.vaccine_code is None:
            return Refusal("no_such_stock")
        elsewhere = shown.clinics is not None and place.clinic_id not in shown.clinics
        if elsewhere or shown.vaccine_code != place.vaccine_code or not _on_time(shown, place):
            return Refusal("pass_not_valid_here")
        return shown


def end_of_pass(now: datetime, ttl: timedelta, until: date | None) -> datetime:
    """When a pass ends, in whole seconds as tokens count: after its lifetime, or when the person is too old."""
    ends = (now + ttl).replace(microsecond=0)
    return ends if until is None else min(ends, datetime.combine(until, time(), CITY_ZONE))


def _on_time(shown: Pass, place: Place) -> bool:
    """Whether the window lies on a day the pass was decided for."""
    day = place.day
    return day is None or ((not shown.since or shown.since <= day) and (not shown.before or day < shown.before))


def _refused(judged: MayNot) -> Refusal:
    days: dict[str, date | None] = {"from": judged.since, "until": judged.until}
    told = {name: day.isoformat() for name, day in days.items() if day}
    since = f"{judged.since.year}年{judged.since.month}月{judged.since.day}日" if judged.since else ""
    detail = REASONS[judged.reason].format(since=since)
    if judged.rule_id and judged.explained:
        told |= {"rule": judged.rule_id, "explained": judged.explained}
    return Refusal("not_eligible", extra={"detail": detail, "reason": judged.reason} | told)
