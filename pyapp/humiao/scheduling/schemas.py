"""Shapes of the clinic's scheduling routes."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, DatabaseId, InputDate, InputTime, PlainText, StrictModel, Whole

Channel = Literal["h5", "desk", "phone", "school", "campaign"]


class QuotaInput(StrictModel):
    """A channel's share of a window and when it opens (放号); no time: at once."""

    channel: Channel
    quota: Whole = Field(ge=0, le=100_000)
    bookable_from: InputTime | None = None


class WindowInput(StrictModel):
    """A bookable interval; `bookable_until` defaults to its start."""

    starts_at: InputTime
    ends_at: InputTime
    capacity: Whole = Field(ge=1, le=100_000)
    bookable_until: InputTime | None = None
    quotas: list[QuotaInput] = Field(min_length=1, max_length=5)


class StockInput(StrictModel):
    """Whole vials of one product; `vial_size` defaults to the product's."""

    product_id: Whole = Field(ge=1, le=2**31 - 1)
    vials: Whole = Field(ge=0, le=100_000)
    vial_size: Whole | None = Field(None, ge=1, le=20)
    no_new_vial_from: InputTime | None = None


class SessionInput(StrictModel):
    """A clinic session to publish."""

    clinic_id: Whole = Field(ge=1, le=2**31 - 1)
    session_date: InputDate
    title: PlainText = Field(min_length=1, max_length=60)
    kind: Literal["regular", "dedicated"] = "regular"
    windows: list[WindowInput] = Field(min_length=1, max_length=200)
    stocks: list[StockInput] = Field(min_length=1, max_length=60)


class CapacityInput(StrictModel):
    """A new capacity and why."""

    capacity: Whole = Field(ge=0, le=100_000)
    reason: PlainText = Field(min_length=1, max_length=200)


class QuotaChange(StrictModel):
    """A new quota of a channel and why."""

    quota: Whole = Field(ge=0, le=100_000)
    bookable_from: InputTime | None = None
    reason: PlainText = Field(min_length=1, max_length=200)


class VialsInput(StrictModel):
    """New whole vials of a stock and why."""

    vials: Whole = Field(ge=0, le=100_000)
    no_new_vial_from: InputTime | None = None
    reason: PlainText = Field(min_length=1, max_length=200)


class ReasonInput(StrictModel):
    """Why."""

    reason: PlainText = Field(min_length=1, max_length=200)


class LimitAnswer(Answer):
    """A counter after an edit; `kept_back` is what could not be taken back because it is held or booked."""

    limit: int
    held: int
    booked: int
    free: int
    kept_back: int
    version: int


class QuotaAnswer(Answer):
    """A channel's quota."""

    channel: Channel
    quota: int
    bookable_from: datetime
    held: int
    booked: int
    free: int
    version: int


class WindowAnswer(Answer):
    """A window with its quotas."""

    window_id: DatabaseId
    starts_at: CityTime
    ends_at: CityTime
    bookable_until: CityTime
    capacity: int
    held: int
    booked: int
    free: int
    version: int
    quotas: list[QuotaAnswer]


class StockAnswer(Answer):
    """The stock of one product."""

    stock_id: DatabaseId
    product_id: int
    product_name: str
    vaccine_code: str
    vials: int
    vial_size: int
    no_new_vial_from: CityTime | None
    held: int
    booked: int
    free: int
    version: int


class SessionAnswer(Answer):
    """A clinic session as staff see it."""

    session_id: DatabaseId
    clinic_id: int
    clinic_name: str
    session_date: date
    title: str
    kind: str
    state: str
    published_at: CityTime
    closed_at: CityTime | None
    windows: list[WindowAnswer]
    stocks: list[StockAnswer]
