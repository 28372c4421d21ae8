"""What the booking road carries: wishes, answers, and where places come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True)
class Place:
    """What one claim consumes: a place in the window, the channel's quota, a dose of the stock."""

    session_id: int
    window_id: int
    channel: str
    stock_id: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks and from where. `account_id` is None when staff act; then ownership is not asked."""

    actor: str
    account_id: UUID | None
    source: str


@dataclass(frozen=True, slots=True)
class HoldWish:
    """One request to hold a place for a person. `key` and `body_hash` make a retry recognisable.

    `pass_generation` is that of the pass that was shown; None where none is asked for: staff and offers.
    """

    caller: Caller
    person_id: UUID
    window_id: int
    channel: str
    stock_id: int
    key: str
    body_hash: bytes
    pass_generation: int | None = None


@dataclass(frozen=True, slots=True)
class ConfirmWish:
    """One request to turn a hold into a reservation."""

    caller: Caller
    claim_id: UUID
    hold_token: UUID
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class EndWish:
    """One request to release a hold (`operation` release, token needed) or cancel a reservation (cancel)."""

    caller: Caller
    operation: str
    claim_id: UUID
    hold_token: UUID | None
    reason: str | None
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class RescheduleWish:
    """One request to move a reservation to another window."""

    caller: Caller
    claim_id: UUID
    window_id: int
    channel: str
    stock_id: int
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """The ledger's word on one wish: a code, and the answer (JSON) where something was had. `places` it touched."""

    code: str
    answer_json: str | None = None
    retry_at: datetime | None = None
    places: tuple[tuple[int, str, int], ...] = ()  # (window_id, channel, stock_id)

    @property
    def answer(self) -> Mapping[str, Any] | None:
        """The answer, read."""
        return None if self.answer_json is None else orjson.loads(self.answer_json)


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter as the cache copies it. `field` is w:<window>, q:<window>:<channel> or v:<stock>."""

    session_id: int
    field: str
    version: int
    free: int
