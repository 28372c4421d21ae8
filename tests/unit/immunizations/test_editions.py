"""Editions: the switch at midnight of the city, and verdicts of the past, which stay what they were."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.loader import load_edition
from humiao.immunizations.models import Edition, Evaluation, Person, Record, Status
from humiao.immunizations.service import PROGRAMME

TEXT = PROGRAMME.read_text(encoding="utf-8")
NOW = load_edition(TEXT, "programme.yaml")
OLD_LINE = (
    "{number: 2, vaccines: [MPSV-A], recommended_age: P9M, min_age: P9M, min_interval: P3M, complete_before_age: P24M}"
)
CHILD = Person(date(2026, 3, 15), "F")
FIRST = Record("MPSV-A", date(2026, 9, 15))
LAST_DAY, FIRST_DAY = date(2026, 12, 31), date(2027, 1, 1)


def edition(name: str, begins: str, *changes: tuple[str, str]) -> Edition:
    text = TEXT.replace("edition: CN-SH-2026.1", f"edition: {name}")
    text = text.replace("effective_from: 2026-11-23  ", f"effective_from: {begins}  ")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return load_edition(text, f"{name}.yaml")


# From 2027 the second dose of meningococcal A is asked for at 10 months, four months after the first.
COMING = edition(
    "CN-SH-2027.1", "2027-01-01", (OLD_LINE, OLD_LINE.replace("P9M", "P10M").replace("P3M", "P4M"))
)  # fmt: skip


@pytest.mark.parametrize(
    ("instant", "in_force"),
    [
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), "CN-SH-2026.1"),  # a second before midnight of the city
        (datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), "CN-SH-2027.1"),  # midnight
        (datetime(2027, 1, 1, 0, 0, 0, tzinfo=timezone(timedelta(hours=8))), "CN-SH-2027.1"),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=8))), "CN-SH-2026.1"),
        (datetime(1990, 1, 1, tzinfo=UTC), "CN-SH-2026.1"),  # the first edition speaks for all days before
        (datetime(2031, 7, 1, tzinfo=UTC), "CN-SH-2027.1"),
    ],
)
def test_an_edition_begins_at_midnight_of_the_city(instant: datetime, in_force: str) -> None:
    assert RuleBook([COMING, NOW]).at(instant).id == in_force


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        RuleBook([NOW]).at(datetime(2027, 1, 1))  # noqa: DTZ001 - this is what is refused


def second(verdict: Evaluation) -> tuple[str, date | None]:
    state = verdict.series["MenA"]
    return verdict.edition_id, state.earliest


def test_the_same_book_answers_anew_from_the_day_on() -> None:
    book = RuleBook([NOW, COMING])
    assert second(evaluate(book, CHILD, [FIRST], LAST_DAY)) == ("CN-SH-2026.1", date(2026, 12, 15))
    assert second(evaluate(book, CHILD, [FIRST], FIRST_DAY)) == ("CN-SH-2027.1", date(2027, 1, 15))


def test_a_verdict_of_yesterday_can_be_had_again() -> None:
    told = evaluate(RuleBook([NOW]), CHILD, [FIRST], LAST_DAY)
    book = RuleBook([NOW]).with_edition(COMING)
    later = Record("MPSV-A", date(2027, 1, 2))
    assert evaluate(book, CHILD, [FIRST, later], LAST_DAY) == told


def test_a_dose_is_judged_by_the_edition_of_its_day() -> None:
    book = RuleBook([NOW, COMING])
    before, after = Record("MPSV-A", LAST_DAY), Record("MPSV-A", FIRST_DAY)
    assert evaluate(book, CHILD, [FIRST, before], FIRST_DAY).series["MenA"].status is Status.COMPLETE
    state = evaluate(book, CHILD, [FIRST, after], FIRST_DAY).series["MenA"]
    assert state.status is Status.NOT_YET_DUE
    assert [dose.valid for dose in state.doses] == [True, False]


def test_a_book_refuses_what_is_not_clear() -> None:
    with pytest.raises(ValueError, match="needs an edition"):
        RuleBook([])
    with pytest.raises(ValueError, match="one id"):
        RuleBook([NOW, edition("CN-SH-2026.1", "2027-01-01")])
    with pytest.raises(ValueError, match="one effective_from"):
        RuleBook([NOW, edition("CN-SH-2027.2", "2026-11-23")])


def test_two_editions_of_one_text_have_one_digest() -> None:
    assert load_edition(TEXT, "a.yaml").digest == NOW.digest != COMING.digest
