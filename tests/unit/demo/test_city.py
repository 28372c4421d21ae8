"""The demo city is where Shanghai is, and a wrong entry of its file is named."""

import math
from typing import Any

import pytest

from humiao.demo.city import WEEKDAYS, Clinic, parse_clinics
from humiao.demo.load import read_clinics
from humiao.vaccines.catalogue import CatalogueError, District
from humiao.vaccines.load import read_catalogue

CLINICS = read_clinics()
DISTRICTS = {d.code: d for d in read_catalogue().districts}


def distance_km(clinic: Clinic, district: District | Clinic) -> float:
    """Distance on a plane, good to a few hundred metres over a city."""
    north = (clinic.latitude - district.latitude) * 111.2
    east = (clinic.longitude - district.longitude) * 111.2 * math.cos(math.radians(31.2))
    return math.hypot(north, east)


def test_clinics_in_all_sixteen_districts() -> None:
    assert len(CLINICS) >= 220
    assert {c.district_code for c in CLINICS} == set(DISTRICTS)


def test_names_codes_and_places_are_unique() -> None:
    for values in (
        [c.name for c in CLINICS],
        [c.code for c in CLINICS],
        [c.clinic_id for c in CLINICS],
        [c.phone for c in CLINICS],
        [(c.latitude, c.longitude) for c in CLINICS],
    ):
        assert len(set(values)) == len(CLINICS)


def test_coordinates_lie_in_shanghai() -> None:
    for clinic in CLINICS:
        assert 30.67 < clinic.latitude < 31.88, clinic
        assert 120.85 < clinic.longitude < 122.0, clinic


def test_each_clinic_is_within_reach_of_its_district() -> None:
    far = [
        (c.name, round(distance_km(c, DISTRICTS[c.district_code]), 1))
        for c in CLINICS
        if distance_km(c, DISTRICTS[c.district_code]) > DISTRICTS[c.district_code].reach_km
    ]
    assert far == []


def test_the_own_district_is_among_the_nearest() -> None:
    # Pudong and Chongming stretch over 80 km: their north is nearer to other centres than to their own.
    compact = [c for c in CLINICS if DISTRICTS[c.district_code].reach_km < 40]
    ranks = []
    for clinic in compact:
        by_distance = sorted(DISTRICTS.values(), key=lambda d, c=clinic: distance_km(c, d))  # type: ignore[misc]
        ranks.append([d.code for d in by_distance].index(clinic.district_code))
    assert sum(rank == 0 for rank in ranks) / len(ranks) > 0.75
    assert sum(rank <= 2 for rank in ranks) / len(ranks) > 0.9


def test_neighbours_are_mostly_of_the_own_district() -> None:
    # Holds for districts of any shape; the few exceptions are border towns and Changxing island.
    strangers = [
        clinic.name
        for clinic in CLINICS
        if all(
            near.district_code != clinic.district_code
            for near in sorted(CLINICS, key=lambda c, here=clinic: distance_km(c, here))[1:4]  # type: ignore[misc]
        )
    ]
    assert len(strangers) / len(CLINICS) < 0.04, strangers


def test_addresses_name_the_district_and_phones_ring_nowhere() -> None:
    for clinic in CLINICS:
        assert clinic.address.startswith(DISTRICTS[clinic.district_code].name)
        assert clinic.phone.startswith("021-0")


def test_every_district_treats_rabies_exposure_every_day() -> None:
    rabies = [c for c in CLINICS if "rabies" in c.kinds]
    assert {c.district_code for c in rabies} == set(DISTRICTS)
    assert all(set(c.opening_hours) == set(WEEKDAYS) for c in rabies)


GOOD: dict[str, Any] = {
    "code": "3101010101",
    "district": "310101",
    "name": "某街道社区卫生服务中心",
    "kinds": ["child"],
    "hours": "mornings",
    "latitude": 31.2,
    "longitude": 121.4,
    "address": "黄浦区某路1号",
    "phone": "021-01010101",
}
TIMETABLES: dict[str, Any] = {"mornings": {"mon": [["08:00", "11:00"]]}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"code": "310101010"}, "is not ten digits"),
        ({"code": "3101040101"}, "the district's first"),
        ({"code": "3101010101"}, "used twice"),
        ({"name": "某街道社区卫生服务中心"}, "used twice"),
        ({"kinds": ["baby"]}, "kinds may be"),
        ({"hours": "always"}, "'always' is no timetable"),
        ({"phone": "021-63211234"}, "fictional range"),
        ({"latitude": "31.2"}, "latitude must be a number"),
        ({"longitude": 999}, "longitude must be a number"),
        ({"address": None}, "address must be a text"),
    ],
)
def test_a_planted_clinic_mistake_is_named(change: dict[str, object], told: str) -> None:
    second = {**GOOD, "code": "3101010201", "name": "另一街道社区卫生服务中心", **change}
    with pytest.raises(CatalogueError) as caught:
        parse_clinics({"timetables": TIMETABLES, "clinics": [GOOD, second]})
    assert f"clinics[2] ({second['name']})" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"monday": [["08:00", "11:00"]]},
        {"mon": [["08:00"]]},
        {"mon": [["8 am", "11:00"]]},
        {"mon": [["11:00", "08:00"]]},
        {"mon": [["08:00", "11:00"], ["10:00", "12:00"]]},
    ],
)
def test_a_planted_timetable_mistake_is_named(table: object) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_clinics({"timetables": {"mornings": table}, "clinics": [GOOD]})
    assert "timetables.mornings" in str(caught.value)
