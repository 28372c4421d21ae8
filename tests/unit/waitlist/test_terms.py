"""Terms as data, and the words and numbers that follow from them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humiao.waitlist.offers import Window, batch_size, spread
from humiao.waitlist.terms import Group, Person, Tier, age_in_months, forecast, group_of, tier_of

DAY = date(2026, 12, 1)
days = st.dates(date(1930, 1, 1), DAY)
codes = st.sampled_from(["310101", "310104"])
groups = st.builds(
    Group,
    from_months=st.none() | st.integers(0, 1200),
    below_months=st.none() | st.integers(1, 1200),
    sex=st.none() | st.sampled_from(["F", "M"]),
    from_doses=st.none() | st.integers(0, 5),
    most_doses=st.none() | st.integers(0, 5),
    waited_before=st.none() | st.just(True),
    districts=st.none() | st.lists(codes, min_size=1, max_size=2),
)
people = st.builds(
    Person, birth_date=days, sex=st.sampled_from(["F", "M"]), doses=st.integers(0, 6), waited_before=st.booleans()
)


@pytest.mark.parametrize(
    ("born", "day", "months"),
    [
        (date(2020, 1, 15), date(2020, 2, 14), 0),
        (date(2020, 1, 15), date(2020, 2, 15), 1),
        (date(2020, 1, 31), date(2020, 2, 29), 0),  # no 31st: the month is full with the next day
        (date(2020, 1, 31), date(2020, 3, 1), 1),
        (date(2020, 2, 29), date(2026, 2, 28), 71),
        (date(2020, 2, 29), date(2026, 3, 1), 72),
    ],
)
def test_age_is_counted_in_whole_months(born: date, day: date, months: int) -> None:
    assert age_in_months(born, day) == months


@given(days, st.integers(0, 400))
def test_nobody_grows_younger(born: date, later: int) -> None:
    assert age_in_months(born, DAY + timedelta(later)) >= age_in_months(born, DAY) >= 0


@pytest.mark.parametrize(
    ("group", "misfit"),
    [
        (Group(), None),
        (Group(from_months=108, below_months=552), None),
        (Group(from_months=600), "too_young"),
        (Group(below_months=431), "too_old"),
        (Group(sex="M"), "wrong_sex"),
        (Group(from_doses=2), "too_few_doses"),
        (Group(most_doses=0), "too_many_doses"),
        (Group(waited_before=True), "not_waited_before"),
        (Group(districts=["310104"]), None),
        (Group(districts=["310104"], basis="work"), None),
        (Group(districts=["310104"], basis="residence"), "other_district"),
        (Group(districts=["310115"], basis="residence"), None),
        (Group(districts=["310101"]), "other_district"),
    ],
)
def test_each_condition_has_its_reason(group: Group, misfit: str | None) -> None:
    person = Person(date(1991, 1, 1), "F", 1, residence="310115", work="310104")
    assert group.misfit(person, DAY) == misfit


@given(st.lists(groups, max_size=4), people)
def test_the_first_tier_that_fits_is_the_tier(conditions: list[Group], person: Person) -> None:
    tiers = [Tier(str(number), group) for number, group in enumerate([*conditions, Group()])]
    number, label = tier_of(tiers, person, DAY)
    assert label == str(number)
    assert tiers[number].group.misfit(person, DAY) is None
    assert all(tier.group.misfit(person, DAY) for tier in tiers[:number])


def test_a_group_is_read_as_it_is_kept() -> None:
    assert group_of({"label": "本市女性", "sex": "F", "from_months": 108}) == Group(sex="F", from_months=108)


sizes = st.integers(-3, 400)


@given(sizes, sizes, sizes)
def test_no_round_promises_more_than_is_held(doses: int, stock: int, places: int) -> None:
    size = batch_size(doses_left=doses, stock_open=stock, places=places)
    assert 0 <= size <= max(0, min(doses, stock, places))


@given(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 100))
def test_people_are_spread_over_windows_without_overfilling_any(free: list[int], count: int) -> None:
    windows = [Window(number, places) for number, places in enumerate(free)]
    given_ = spread(windows, count)
    assert len(given_) == min(count, sum(free))
    assert all(given_.count(window.window_id) <= window.free for window in windows)
    assert given_ == sorted(given_), "earliest first"


@given(*[st.integers(0, 500)] * 5)
def test_a_forecast_reaches_no_further_than_the_line(
    left: int, ended: int, accepted: int, waiting: int, open_: int
) -> None:
    seen = forecast(
        doses_left=left, offers_ended=ended, accepted=min(accepted, ended), waiting=waiting, open_offers=open_
    )
    assert 0 <= seen.reaches <= waiting
    assert seen.reaches >= min(waiting, left), "each dose reaches somebody"
    assert 1 <= seen.acceptance_percent <= 100
