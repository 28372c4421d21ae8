"""Generated children for the rules: most follow the plan, some late, some with holes. The same for one seed."""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta

# The usual dose of the programme with its age in days.
USUAL = (
    ("BCG", 0), ("HepB", 0), ("HepB", 31), ("HepB", 184), ("IPV", 62), ("IPV", 93), ("bOPV", 124), ("bOPV", 1462),
    ("DTaP", 93), ("DTaP", 124), ("DTaP", 185), ("DTaP", 549), ("MMR", 244), ("MMR", 549), ("MMR", 1462), ("JE-L", 244),
    ("JE-L", 732), ("MPSV-A", 184), ("MPSV-A", 276), ("MPSV-AC", 1097), ("MPSV-AC", 2193), ("HepA-I", 549),
    ("HepA-I", 734), ("VAR", 366), ("VAR", 1462),
)  # fmt: skip
COMBINED = {"DTaP": "DTaP-IPV-Hib"}


def children(count: int, on: date, seed: int = 7) -> Iterator[bytes]:
    """Lines of `humiao immunizations evaluate`: children of 0 to 10 years."""
    dice = random.Random(seed)
    for _ in range(count):
        birth = on - timedelta(days=dice.randrange(0, 3652))
        late = dice.choice((0, 0, 0, 10, 60, 400))
        combined = dice.random() < 0.2
        doses = []
        for vaccine, age in USUAL:
            day = birth + timedelta(days=age + dice.randrange(0, 15) + (dice.randrange(late) if late else 0))
            if day <= on and dice.random() > 0.04:
                doses.append((COMBINED.get(vaccine, vaccine) if combined and age < 600 else vaccine, day.isoformat()))
        yield json.dumps({"birth_date": birth.isoformat(), "sex": dice.choice("FM"), "doses": doses}).encode() + b"\n"
