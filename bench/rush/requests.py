"""The requests of a round, written to a file before it begins.

Of 20 requests 18 are a person's first, one repeats an earlier request with its key (the first answer is owed) and one
is an earlier person's second wish under another key (to be refused). Both look back far enough for the first answer to
have been given, so a round begins with first requests alone. Each request in the file is preceded by its length: five
digits and a line end.
"""

from dataclasses import dataclass
from pathlib import Path

from bench.rush.people import People
from bench.town import Spot

LOOK_BACK = 4096  # persons: four for each connection, so that what is looked back to has been answered
MIX = 20
REPEAT_AT, SECOND_AT = 9, 19  # places of the two among MIX
PATH = b"/api/v1/resident/holds"


@dataclass(frozen=True)
class Sent:
    """What the first `count` requests of a file are."""

    firsts: int
    repeats: int
    seconds: int


@dataclass(frozen=True)
class Plan:
    """A file and how to read it: which person (by place) and which kind each request is."""

    path: Path
    persons: list[int]
    kinds: bytearray
    spots: list[Spot]

    def sent(self, count: int) -> Sent:
        """How many of each kind are among the first `count`."""
        kinds = self.kinds[:count]
        return Sent(kinds.count(b"f"), kinds.count(b"r"), kinds.count(b"s"))

    def spot_of(self, person: int) -> Spot:
        """Where a person wishes to go: windows in turn."""
        return self.spots[person % len(self.spots)]


def longest_file(places: int) -> int:
    """How many requests a file may have when so many places are there for its first requests."""
    # Any MIX requests in a row after the first LOOK_BACK have both that are no first ones.
    return LOOK_BACK + (places - LOOK_BACK) // (MIX - 2) * MIX


def write(path: Path, people: People, spots: list[Spot], count: int, label: str, *, mixed: bool = True) -> Plan:
    """Write `count` requests for holds at the spots; the label makes the keys those of this round."""
    persons: list[int] = []
    kinds = bytearray()
    next_person = 0
    bodies = [b'","window_id":%d,"stock_id":%d}' % (spot.window_id, spot.stock_id) for spot in spots]
    with path.open("wb", buffering=1 << 20) as file:
        for place in range(count):
            within, earlier = place % MIX, next_person - LOOK_BACK
            if mixed and earlier >= 0 and within in {REPEAT_AT, SECOND_AT}:
                person, kind = earlier, b"r" if within == REPEAT_AT else b"s"
            else:
                person, kind = next_person, b"f"
                next_person += 1
            key = b"%b-%b-%d" % (label.encode(), b"second" if kind == b"s" else b"first", person)
            body = b'{"person_id":"%b%b' % (str(people.ids[person]).encode(), bodies[person % len(bodies)])
            request = (
                b"POST %b HTTP/1.1\r\nHost: humiao.test\r\nContent-Type: application/json\r\n%b"
                b"Idempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
                % (PATH, people.shown[person], key, len(body), body)
            )
            file.write(b"%05d\n%b" % (len(request), request))
            persons.append(person)
            kinds += kind
    return Plan(path, persons, kinds, spots)
