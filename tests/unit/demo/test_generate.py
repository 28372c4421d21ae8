"""Laws of the generated sessions: repeatable, inside the opening hours, quotas add up, whole vials."""

import math
from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from humiao.demo.city import WEEKDAYS
from humiao.demo.generate import CHANNEL_SHARE, DAYS_AHEAD, WINDOW, Shelf, sessions_of_city, sessions_of_day
from humiao.demo.load import read_clinics
from humiao.errors import CITY_ZONE
from humiao.vaccines.catalogue import Product
from humiao.vaccines.load import read_catalogue

CATALOGUE = read_catalogue()
SHELF = Shelf(CATALOGUE.products)
PRODUCTS: dict[int, Product] = {p.product_id: p for p in CATALOGUE.products}
CLINICS = read_clinics()
BY_ID = {clinic.clinic_id: clinic for clinic in CLINICS}
FIRST_DAY = date(2026, 11, 23)
CITY = tuple(sessions_of_city(CLINICS, FIRST_DAY, SHELF))

INFLUENZA = {"IIV3", "IIV4", "LAIV3"}
HPV_PAID = {"HPV2-CECOLIN", "HPV2-PICHIA", "HPV4", "HPV9", "HPV9-CN"}


@given(
    clinic=st.sampled_from(CLINICS),
    day=st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    seed=st.integers(0, 2**31),
)
def test_laws_of_any_day(clinic, day, seed):  # type: ignore[no-untyped-def]
    sessions = sessions_of_day(clinic, day, SHELF, seed=seed)
    assert sessions == sessions_of_day(clinic, day, SHELF, seed=seed)
    hours = clinic.opening_hours.get(WEEKDAYS[day.weekday()], ())
    assert len(sessions) == len(hours)
    for session, stretch in zip(sessions, hours, strict=True):
        assert session.session_date == day
        assert session.windows
        assert session.stocks
        for window in session.windows:
            assert window.ends_at - window.starts_at == WINDOW
            assert window.starts_at.tzinfo is CITY_ZONE
            assert window.starts_at.date() == window.ends_at.date() == day
            assert stretch.opens <= window.starts_at.time()
            assert window.ends_at.time() <= stretch.closes
            assert window.bookable_until <= window.starts_at
            assert sum(quota.quota for quota in window.quotas) == window.capacity
            assert {quota.channel for quota in window.quotas} == {"h5", *CHANNEL_SHARE}
            for quota in window.quotas:
                assert 0 < quota.quota <= window.capacity
                assert quota.bookable_from < window.starts_at
        starts = [window.starts_at for window in session.windows]
        assert starts == sorted(set(starts))
        assert len({stock.product_id for stock in session.stocks}) == len(session.stocks)
        for stock in session.stocks:
            product = PRODUCTS[stock.product_id]
            assert stock.vials >= 1
            assert stock.vial_size == product.vial_size
            # Only a vial of several doses can stay closed to save the rest of it.
            assert (stock.no_new_vial_from is not None) == (product.vial_size > 1)


def test_the_city_is_the_same_in_any_order() -> None:
    day = FIRST_DAY + timedelta(days=5)
    alone = {s.origin_key: s for c in reversed(CLINICS) for s in sessions_of_day(c, day, SHELF)}
    assert alone == {s.origin_key: s for s in CITY if s.session_date == day}


def test_another_seed_is_another_city() -> None:
    other = tuple(sessions_of_city(CLINICS[:5], FIRST_DAY, SHELF, seed=1))
    assert other != tuple(sessions_of_city(CLINICS[:5], FIRST_DAY, SHELF, seed=2))


def test_every_clinic_has_sessions_and_keys_are_unique() -> None:
    assert {s.clinic_id for s in CITY} == set(BY_ID)
    assert len({s.origin_key for s in CITY}) == len(CITY)
    assert {s.session_date for s in CITY} == {FIRST_DAY + timedelta(days=n) for n in range(DAYS_AHEAD)}


def vaccines_of(session) -> set[str]:  # type: ignore[no-untyped-def]
    return {PRODUCTS[stock.product_id].vaccine_code for stock in session.stocks}


def test_influenza_vaccine_is_everywhere() -> None:
    assert all(vaccines_of(session) & INFLUENZA for session in CITY)


def test_hpv_vaccine_is_scarce() -> None:
    with_hpv = [session for session in CITY if vaccines_of(session) & HPV_PAID]
    assert 0 < len(with_hpv) < len(CITY) / 5
    for session in with_hpv:
        places = sum(window.capacity for window in session.windows)
        doses = sum(s.vials for s in session.stocks if PRODUCTS[s.product_id].vaccine_code in HPV_PAID)
        assert doses < places / 2


def test_rabies_vaccine_at_every_session_of_a_rabies_clinic_and_nowhere_else() -> None:
    for session in CITY:
        regular = "rabies" in BY_ID[session.clinic_id].kinds
        assert ("RabV" in vaccines_of(session)) == regular


def test_every_vaccine_that_can_be_booked_is_stocked_somewhere() -> None:
    offered = set().union(*(vaccines_of(session) for session in CITY))
    assert offered == {v.code for v in CATALOGUE.vaccines if v.bookable}


def test_dedicated_sessions_serve_everybody_they_have_a_place_for() -> None:
    dedicated = [session for session in CITY if session.kind == "dedicated"]
    kinds = Counter(session.title for session in dedicated)
    assert set(kinds) == {"流感疫苗专场", "在校学生麻腮风疫苗专场"}
    for session in dedicated:
        places = sum(window.capacity for window in session.windows)
        assert sum(stock.vials * stock.vial_size for stock in session.stocks) >= places
    weekend_flu = [s for s in dedicated if s.title == "流感疫苗专场"]
    assert all(s.session_date.weekday() >= 5 for s in weekend_flu)


def test_stock_is_rounded_up_to_whole_vials() -> None:
    opened = {p.vaccine_code for s in CITY for x in s.stocks if (p := PRODUCTS[x.product_id]).vial_size > 1}
    assert opened == {"BCG", "bOPV", "MPSV-A"}
    for session in CITY:
        places = sum(window.capacity for window in session.windows)
        for stock in session.stocks:
            assert stock.vials <= math.ceil(places / stock.vial_size) + 4
