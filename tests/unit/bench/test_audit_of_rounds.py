"""The audits of a measured round find what must not be: each fault is shown beside the round without it."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from bench.rush.audit import audit
from bench.rush.contenders import Taken
from bench.rush.instructions import compared
from bench.rush.pace import Answer, Pace, faults_of
from bench.rush.requests import Plan
from bench.rush.wrk import Shot

PEOPLE = [uuid4() for _ in range(4)]
# Four people ask; the first repeats, the second wishes for another place.
PLAN = Plan(Path("requests"), [0, 1, 2, 3, 0, 1], bytearray(b"ffffrs"), [])
SHOT = Shot(sent=6, rounds=0, answered=6, refused=1, broken=0, seconds=1, p50_ms=1, p99_ms=1, max_ms=1)
TAKEN = Taken(claims=4, persons=4, counted=4, oversold=0)


def faults(shot: Shot = SHOT, taken: Taken = TAKEN, *, sold_out: bool = False) -> tuple[str, ...]:
    return audit(PLAN, shot, taken, connections=0, sold_out=sold_out).faults


def test_a_good_round_has_no_faults() -> None:
    assert faults() == ()
    found = audit(PLAN, SHOT, TAKEN, connections=0, sold_out=False)
    assert (found.acknowledged, found.granted_answers, found.refusals) == (4, 5, 1)


@pytest.mark.parametrize(
    "taken",
    [
        replace(TAKEN, oversold=1),
        replace(TAKEN, persons=3),
        replace(TAKEN, counted=5),
        Taken(3, 3, 3, 0),
        Taken(5, 5, 5, 0),
    ],
)
def test_a_wrong_store_is_a_fault(taken: Taken) -> None:
    assert faults(taken=taken)


@pytest.mark.parametrize(
    "shot",
    [
        replace(SHOT, broken=1),
        replace(SHOT, refused=0),  # the second wish was granted
        replace(SHOT, refused=2),  # a repeat did not get its first answer
        replace(SHOT, rounds=1),  # requests were sent twice
    ],
)
def test_wrong_answers_are_a_fault(shot: Shot) -> None:
    assert faults(shot)


def test_a_grant_when_everything_is_gone_is_a_fault() -> None:
    assert faults(replace(SHOT, refused=6), sold_out=True) == ()
    assert faults(replace(SHOT, refused=5), sold_out=True)


def told(*holds: tuple[int, UUID]) -> list[Answer]:
    return [Answer(request, 201, 1.0, hold) for request, hold in holds]


def test_every_hold_told_of_is_in_the_ledger_once() -> None:
    pace = Pace(6, 1, 0, 0, {}, 1, 1, 1, 1)
    a, b, c, other = (uuid4() for _ in range(4))
    ledger = {a: PEOPLE[0], b: PEOPLE[1], c: PEOPLE[2]}
    answers = told((0, a), (1, b), (2, c), (4, a))
    assert faults_of(PLAN, pace, answers, ledger, PEOPLE) == []
    assert faults_of(PLAN, pace, [*answers, *told((4, other))], ledger, PEOPLE)  # two holds for one person
    assert faults_of(PLAN, pace, answers, {**ledger, b: PEOPLE[3]}, PEOPLE)  # somebody else's
    assert faults_of(PLAN, pace, answers, {a: PEOPLE[0], b: PEOPLE[1]}, PEOPLE)  # lost
    assert faults_of(PLAN, pace, answers, {**ledger, other: PEOPLE[3]}, PEOPLE)  # nobody was told
    unanswered = replace(pace, unanswered=1)
    assert faults_of(PLAN, unanswered, answers, {**ledger, other: PEOPLE[3]}, PEOPLE) == []


def test_what_has_become_dearer_is_named() -> None:
    assert compared({"refusal": 1010}, {"refusal": 1000}) == []
    assert compared({"refusal": 1100}, {"refusal": 1000})
