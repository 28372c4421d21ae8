"""What a draw is made of. Lists are two columns, so that a million entrants are two buffers."""

import re
from dataclasses import dataclass
from typing import Literal

from humiao import _core

TEXT_MAX = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")

Part = Literal["announcement", "tickets", "result"]


class DrawMisuse(ValueError):
    """A draw was asked for with something that cannot be published; the message says what, in Chinese and English."""


def check_text(name: str, text: str) -> None:
    """Raise DrawMisuse for a text that may look like another: empty, too long, spaces around, controls."""
    if not text or len(text) > TEXT_MAX or text != text.strip() or _CONTROL.search(text):
        raise DrawMisuse(
            f"{name}：须为 1 至 {TEXT_MAX} 个字符，首尾无空格，不含控制字符 / "
            f"must be 1 to {TEXT_MAX} characters without spaces around or controls"
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What is announced before registration closes. Each text is hashed as it is published."""

    campaign: str
    closes_at: str  # RFC 3339 with offset
    entropy_rule: str  # which public value will be the entropy, exactly

    def __post_init__(self) -> None:
        check_text("campaign", self.campaign)
        check_text("closes_at", self.closes_at)
        check_text("entropy_rule", self.entropy_rule)

    def commitment(self, secret: bytes) -> bytes:
        """The commitment to a secret of 32 bytes under these terms."""
        return _core.draw_commitment(self.campaign, self.closes_at, self.entropy_rule, secret)


@dataclass(frozen=True, slots=True)
class Entrants:
    """Who takes part: a byte of tier for each, and the tickets one a line."""

    tiers: bytes
    tickets: bytes

    @classmethod
    def of(cls, tiers: bytes, tickets: list[bytes]) -> "Entrants":
        """Columns of a list of tickets."""
        return cls(tiers, b"\n".join(tickets) + b"\n" if tickets else b"")

    def __len__(self) -> int:
        return len(self.tiers)

    def ticket_list(self) -> list[bytes]:
        """The tickets, one by one."""
        return self.tickets.splitlines()

    def taken(self, places: "memoryview[int]") -> "Entrants":
        """The entrants of these places in the list, in this order."""
        tickets = self.ticket_list()
        return Entrants.of(bytes(map(self.tiers.__getitem__, places)), [tickets[place] for place in places])


@dataclass(frozen=True, slots=True)
class Announcement:
    """Published before registration closes."""

    terms: Terms
    commitment: bytes


@dataclass(frozen=True, slots=True)
class SealedList:
    """Published after registration closes and before the entropy is known; sorted by ticket."""

    campaign: str
    entrants: Entrants
    digest: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """Published after the draw: everything that anyone needs to recompute it."""

    announcement: Announcement
    tickets_digest: bytes
    entropy: str
    secret: bytes
    seed: bytes
    digest: bytes
    entrants: Entrants  # in the order that was drawn
    keys: bytes  # 32 bytes each
