"""After every round: speed without a correct store is no result."""

from dataclasses import dataclass

from bench.rush.contenders import Taken
from bench.rush.requests import Plan
from bench.rush.wrk import Shot


@dataclass(frozen=True)
class Audit:
    """What a round left. `faults` says in words what must not be; empty where all is well."""

    claims: int
    acknowledged: int  # first requests that were told, while the load lasted, of a hold that is committed
    granted_answers: int
    expected_refusals: int
    refusals: int
    faults: tuple[str, ...]


def faults_in(taken: Taken) -> list[str]:
    """What is wrong in a store whatever was asked of it."""
    faults = []
    if taken.oversold:
        faults.append(f"{taken.oversold} windows oversold")
    if taken.claims != taken.persons:
        faults.append(f"{taken.claims} claims of {taken.persons} persons")
    if taken.counted != taken.claims:
        faults.append(f"counters say {taken.counted}, claims are {taken.claims}")
    return faults


def audit(plan: Plan, shot: Shot, taken: Taken, *, connections: int, sold_out: bool) -> Audit:
    """Hold the answers against the requests and the store.

    wrk counts answers and does not read them. So what it heard is exact up to the requests without an answer when it
    left, at most one a connection.
    """
    faults = []
    if shot.broken:
        faults.append(f"{shot.broken} connections broke")
    faults += faults_in(taken)
    if sold_out:
        expected = shot.answered
        if shot.granted:
            faults.append(f"{shot.granted} granted answers although everything was gone")
    else:
        if shot.rounds:
            faults.append("the file of requests was too short")
        sent = plan.sent(shot.sent)
        expected = sent.seconds
        # A first request whose answer was not waited for is committed or not; a repeat adds an answer, no claim.
        if not sent.firsts - connections <= taken.claims <= sent.firsts:
            faults.append(f"{taken.claims} claims for {sent.firsts} first requests")
        if not taken.claims + sent.repeats - connections <= shot.granted <= taken.claims + sent.repeats:
            faults.append(f"{shot.granted} granted answers, {taken.claims} claims and {sent.repeats} repeats")
        if not expected - connections <= shot.refused <= expected:
            faults.append(f"{shot.refused} refusals, {expected} second wishes")
    repeats = 0 if sold_out else plan.sent(shot.answered).repeats
    return Audit(
        taken.claims, min(taken.claims, shot.granted - repeats), shot.granted, expected, shot.refused, tuple(faults)
    )
