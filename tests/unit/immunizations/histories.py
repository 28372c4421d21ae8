"""Generated people and histories, and a family that follows the plan."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from hypothesis import strategies as st

from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Evaluation, Person, Record, SeriesState, Status
from humiao.immunizations.service import read_edition

EDITION = read_edition()
BOOK = RuleBook([EDITION])
A_DAY = timedelta(days=1)
PROGRAMME = frozenset(code for code, series in EDITION.series.items() if series.kind != "non_programme")
MAY_GIVE = {Status.DUE, Status.OVERDUE}
# Vaccines of the programme and the combinations that stand in for them.
VACCINES = sorted(
    code
    for code, vaccine in EDITION.vaccines.items()
    if vaccine.kind != "historic" and any(name in PROGRAMME for name, _, _ in vaccine.series)
)

# Ages that the programme names, and days beside them, are met more often than by chance.
DAYS_OLD = st.one_of(
    st.sampled_from(
        [round(months * 30.44) + beside for months in (0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 18, 24, 36, 48, 72, 84)
         for beside in (0, 1, 2, 27, 28, 29)]
    ),
    st.integers(0, 5000),
)  # fmt: skip
sexes = st.sampled_from(["F", "M"])
residences = st.sampled_from(["household", "resident", "elsewhere"])


def people(born_from: date, born_to: date) -> st.SearchStrategy[Person]:
    return st.builds(Person, birth_date=st.dates(born_from, born_to), sex=sexes, residence=residences)


@st.composite
def histories(draw: st.DrawFn, born_from: date, born_to: date, until: date) -> tuple[Person, list[Record], date]:
    """A person, records on plausible and implausible days, and a day to ask about."""
    person = draw(people(born_from, born_to))
    on = draw(st.dates(max(person.birth_date, born_to), until))
    pairs = draw(st.lists(st.tuples(st.sampled_from(VACCINES), DAYS_OLD), max_size=14))
    records = [Record(vaccine, person.birth_date + timedelta(days=age)) for vaccine, age in pairs]
    return person, records, on


def asked(person: Person, records: Sequence[Record], on: date) -> Evaluation:
    return evaluate(BOOK, person, records, on)


def next_plan(states: Evaluation) -> Iterator[SeriesState]:
    """The series of the programme that still ask for a dose with a day."""
    return (
        state
        for code, state in states.series.items()
        if code in PROGRAMME and state.status in MAY_GIVE | {Status.NOT_YET_DUE}
    )


def follow(person: Person, records: Sequence[Record], on: date, visits_max: int = 80) -> tuple[list[Record], date]:
    """Give what is due on each day, then wait for the next day on which something is; until nothing is asked for."""
    given = list(records)
    for _ in range(visits_max):
        plans = list(next_plan(asked(person, given, on)))
        due = [state for state in plans if state.status in MAY_GIVE and state.products[0].earliest <= on]
        if not plans:
            return given, on
        if due:
            # One at a time: a visit may give several, and each is asked for again beside those just given.
            given.append(Record(due[0].products[0].vaccine, on))
        else:
            on = max(on + A_DAY, min(state.earliest for state in plans if state.earliest))
    raise AssertionError("the plan does not end")
