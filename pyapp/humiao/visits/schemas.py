"""Shapes of the desk's routes about visits and reservations."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, DatabaseId, PlainText, StrictModel
from humiao.residents.documents import DocumentType
from humiao.residents.schemas import PersonName

Outcome = Literal["given", "not_given"]


class DeskBooking(StrictModel):
    """A reservation for somebody who stands at the desk or calls, as their document names them."""

    channel: Literal["desk", "phone"] = Field(description="how they came")
    quota: Literal["desk", "phone", "h5"] = Field(
        description="whose places: of the desk, of the hotline, or those booked online, behind their waiting room"
    )
    name: PersonName
    document_type: DocumentType
    document_number: Annotated[PlainText, Field(min_length=1, max_length=40)]
    window_id: DatabaseId
    stock_id: DatabaseId


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
