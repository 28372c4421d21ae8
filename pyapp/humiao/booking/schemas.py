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


class HoldState(Answer):
    """What became of a hold; small, for those who ask again and again."""

    hold_id: UUID
    state: State
    held_until: CityTime | None


class WindowAvailability(Answer):
    """A window: `free` is what can be booked through this channel, now or when it opens."""

    window_id: int
    state: Literal["open", "full", "not_yet", "ended", "closed"]
    free: int
    bookable_from: CityTime | None


class StockAvailability(Answer):
    """A stock: doses that may be promised."""

    stock_id: int
    free: int


class Availability(Answer):
    """What is free in a clinic session. `version` rises with every change; `as_of` is when it was looked at."""

    session_id: int
    version: int
    as_of: CityTime
    windows: list[WindowAvailability]
    stocks: list[StockAvailability]


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
    hold_token: UUID | None = Field(None, description="only while held, only to its owner; none of an offer's hold")
    offer_id: UUID | None = Field(None, description="the offer that this hold is; it is answered as an offer")
    confirmed_at: CityTime | None
    can_cancel: bool
    can_reschedule: bool
    campaign_id: int | None = Field(description="won in this campaign: it moves within the campaign's own windows")


class CampaignWindow(Answer):
    """A window that a reservation won in a campaign may move to; `kept` is where it is."""

    window_id: DatabaseId
    stock_id: DatabaseId
    starts_at: CityTime
    ends_at: CityTime
    kept: bool


class CampaignWindows(Answer):
    """Windows of the campaign's clinic session with room, in order of time."""

    items: list[CampaignWindow]


class ReservationPage(Answer):
    """One page of reservations."""

    items: list[Reservation]
    next_cursor: str | None
