"""How long a pass lasts: its lifetime in whole seconds, and never past the day on which its person is too old."""

from datetime import UTC, date, datetime, timedelta

import pytest

from humiao.eligibility.service import end_of_pass
from humiao.errors import CITY_ZONE

TWO_HOURS = timedelta(hours=2)
EVENING = datetime(2026, 11, 24, 14, 30, 5, 999_999, tzinfo=UTC)  # 22:30 in the city


@pytest.mark.parametrize(
    ("until", "ends"),
    [
        (None, datetime(2026, 11, 24, 16, 30, 5, tzinfo=UTC)),
        (date(2026, 11, 26), datetime(2026, 11, 24, 16, 30, 5, tzinfo=UTC)),
        # the city's midnight, which is four in the afternoon by UTC
        (date(2026, 11, 25), datetime(2026, 11, 24, 16, 0, 0, tzinfo=UTC)),
    ],
)
def test_a_pass_ends_with_its_lifetime_or_with_the_age(until: date | None, ends: datetime) -> None:
    assert end_of_pass(EVENING, TWO_HOURS, until) == ends
    assert end_of_pass(EVENING.astimezone(CITY_ZONE), TWO_HOURS, until) == ends
