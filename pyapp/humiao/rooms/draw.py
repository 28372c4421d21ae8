"""The draw of a room: protocol version 1 of docs/draw.md, with the list's own digest in place of outside entropy.

The secret is committed to when the room is opened, the list of tickets is sealed when it opens to the rush, and the
seed follows from both. So nobody outside can choose a place, and what was done can be recomputed; only the city, which
hands out the tickets and keeps the secret, could look for tickets that suit it. For scarce vaccine the draw of a
campaign, with entropy from outside, is the stronger one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from humiao import _core
from humiao.errors import CITY_ZONE
from humiao.kit.crypto import Vault
from humiao.lottery.models import Terms

ENTROPY_RULE = "名单摘要（十六进制）"
FIELD = "room_secret"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Tickets in the order that was drawn, and what it follows from."""

    tickets: list[str]
    tickets_digest: bytes
    seed: bytes


def new_secret() -> bytes:
    """32 bytes of the system's random source."""
    return os.urandom(32)


def _campaign(room_id: int) -> str:
    return f"room:{room_id}"


def terms_of(room_id: int, opens_at: datetime) -> Terms:
    """What is announced of the draw; the time as the room itself is shown."""
    return Terms(_campaign(room_id), opens_at.astimezone(CITY_ZONE).isoformat(), ENTROPY_RULE)


def commitment_of(room_id: int, opens_at: datetime, secret: bytes) -> bytes:
    """What is published when the room is opened."""
    return terms_of(room_id, opens_at).commitment(secret)


def seal(vault: Vault, room_id: int, secret: bytes) -> bytes:
    """The secret as it is stored until the draw."""
    return vault.seal(secret.hex(), row=UUID(int=room_id), field=FIELD)


def unseal(vault: Vault, room_id: int, sealed: bytes) -> bytes:
    """The secret; raises Unsealable."""
    return bytes.fromhex(vault.open(sealed, row=UUID(int=room_id), field=FIELD))


def draw(room_id: int, secret: bytes, tickets: Sequence[str]) -> Drawn:
    """The order of the tickets, however they are listed."""
    tiers, column = bytes(len(tickets)), "\n".join(tickets).encode()
    digest = _core.draw_tickets_digest(_campaign(room_id), tiers, column)
    seed = _core.draw_seed(secret, digest.hex(), _campaign(room_id))
    order = memoryview(_core.draw_order(seed, tiers, column)).cast("I")
    return Drawn([tickets[i] for i in order], digest, seed)
