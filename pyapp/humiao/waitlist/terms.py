"""The terms of a campaign as data: who may register, and in which tier. Pure; the day is an argument.

`Group` is one condition on a person, and `Tier` a condition with a label: the first that fits gives the tier, from 0.
The last tier of a campaign fits everybody who may register, so that nobody is left without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

Sex = Literal["F", "M"]
Misfit = Literal[
    "too_young", "too_old", "wrong_sex", "too_few_doses", "too_many_doses", "not_waited_before", "other_district"
]
Basis = Literal["residence", "work", "either"]
REASONS: dict[Misfit, str] = {
    "too_young": "还没有到本次登记的年龄。",
    "too_old": "已超过本次登记的年龄。",
    "wrong_sex": "本次登记不包括这位接种人的性别。",
    "too_few_doses": "本次登记要求此前已接种过这种疫苗。",
    "too_many_doses": "本次登记只面向此前接种剂次较少的人。",
    "not_waited_before": "本次登记只面向以前登记过而没有轮到的人。",
    "other_district": "本次登记只面向在指定区居住或工作的人；居住区、工作区请在“家庭成员”中填写。",
}


@dataclass(frozen=True, slots=True)
class Person:
    """What terms may ask about somebody: how many doses of the vaccine are on record, whether an earlier campaign for
    it ended before their turn, and the districts where they live and work, as declared.
    """

    birth_date: date
    sex: Sex
    doses: int = 0
    waited_before: bool = False
    residence: str | None = None
    work: str | None = None


def age_in_months(born: date, day: date) -> int:
    """Whole months of age on a day; a birthday on the 31st counts from the first of a month without one."""
    return (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)


@dataclass(frozen=True, slots=True)
class Group:
    """A condition; a bound that is None does not ask. Ages are whole months, the upper one is the first too old."""

    from_months: int | None = None
    below_months: int | None = None
    sex: Sex | None = None
    from_doses: int | None = None
    most_doses: int | None = None
    waited_before: bool | None = None
    districts: Sequence[str] | None = None
    basis: Basis | None = None

    def misfit(self, person: Person, day: date) -> Misfit | None:
        """Why a person does not fit on a day; None: fits."""
        months = age_in_months(person.birth_date, day)
        if self.from_months is not None and months < self.from_months:
            return "too_young"
        if self.below_months is not None and months >= self.below_months:
            return "too_old"
        if self.sex is not None and person.sex != self.sex:
            return "wrong_sex"
        if self.from_doses is not None and person.doses < self.from_doses:
            return "too_few_doses"
        if self.most_doses is not None and person.doses > self.most_doses:
            return "too_many_doses"
        if self.waited_before and not person.waited_before:
            return "not_waited_before"
        if self.districts is not None and not self._lives_or_works_there(person):
            return "other_district"
        return None

    def _lives_or_works_there(self, person: Person) -> bool:
        counted = {"residence": (person.residence,), "work": (person.work,), "either": (person.residence, person.work)}
        return any(code in (self.districts or ()) for code in counted[self.basis or "either"])


@dataclass(frozen=True, slots=True)
class Tier:
    """A condition and what people are told about who fits it."""

    label: str
    group: Group


def group_of(data: dict[str, Any]) -> Group:
    """A condition as the ledger keeps it."""
    return Group(**{name: data.get(name) for name in Group.__dataclass_fields__})


def tiers_of(data: Sequence[dict[str, Any]]) -> tuple[Tier, ...]:
    """Tiers as the ledger keeps them."""
    return tuple(Tier(one["label"], group_of(one)) for one in data)


def tier_of(tiers: Sequence[Tier], person: Person, day: date) -> tuple[int, str]:
    """(tier, label): the first that fits on a day. Raises ValueError where none does: the last one asks nothing."""
    for number, tier in enumerate(tiers):
        if tier.group.misfit(person, day) is None:
            return number, tier.label
    raise ValueError("the last tier must ask nothing")


@dataclass(frozen=True, slots=True)
class Forecast:
    """How far the doses of a campaign may reach: places in the line, counted from its head."""

    offers: int
    accepted: int
    acceptance_percent: int
    doses_left: int
    reaches: int


def forecast(*, doses_left: int, offers_ended: int, accepted: int, waiting: int, open_offers: int) -> Forecast:
    """How many of those who wait may get an offer from `doses_left`, if as many accept as did so far.

    With fewer than 20 ended offers there is no rate to go by, and each dose is counted for one person.
    """
    rate = 100 if offers_ended < 20 else max(1, round(100 * accepted / offers_ended))
    coming_back = open_offers * (100 - rate) // 100
    reaches = min(waiting, (doses_left + coming_back) * 100 // rate)
    return Forecast(offers_ended + open_offers, accepted, rate, doses_left, reaches)
