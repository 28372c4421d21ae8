"""Scripts against people, opening by opening: whose are the places, and is that more than chance would give?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import comb
from typing import Any

SHARE_OVER = Fraction(1, 10)  # more of the places than of the people, at most
CHANCE = Fraction(1, 1_000_000)  # how often a fair order may be called unfair
FAIR = ("room", "draw")  # openings that promise it; a plain one does not


def most_by_chance(people: int, scripts: int, places: int, chance: Fraction = CHANCE) -> int:
    """The most places that scripts take in a fair order, but for one case in 1 / `chance`.

    In a fair order the places are a sample without replacement of the people, so that the number that falls to scripts
    is hypergeometric: P(X = k) = C(scripts, k) C(people - scripts, places - k) / C(people, places). Exact.
    Raises ValueError where places or scripts are not among the people.
    """
    if not (0 <= scripts <= people and 0 <= places <= people):
        raise ValueError("places and scripts are among the people")
    humans, taken = people - scripts, min(scripts, places)
    every, beyond = comb(people, places), 0
    ways = comb(scripts, taken) * comb(humans, places - taken)
    while True:
        beyond += ways  # of as many or more
        if beyond * chance.denominator >= every * chance.numerator:
            return taken
        ways = ways * taken * (humans - places + taken) // ((scripts - taken + 1) * (places - taken + 1))
        taken -= 1


def most_allowed(people: int, scripts: int, places: int) -> int:
    """The most places that scripts may take: their share and ten points more, or in small crowds what chance gives."""
    by_share = places * (Fraction(scripts, people) + SHARE_OVER)
    return max(int(by_share), most_by_chance(people, scripts, places))


@dataclass
class Outcome:
    """What came of one opening."""

    opening: str
    people: int
    scripts: int
    places: int
    by_scripts: int
    by_humans: int
    requests_by_scripts: int
    requests_by_humans: int
    violations: dict[str, int]
    seconds: float
    answers_to_scripts: dict[str, int] = field(default_factory=dict)
    answers_to_humans: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The scripts' share of the places that were taken."""
        return self.by_scripts / max(1, self.by_scripts + self.by_humans)

    @property
    def allowed(self) -> int | None:
        """The most that scripts may take; None where nothing is promised."""
        return most_allowed(self.people, self.scripts, self.places) if self.opening in FAIR else None

    @property
    def sound(self) -> bool:
        """Every place went once, to somebody who was told, and the audit found nothing."""
        return self.by_scripts + self.by_humans == self.places and not any(self.violations.values())

    @property
    def fair(self) -> bool:
        """Scripts took no more than is allowed."""
        return self.allowed is None or self.by_scripts <= self.allowed

    @property
    def good(self) -> bool:
        """Sound and fair."""
        return self.sound and self.fair

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self) | {
            "share_of_scripts": round(self.share, 4), "allowed_to_scripts": self.allowed, "sound": self.sound,
            "fair": self.fair, "seconds": round(self.seconds, 1),
        }  # fmt: skip


def good(outcomes: Sequence[Outcome]) -> bool:
    """Whether there were openings, and all were good."""
    return bool(outcomes) and all(outcome.good for outcome in outcomes)
