"""Scripts without patience against people, in a running city: who gets the places; and a verdict that notices."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humiao.rush.fair_run import BORN, Terms, of_their_age, rehearse_fairness
from humiao.rush.fairness import CHANCE, Outcome, good, most_allowed, most_by_chance
from humiao.rush.verdict import AUDITED
from humiao.settings import Settings
from humiao.waitlist.terms import Person, group_of
from tests.faults.city import RunningCity

# The room lets in slowly: people need a few seconds from their turn to their place, and so does a busy machine. Who is
# not registered at the closing has no part in the draw, and the scripts' requests are answered first: that takes time.
SMALL = Terms(scripts=80, humans=80, places=30, per_minute=150, think=0.2, entries_per_s=10)


def outcome(opening: str, by_scripts: int, *, people: int = 2000, scripts: int = 1000, places: int = 400) -> Outcome:
    return Outcome(opening, people, scripts, places, by_scripts, places - by_scripts, 9, 9, {"oversold": 0}, 1.0)


@pytest.mark.slow
async def test_a_rush_of_scripts_and_people_adds_up_and_a_draw_knows_no_haste(running: RunningCity) -> None:
    """One opening after another, so that none takes the others' time; the last is the control, without a draw."""
    noted = running.noted()
    settings = Settings(home=running.home, database_url=noted["database_url"], redis_url=noted["redis_url"])

    plain, room, draw = await rehearse_fairness(settings, noted["url"], SMALL)
    (control,) = await rehearse_fairness(settings, noted["url"], replace(SMALL, drawn=False), ("draw",))
    for came in (plain, room, draw, control):
        assert came.sound, came
        assert came.violations == dict.fromkeys(AUDITED, 0)
        assert came.requests_by_scripts > came.requests_by_humans, "scripts have no patience"
    # What the order leaves to speed (plain: all; room: from one's turn to one's place) depends on how fast this machine
    # is at the moment: those shares are told by `make fairness` and judged there.
    assert draw.good, draw
    assert not control.fair, "a campaign that goes by arrival is noticed"


@given(st.dates(date(2026, 1, 1), date(2099, 12, 30)))
def test_the_people_of_a_draw_fit_its_campaign_when_they_register_and_when_they_come(day: date) -> None:
    eligible = group_of(of_their_age(day).model_dump(exclude_none=True))
    for met_on in (day, day + timedelta(days=1)):
        assert eligible.misfit(Person(BORN, "F"), met_on) is None
    assert eligible.misfit(Person(BORN + timedelta(days=62), "F"), day) == "too_young"
    assert eligible.misfit(Person(BORN - timedelta(days=62), "F"), day) == "too_old"


@pytest.mark.parametrize(
    ("opening", "by_scripts", "fair"),
    [("room", 242, True), ("room", 243, False), ("draw", 200, True), ("draw", 400, False), ("plain", 400, True)],
)
def test_a_verdict_allows_ten_points_or_what_chance_gives(opening: str, by_scripts: int, fair: bool) -> None:
    came = outcome(opening, by_scripts)
    assert came.fair is fair and came.good is fair
    assert good([came, outcome("plain", 400)]) is fair


def test_ten_points_are_the_bound_of_a_large_crowd() -> None:
    assert most_allowed(20_000, 10_000, 4_000) == 2_400
    assert most_by_chance(20_000, 10_000, 4_000) < 2_400


def test_places_left_and_violations_are_never_good() -> None:
    left = outcome("draw", 10)
    left.by_humans -= 1
    oversold = outcome("draw", 10)
    oversold.violations["oversold"] = 1
    assert not left.good and not oversold.good and not good([])


@given(st.data())
def test_chance_alone_goes_beyond_the_bound_less_than_once_in_a_million(data: st.DataObject) -> None:
    people = data.draw(st.integers(1, 120))
    scripts, places = data.draw(st.integers(0, people)), data.draw(st.integers(0, people))
    most = most_by_chance(people, scripts, places)

    def beyond(taken: int) -> Fraction:
        ways = sum(
            comb(scripts, k) * comb(people - scripts, places - k) for k in range(taken + 1, min(scripts, places) + 1)
        )
        return Fraction(ways, comb(people, places))

    assert beyond(most) < CHANCE
    assert most == 0 or beyond(most - 1) >= CHANCE, "and no looser than that"
