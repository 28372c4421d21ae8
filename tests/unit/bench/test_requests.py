"""Files of requests for a measured round."""

from pathlib import Path
from uuid import uuid4

import pytest
from bench.rush.people import People
from bench.rush.requests import LOOK_BACK, MIX, longest_file, write
from bench.town import Spot


@pytest.mark.parametrize("groups", [0, 1, 7])
def test_the_longest_file_has_a_place_for_every_first_request_and_for_no_more(groups: int, tmp_path: Path) -> None:
    places = LOOK_BACK + (MIX - 2) * groups
    people = People([uuid4() for _ in range(places + 1)], [b""] * (places + 1))
    for count, wanted in ((longest_file(places), places), (longest_file(places) + 1, places + 1)):
        plan = write(tmp_path / "requests", people, [Spot(1, 2, 3)], count, "round1")
        assert plan.sent(count).firsts == wanted


def test_places_for_a_part_of_a_group_are_left_over() -> None:
    assert longest_file(LOOK_BACK + MIX - 3) == LOOK_BACK
