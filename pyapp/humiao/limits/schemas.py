"""Shapes of the limits, as staff see them."""

from datetime import date
from typing import Literal

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime


class LimitRule(Answer):
    """The newest version of a rule. Numbers that its kind does not need are null."""

    code: str
    version: int
    kind: Literal["no_show", "cancel_deadline", "family_size"]
    series: str | None = Field(description="null: every vaccine but rabies")
    most: int | None
    within_days: int | None
    pause_days: int | None
    before_minutes: int | None
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
