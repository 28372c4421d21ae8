"""Shapes of finding a clinic and its windows."""

from datetime import date
from typing import Literal

from humiao.kit.shapes import Answer, CityTime


class District(Answer):
    """A district of the city."""

    district_code: str
    name: str


class DistrictList(Answer):
    """All districts."""

    items: list[District]


class Location(Answer):
    """WGS84."""

    lat: float
    lng: float


class ClinicItem(Answer):
    """A clinic in a list; places and date are known when a vaccine was asked for."""

    clinic_id: int
    name: str
    district_code: str
    district_name: str
    address: str
    phone: str
    location: Location
    kinds: list[str]
    distance_m: int | None
    free_places: int | None
    next_date: date | None


class ClinicPage(Answer):
    """One page of clinics."""

    items: list[ClinicItem]
    next_cursor: str | None


class StockedVaccine(Answer):
    """A vaccine the clinic stocks in the coming days."""

    vaccine_code: str
    name: str


class ClinicDetail(Answer):
    """A clinic."""

    clinic_id: int
    name: str
    district_code: str
    district_name: str
    address: str
    phone: str
    location: Location
    kinds: list[str]
    opening_hours: dict[str, list[list[str]]]
    vaccines: list[StockedVaccine]


class Stock(Answer):
    """A product in a session, and doses still free."""

    stock_id: int
    product_id: int
    product_name: str
    vaccine_code: str
    vaccine_name: str
    price_fen: int
    free: int


class Window(Answer):
    """A window as residents see it; `free` is what can be booked online."""

    window_id: int
    starts_at: CityTime
    ends_at: CityTime
    capacity: int
    free: int
    state: Literal["open", "full", "not_yet", "ended", "closed"]
    bookable_from: CityTime | None


class Session(Answer):
    """A clinic session with its stock and windows."""

    session_id: int
    session_date: date
    title: str
    kind: str
    stocks: list[Stock]
    windows: list[Window]


class ClinicWindows(Answer):
    """Sessions of a clinic. `as_of` is the database's clock when they were read."""

    clinic_id: int
    as_of: CityTime
    sessions: list[Session]
