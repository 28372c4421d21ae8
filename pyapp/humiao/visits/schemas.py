"""Shapes of the desk's routes about visits."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, PlainText, StrictModel

Outcome = Literal["given", "not_given"]


class OutcomeInput(StrictModel):
    """How a visit ended; `reason` says why a dose was not given, and only then."""

    outcome: Outcome
    reason: PlainText | None = Field(None, min_length=1, max_length=200)


class VisitPerson(Answer):
    """Who came."""

    person_id: UUID
    name_masked: str


class VisitAnswer(Answer):
    """A reservation as the desk sees it. `state` fulfilled: the visit is over, with `outcome`."""

    reservation_id: UUID
    state: Literal["confirmed", "checked_in", "fulfilled", "no_show"]
    outcome: Outcome | None
    reason: str | None
    person: VisitPerson
    vaccine_code: str
    vaccine_name: str
    starts_at: CityTime
    ends_at: CityTime
    checked_in_at: CityTime | None
    ended_at: CityTime | None


class VisitsAnswer(Answer):
    """The reservations of a window, in the order in which they were made."""

    items: list[VisitAnswer]
