"""The worked cases: each row of the tables against the engine."""

import pytest

from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.service import read_edition
from tests.unit.immunizations.cases import Case, found, parse_expected, read_cases

BOOK = RuleBook([read_edition()])
CASES = read_cases()


def test_there_are_enough_and_each_has_a_name_and_a_reason() -> None:
    assert len(CASES) >= 300
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(len(case.why) > 5 for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_worked_case(case: Case) -> None:
    states = evaluate(BOOK, case.person, case.records, case.on).series
    for series, text in case.expected.items():
        expected = parse_expected(text)
        assert found(states[series], expected) == expected, f"{series}: {case.why}"
        assert states[series].explanations, "every conclusion is explained"
        assert all(e.rule_id and e.text_zh for e in states[series].explanations)
