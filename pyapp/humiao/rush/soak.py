"""A soak: rush after rush on one city, in each some faults drawn by a seed, until the time is over; then the sum.

The same seed draws the same faults in the same order; when exactly each strikes depends on how fast the city is.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from humiao.rush.faults import FAULTS, Fault, Striker
from humiao.rush.run import rehearse
from humiao.rush.verdict import AUDITED, Verdict
from humiao.settings import Settings

FAULTS_A_RUSH = 5


@dataclass
class Soak:
    """What came of all rushes together."""

    seed: int
    rushes: int = 0
    bad: int = 0  # rushes with places left or a violation
    struck: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0  # residents told they hold a place
    expected: int = 0  # places there were
    asked_again: int = 0
    violations: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(AUDITED, 0)))
    seconds: float = 0.0

    def add(self, verdict: Verdict) -> None:
        """One rush more."""
        self.rushes += 1
        self.bad += not verdict.good
        self.struck.update(verdict.struck)
        self.acknowledged += verdict.granted
        self.expected += verdict.expected
        self.asked_again += verdict.asked_again
        self.violations.update(verdict.violations)

    @property
    def good(self) -> bool:
        """No rush was bad."""
        return self.rushes > 0 and not self.bad

    def as_json(self) -> dict[str, Any]:
        """The sum as plain values."""
        sums = {"struck": dict(self.struck), "violations": dict(self.violations), "seconds": round(self.seconds, 1)}
        return {"good": self.good} | vars(self) | sums


def draw(chance: random.Random) -> list[Fault]:
    """The faults of one rush: any, in any order, also one again and again."""
    return chance.choices(FAULTS, k=FAULTS_A_RUSH)


async def soak(
    settings: Settings,
    url: str,
    *,
    minutes: float,
    seed: int,
    residents: int,
    places: int,
    on_rush: Callable[[Soak, Verdict], None] = lambda *_: None,
) -> Soak:
    """Rush again and again until the minutes are over, once at least; stops at the first bad rush."""
    chance, sum_, began = random.Random(seed), Soak(seed), time.monotonic()  # noqa: S311 - to be drawn again
    strike = Striker(settings).strike
    while sum_.rushes == 0 or (sum_.good and time.monotonic() - began < minutes * 60):
        verdict = await rehearse(settings, url, residents=residents, places=places, faults=draw(chance), strike=strike)
        sum_.add(verdict)
        sum_.seconds = time.monotonic() - began
        on_rush(sum_, verdict)
    return sum_
