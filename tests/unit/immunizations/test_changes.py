"""What differs between two texts of the programme, and whom it touches."""

from datetime import date

import pytest

from humiao.immunizations.book import RuleBook
from humiao.immunizations.changes import Change, changes_between
from humiao.immunizations.engine import evaluate
from humiao.immunizations.loader import load_edition
from humiao.immunizations.models import Person, Record, Status
from humiao.immunizations.preview import counted, moved, on_time, typical
from tests.unit.immunizations.test_editions import OLD_LINE, TEXT

NEW_LINE = OLD_LINE.replace("P9M, min_age: P9M", "P10M, min_age: P10M")
HEAD = (
    ("edition: CN-SH-2026.1", "edition: CN-SH-2027.1"),
    ("effective_from: 2026-11-23  ", "effective_from: 2027-01-01  "),
)


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


NEW = changed(TEXT, *HEAD, (OLD_LINE, NEW_LINE))
BOOK = RuleBook([load_edition(TEXT, "old")])
AFTER = BOOK.with_edition(load_edition(NEW, "new"))
FIRST_DAY = date(2027, 1, 1)
BORN = date(2026, 3, 10)  # 9 months on 10 December, 10 months on 10 January
ONE_DOSE = [Record("MPSV-A", date(2026, 9, 10))]


def test_equal_texts_differ_in_nothing() -> None:
    assert changes_between(TEXT, TEXT) == []


def test_comments_and_line_breaks_are_no_change() -> None:
    again = TEXT.replace("programme_id: CN-SH", "\n# looked through\nprogramme_id:    'CN-SH'   # as it was")
    assert changes_between(TEXT, again) == []


def test_a_place_is_named_by_what_the_programme_calls_it() -> None:
    line = 1 + NEW[: NEW.index(NEW_LINE)].count("\n")
    [_, _, first, second] = changes_between(TEXT, NEW)
    assert first.path.startswith("series[MenA].versions[")
    assert first.path.endswith("].doses[2].recommended_age")
    assert (first.before, first.after, first.line) == ("P9M", "P10M", line)
    assert (second.path, second.after) == (first.path.replace("recommended_age", "min_age"), "P10M")


def test_one_item_more_is_one_change_and_one_less_another() -> None:
    old = "doses:\n  - {number: 1, age: P1M}\n  - {number: 2, age: P2M}\n"
    new = "doses:\n  - {number: 0, age: P0D}\n  - {number: 1, age: P1M}\n"
    assert changes_between(old, new) == [
        Change("doses[0]", None, "{number: 0, age: P0D}", 2),
        Change("doses[2]", "{number: 2, age: P2M}", None, 3),
    ]


def test_lists_of_words_are_compared_as_a_whole() -> None:
    assert changes_between("a: [x, y]", "a: [y, x]") == [Change("a", "[x, y]", "[y, x]", 1)]


def test_a_value_of_another_kind_is_a_change() -> None:
    assert changes_between("a: {b: 1}", "a:\n  - 1") == [Change("a", "{b: 1}", "[1]", 2)]
    assert changes_between("a: 1", "a: '1'") == [Change("a", "1", "'1'", 1)]


def test_who_is_told_something_else() -> None:
    [one] = moved(BOOK, AFTER, Person(BORN, "F"), ONE_DOSE, FIRST_DAY)
    assert one.series == "MenA"
    assert one.before and one.after
    assert (one.before.status, one.after.status) == (Status.DUE, Status.NOT_YET_DUE)
    assert (one.before.earliest, one.after.earliest) == (date(2026, 12, 10), date(2027, 1, 10))


def test_a_count_is_of_people_and_of_moves() -> None:
    grown = Person(date(2015, 1, 1), "M")
    found = counted(BOOK, AFTER, [(Person(BORN, "F"), ONE_DOSE), (grown, []), (Person(BORN, "M"), ONE_DOSE)], FIRST_DAY)
    assert (found.people, found.changed) == (3, 2)
    assert found.by_change == {("MenA", Status.DUE, Status.NOT_YET_DUE): 2}


def test_typical_children_are_those_of_the_age_in_question() -> None:
    found = list(typical(BOOK, AFTER, FIRST_DAY))
    assert found
    assert {one.series for child in found for one in child.moved} == {"MenA"}
    assert all(date(2025, 1, 1) < child.person.birth_date <= FIRST_DAY for child in found)
    assert {child.person.sex for child in found} == {"F", "M"}


@pytest.mark.parametrize("born", [date(2020, 2, 29), date(2024, 7, 31)])
def test_a_child_on_time_is_behind_with_nothing(born: date) -> None:
    person, on = Person(born, "F"), date(2026, 12, 15)
    records = on_time(BOOK, person, on)
    states = evaluate(BOOK, person, records, on).series
    paid_for = [s for code, s in states.items() if BOOK.on(on).series[code].kind != "non_programme"]
    assert records
    assert all(record.given_on < on for record in records)
    assert not [state.series for state in paid_for if state.status is Status.OVERDUE]
    assert all(dose.valid for state in paid_for for dose in state.doses)
