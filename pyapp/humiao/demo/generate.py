"""Generates the clinic sessions of the demo city.

Pure and seeded: the same (seed, clinic, day, shelf) gives the same sessions, whatever was generated before.
What every generated session keeps: windows of half an hour inside the opening hours; the channel quotas of a
window add up to its capacity; stock in whole vials; influenza vaccine everywhere; HPV vaccine for the few.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from humiao.demo.city import WEEKDAYS, Clinic, Stretch
from humiao.errors import CITY_ZONE
from humiao.vaccines.catalogue import Product

DEFAULT_SEED = 2026
DAYS_AHEAD = 14
WINDOW = timedelta(minutes=30)

# When each channel opens: days before the session, local time. The desk may book from the day of publishing;
# the phone line and H5 open together, so that neither is a way around the other.
BOOKABLE_FROM: Mapping[str, tuple[int, time]] = {
    "h5": (7, time(8)),
    "desk": (DAYS_AHEAD, time(0)),
    "phone": (7, time(8)),
}
# Share of a window's capacity in percent; H5 takes what rounding leaves.
CHANNEL_SHARE = {"desk": 20, "phone": 10}

Flavour = Literal["child", "adult", "flu", "student"]

_TITLES: Mapping[Flavour, str] = {
    "child": "儿童预防接种门诊",
    "adult": "成人预防接种门诊",
    "flu": "流感疫苗专场",
    "student": "在校学生麻腮风疫苗专场",
}
_PLACES: Mapping[Flavour, tuple[int, int]] = {  # capacity of a half-hour window: lowest, highest
    "child": (12, 24),
    "adult": (10, 20),
    "flu": (30, 60),
    "student": (24, 40),
}
# Vaccines of a session: always there; and how many drawn from the rest.
_ALWAYS: Mapping[Flavour, tuple[str, ...]] = {
    "child": ("IIV4", "DTaP", "MMR", "HepB", "IPV"),
    "adult": ("IIV4", "PPV23"),
    "flu": ("IIV4", "IIV3"),
    "student": ("MMR", "IIV4"),
}
_SOMETIMES: Mapping[Flavour, tuple[str, ...]] = {
    "child": (
        "bOPV", "JE-L", "MPSV-A", "MPSV-AC", "HepA-I", "VAR", "DT", "JE-I", "HepA-L",
        "DTaP-IPV-Hib", "DTaP-Hib", "MCV-AC", "MCV4", "MPSV-ACYW135", "Hib", "PCV13", "RV5", "RV3", "LLR",
        "EV71", "LAIV3", "RSV-mAb",
    ),
    "adult": ("IIV3", "HepB", "TT", "HepE", "RZV", "ZVL", "COVID19"),
    "flu": ("LAIV3",),
    "student": ("VAR",),
}  # fmt: skip
_DRAWN: Mapping[Flavour, int] = {"child": 5, "adult": 2, "flu": 1, "student": 1}

_HPV_PROGRAMME_WEEKDAY = 2  # Wednesday afternoons, after school
_HPV_SCARCE = ("HPV9", "HPV9", "HPV9-CN", "HPV4", "HPV2-CECOLIN", "HPV2-PICHIA")
_HPV_CHANCE = 0.3
_HPV_DOSES = (4, 16)
_BCG_CHANCE = 0.12  # few clinics give BCG outside the maternity ward, on few days
_SUNDAY = 6
_SATURDAY = 5
_STUDENT_CHANCE = 0.1
_LAST_VIAL_BEFORE_END = timedelta(minutes=45)


@dataclass(frozen=True, slots=True)
class QuotaPlan:
    """A channel's share of a window."""

    channel: str
    quota: int
    bookable_from: datetime


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Half an hour that can be booked until it begins."""

    starts_at: datetime
    ends_at: datetime
    capacity: int
    quotas: tuple[QuotaPlan, ...]

    @property
    def bookable_until(self) -> datetime:
        """Booking ends when the window begins."""
        return self.starts_at


@dataclass(frozen=True, slots=True)
class StockPlan:
    """Whole vials of one product; `no_new_vial_from` only for products of several doses a vial."""

    product_id: int
    vials: int
    vial_size: int
    no_new_vial_from: datetime | None


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One clinic, one stretch of a day. `origin_key` names it for ever, so it is published once."""

    origin_key: str
    clinic_id: int
    session_date: date
    title: str
    kind: Literal["regular", "dedicated"]
    windows: tuple[WindowPlan, ...]
    stocks: tuple[StockPlan, ...]


class Shelf:
    """The products on offer, by vaccine."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._by_vaccine: dict[str, list[Product]] = {}
        for product in sorted(products, key=lambda p: p.product_id):
            self._by_vaccine.setdefault(product.vaccine_code, []).append(product)

    def products(self, vaccine_code: str) -> Sequence[Product]:
        """Return the products of a vaccine by id; empty where none is bought."""
        return self._by_vaccine.get(vaccine_code, ())


def sessions_of_day(clinic: Clinic, day: date, shelf: Shelf, *, seed: int = DEFAULT_SEED) -> tuple[SessionPlan, ...]:
    """Return the sessions of one clinic on one day, in order of time; none when it is closed."""
    stretches = clinic.opening_hours.get(WEEKDAYS[day.weekday()], ())
    return tuple(
        _session(clinic, day, number, stretch, shelf=shelf, seed=seed)
        for number, stretch in enumerate(stretches, start=1)
    )


def sessions_of_city(
    clinics: Sequence[Clinic],
    first_day: date,
    shelf: Shelf,
    *,
    days: int = DAYS_AHEAD,
    seed: int = DEFAULT_SEED,
) -> Iterator[SessionPlan]:
    """Yield the sessions of all clinics for `days` days from `first_day`."""
    for offset in range(days):
        for clinic in clinics:
            yield from sessions_of_day(clinic, first_day + timedelta(days=offset), shelf, seed=seed)


def _session(clinic: Clinic, day: date, number: int, stretch: Stretch, *, shelf: Shelf, seed: int) -> SessionPlan:
    key = f"demo:{clinic.code}:{day.isoformat()}:{number}"
    draw = random.Random(f"{seed}:{key}")  # noqa: S311 - a repeatable picture, nothing to guess
    flavour = _flavour(clinic, day, stretch, draw)
    windows = _windows(clinic, day, stretch, flavour, seed)
    return SessionPlan(
        origin_key=key,
        clinic_id=clinic.clinic_id,
        session_date=day,
        title=_TITLES[flavour],
        kind="dedicated" if flavour in ("flu", "student") else "regular",
        windows=windows,
        stocks=_stocks(clinic, day, windows, flavour, shelf=shelf, draw=draw),
    )


def _flavour(clinic: Clinic, day: date, stretch: Stretch, draw: random.Random) -> Flavour:
    morning = stretch.opens < time(12)
    chance = draw.random()
    if day.weekday() == _SUNDAY:
        return "flu"
    if day.weekday() == _SATURDAY:
        # The one day for families who cannot come on working days: they share it with influenza.
        if not morning:
            return "flu"
        return "flu" if chance < 1 / 3 or "child" not in clinic.kinds else "child"
    if "child" not in clinic.kinds:
        return "adult"
    if morning:
        return "child"
    return "student" if chance < _STUDENT_CHANCE and "adult" in clinic.kinds else "adult"


def _windows(clinic: Clinic, day: date, stretch: Stretch, flavour: Flavour, seed: int) -> tuple[WindowPlan, ...]:
    # A clinic is as big on Friday as it was on Monday: its size is drawn without the day.
    low, high = _PLACES[flavour]
    size = random.Random(f"{seed}:{clinic.code}:size").random()  # noqa: S311
    capacity = low + round(size * (high - low))
    shares = {channel: capacity * percent // 100 for channel, percent in CHANNEL_SHARE.items()}
    quotas = tuple(
        QuotaPlan(
            channel=channel,
            quota=shares.get(channel, capacity - sum(shares.values())),
            bookable_from=_at(day - timedelta(days=days_before), at),
        )
        for channel, (days_before, at) in BOOKABLE_FROM.items()
    )
    windows: list[WindowPlan] = []
    starts_at, closes_at = _at(day, stretch.opens), _at(day, stretch.closes)
    while starts_at + WINDOW <= closes_at:
        windows.append(WindowPlan(starts_at, starts_at + WINDOW, capacity, quotas))
        starts_at += WINDOW
    return tuple(windows)


def _stocks(
    clinic: Clinic,
    day: date,
    windows: Sequence[WindowPlan],
    flavour: Flavour,
    *,
    shelf: Shelf,
    draw: random.Random,
) -> tuple[StockPlan, ...]:
    places = sum(window.capacity for window in windows)
    wanted: dict[str, int] = {}  # vaccine -> doses
    for code in _ALWAYS[flavour]:
        wanted[code] = places * draw.randint(20, 40) // 100
    for code in draw.sample(_SOMETIMES[flavour], _DRAWN[flavour]):
        wanted[code] = places * draw.randint(8, 20) // 100
    if flavour in ("flu", "student"):
        # A dedicated session can serve everybody it has a place for.
        wanted[_ALWAYS[flavour][0]] = places
    if flavour == "child" and draw.random() < _BCG_CHANCE:
        wanted["BCG"] = draw.choice((10, 15, 20))
    if flavour == "adult" and day.weekday() == _HPV_PROGRAMME_WEEKDAY:
        wanted["HPV2-NIP"] = places // 5
    if flavour == "adult" and draw.random() < _HPV_CHANCE:
        wanted[draw.choice(_HPV_SCARCE)] = draw.randint(*_HPV_DOSES)
    if "rabies" in clinic.kinds:
        wanted["RabV"] = places // 3
    stocks = []
    for code, doses in wanted.items():
        products = shelf.products(code)
        if products:
            stocks.append(_stock(draw.choice(products), doses, windows[-1].ends_at))
    return tuple(stocks)


def _stock(product: Product, doses: int, ends_at: datetime) -> StockPlan:
    vials = max(1, -(-doses // product.vial_size))
    seal = ends_at - _LAST_VIAL_BEFORE_END if product.vial_size > 1 else None
    return StockPlan(product.product_id, vials, product.vial_size, seal)


def _at(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=CITY_ZONE)
