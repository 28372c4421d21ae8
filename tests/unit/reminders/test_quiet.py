"""Quiet hours as laws."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from humiao.errors import CITY_ZONE
from humiao.messaging.quiet import QuietHours

instants = st.integers(0, 5 * 366 * 86_400).map(lambda s: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
hours = st.integers(0, 23)


def is_quiet(quiet: QuietHours, instant: datetime) -> bool:
    """The definition, written as a clock is read."""
    hour = instant.astimezone(CITY_ZONE).hour
    if quiet.from_hour <= quiet.until_hour:
        return quiet.from_hour <= hour < quiet.until_hour
    return hour >= quiet.from_hour or hour < quiet.until_hour


@given(instants, hours, hours)
def test_what_is_planned_is_never_quiet_and_never_early(instant: datetime, from_hour: int, until_hour: int) -> None:
    quiet = QuietHours(from_hour, until_hour)
    allowed = quiet.after(instant)
    assert not is_quiet(quiet, allowed)
    assert (allowed == instant) is not is_quiet(quiet, instant)
    assert timedelta(0) <= allowed - instant <= timedelta(hours=24)
    assert quiet.after(allowed) == allowed


@given(instants, hours, hours)
def test_it_waits_no_longer_than_the_quiet_hours(instant: datetime, from_hour: int, until_hour: int) -> None:
    allowed = QuietHours(from_hour, until_hour).after(instant)
    if allowed != instant:
        local = allowed.astimezone(CITY_ZONE)
        assert (local.hour, local.minute, local.second, local.microsecond) == (until_hour, 0, 0, 0)
