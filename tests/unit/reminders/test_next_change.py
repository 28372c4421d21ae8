"""When a person is looked at again: no status changes before that day."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Person, Status
from humiao.reminders.due import LOOK_AGAIN, next_change_on
from tests.unit.immunizations.histories import A_DAY, BOOK, DAYS_OLD, EDITION

ASKED = {Status.NOT_YET_DUE, Status.DUE, Status.OVERDUE}
TODAY = EDITION.effective_from + timedelta(days=400)


@settings(max_examples=60, deadline=None)
@given(DAYS_OLD, st.sampled_from(["F", "M"]))
def test_what_has_dates_stays_as_it_is_until_the_next_look(days_old: int, sex: str) -> None:
    person = Person(TODAY - timedelta(days=days_old), "F" if sex == "F" else "M")
    found = evaluate(BOOK, person, [], TODAY)
    look = next_change_on(found)
    assert TODAY < look <= TODAY + LOOK_AGAIN
    before = evaluate(BOOK, person, [], look - A_DAY)
    for code, state in found.series.items():
        if state.status in ASKED:
            assert before.series[code].status is state.status, code
