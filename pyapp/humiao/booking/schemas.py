"""Shapes of the booking routes."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, DatabaseId, PlainText, StrictModel

State = Literal["held", "confirmed", "released", "expired", "cancelled", "checked_in", "fulfilled", "no_show"]


class HoldRequest(StrictModel):
    """A wish to hold a place for a person."""

    person_id: UUID
    window_id: DatabaseId
    stock_id: DatabaseId


class ConfirmRequest(StrictModel):
    """The hold's secret."""

    hold_token: UUID


class ReleaseRequest(StrictModel):
    """The hold's secret."""

    hold_token: UUID


class RescheduleRequest(StrictModel):
    """The new window and the stock there, of the same vaccine."""

    window_id: DatabaseId
    stock_id: DatabaseId


class CancelRequest(StrictModel):
    """Why, if the resident wants to say."""

    reason: PlainText | None = Field(None, max_length=200)


class HoldAnswer(Answer):
    """A held place: confirm it with the token before the deadline."""

    hold_id: UUID
    hold_token: UUID
    held_until: CityTime
    person_id: UUID
    window_id: int
    stock_id: int


class ReleaseAnswer(Answer):
    """What became of the hold."""

    claim_id: UUID
    state: State


class PersonOfReservation(Answer):
    """Whom it is for."""

    person_id: UUID
    name_masked: str


class ClinicOfReservation(Answer):
    """Where."""

    clinic_id: int
    name: str
    address: str
    phone: str


class VaccineOfReservation(Answer):
    """Against what."""

    vaccine_code: str
    name: str


class ProductOfReservation(Answer):
    """With which product; price in fen (0: free)."""

    product_id: int
    name: str
    price_fen: int


class WindowOfReservation(Answer):
    """When."""

    window_id: int
    session_id: int
    starts_at: CityTime
    ends_at: CityTime


class Reservation(Answer):
    """A claim as its owner sees it: a hold, a reservation, or what it ended as."""

    reservation_id: UUID
    state: State
    state_label: str
    person: PersonOfReservation
    clinic: ClinicOfReservation
    vaccine: VaccineOfReservation
    product: ProductOfReservation
    stock_id: int
    window: WindowOfReservation
    held_until: CityTime | None
    hold_token: UUID | None = Field(None, description="only while held, only to its owner")
    confirmed_at: CityTime | None
    can_cancel: bool
    can_reschedule: bool


class ReservationPage(Answer):
    """One page of reservations."""

    items: list[Reservation]
    next_cursor: str | None
