"""Shapes of the limits, as staff see them."""

from datetime import date

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime
from humiao.limits.rules import Basis, Kind


class LimitRule(Answer):
    """The newest version of a rule. Numbers that its kind does not need are null."""

    code: str
    version: int
    kind: Kind
    series: str | None = Field(description="null: every vaccine but rabies")
    most: int | None
    within_days: int | None
    pause_days: int | None
    before_minutes: int | None
    districts: list[str] | None = Field(description="GB/T 2260 codes, where the rule is about districts")
    basis: Basis | None = Field(description="what has to be there: residence, work, or either")
    effective_from: date
    effective_until: date | None = Field(description="the first day without it")
    text_zh: str = Field(description="as people are told, with its numbers")
    active: bool
    in_force: bool = Field(description="whether this version decides today")
    reason: str
    changed_by: str
    changed_at: CityTime


class LimitsAnswer(Answer):
    """Every rule, by code."""

    items: list[LimitRule]
