"""The compiled core of Humiao: who may try (cache client) and how a booking is decided (booking-core).

Refusals are values; exceptions are for what should not happen. Instants are milliseconds since 1970 (UTC).
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, final

__all__ = [
    "FUNCTION_LIBRARY_VERSION",
    "Admitter",
    "BookingModel",
    "CacheAddressError",
    "CacheReplyError",
    "CacheUnavailable",
    "CounterFieldError",
    "EntrantsError",
    "Gate",
    "GateRooms",
    "SessionState",
    "__version__",
    "draw_commitment",
    "draw_keys",
    "draw_order",
    "draw_result_digest",
    "draw_seed",
    "draw_tickets_digest",
    "room_earn",
    "room_outlook",
    "room_slowed",
    "room_spend",
    "waitlist_order",
    "why_before",
]

__version__: str
FUNCTION_LIBRARY_VERSION: str

_AdmitResult: TypeAlias = tuple[int, str, int | None]
_Intent: TypeAlias = tuple[str, str, int]
_Standing: TypeAlias = tuple[int, Literal["drawn", "arrived"], int]
_Ranked: TypeAlias = tuple[int, int, _Standing, int | None, int | None]
_Settlement: TypeAlias = tuple[int, Sequence[str], Sequence[tuple[str, int, int]]]

class CacheUnavailable(ConnectionError):
    """The cache is away, refuses to serve just now, or the admitter has been closed."""

class CacheAddressError(ValueError):
    """The cache's address is not understood."""

class CacheReplyError(RuntimeError):
    """The cache answered outside its contract; its state should be rebuilt."""

class CounterFieldError(ValueError):
    """No counter has such a field name."""

class EntrantsError(ValueError):
    """A list of entrants that cannot be drawn: a ticket is malformed or there twice, or the columns do not agree."""

def draw_commitment(campaign: str, closes_at: str, entropy_rule: str, secret: bytes) -> bytes:
    """What is published before registration closes (32 bytes). Raises ValueError unless `secret` has 32 bytes."""

def draw_seed(secret: bytes, entropy: str, campaign: str) -> bytes:
    """The seed of the order (32 bytes). Raises ValueError unless `secret` has 32 bytes."""

def draw_keys(seed: bytes, tiers: bytes, tickets: bytes) -> bytes:
    """Keys of 32 bytes each, in the order of the list.

    Here and below a list is two columns: a byte of tier for each entrant, and the tickets, one a line. Raises
    EntrantsError naming a ticket that cannot take part, ValueError for a digest of another length.
    """

def draw_order(seed: bytes, tiers: bytes, tickets: bytes) -> bytes:
    """Places in the list (from 0; array("I")), first first: by tier, then key, then ticket."""

def draw_tickets_digest(campaign: str, tiers: bytes, tickets: bytes) -> bytes:
    """Digest of the sealed list (32 bytes), the same however it is sorted."""

def draw_result_digest(
    campaign: str,
    commitment: bytes,
    tickets_digest: bytes,
    entropy: str,
    seed: bytes,
    tiers: bytes,
    tickets: bytes,
) -> bytes:
    """Digest of a result (32 bytes) whose list is given in the order that was drawn."""

def waitlist_order(tiers: bytes, sequences: bytes) -> bytes:
    """Places in the columns (from 0; array("I")), first first: by tier (a byte), then arrival (array("Q")).

    Raises ValueError for columns of different lengths.
    """

def why_before(one: _Standing, other: _Standing) -> tuple[str, int, int] | None:
    """Why `one` is served before `other`: (code, what it has, what the other has); None where it is not.

    Codes: earlier_tier, earlier_in_draw, joined_after_draw, earlier_arrival. Raises ValueError for no standing.
    """

@final
class SessionState:
    """State of one clinic session, for `Admitter.load` and from `Admitter.read`.

    `status` is "open" or "closed". Of a session that was read, `permits` are the live ones (permit,
    expires_ms) and `live` tells how many of them name each counter field; of a session to be
    loaded both are empty.
    """

    def __new__(
        cls,
        session_id: int,
        generation: int,
        status: str,
        windows: Sequence[tuple[int, int, int, int]],
        quotas: Sequence[tuple[int, str, int, int, int]],
        stocks: Sequence[tuple[int, int, int, int, int | None]],
    ) -> SessionState:
        """Takes windows (window_id, version, free, until_ms), quotas (window_id, channel, version, free,
        from_ms) and stocks (stock_id, version, free, vial_size, seal_ms).

        Raises ValueError for another status, an empty vial, or a channel that is not one word.
        """

    @property
    def session_id(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def status(self) -> Literal["open", "closed"]: ...
    @property
    def windows(self) -> list[tuple[int, int, int, int]]: ...
    @property
    def quotas(self) -> list[tuple[int, str, int, int, int]]: ...
    @property
    def stocks(self) -> list[tuple[int, int, int, int, int | None]]: ...
    @property
    def permits(self) -> list[tuple[str, int]]: ...
    @property
    def live(self) -> dict[str, int]: ...
    def availability(self, channel: str, as_of_ms: int) -> str:
        """The session as residents of a channel are shown it: JSON, the same text at the gate and at the API."""

@final
class Admitter:
    """One process's way to the cache: batches requests, never blocks, answers through the event loop.

    One batch is in flight at a time; what queues meanwhile leaves with the next. Connects when first used,
    reconnects by itself, and loads the function library where it is missing.
    """

    def __new__(
        cls,
        url: str,
        loop: AbstractEventLoop,
        on_batch: Callable[[list[_AdmitResult]], None],
        *,
        permit_ttl_ms: int = 10_000,
        max_batch: int = 128,
        connect_timeout_ms: int = 2000,
        response_timeout_ms: int = 1000,
    ) -> Admitter:
        """Takes redis://, rediss://, redis+sentinel://h1,h2/service or redis+cluster://h1,h2.

        `on_batch` is called in `loop` with (ticket, outcome, retry_at_ms) of every request answered since its
        last call; the outcome is "granted", a refusal, "rebuild", or "unavailable" when the cache is away.
        Raises CacheAddressError, and ValueError for a time of 0 ms or a batch outside 1 to 1000.
        """

    def submit(self, ticket: int, session_id: int, window_id: int, channel: str, stock_id: int, permit: str) -> None:
        """Queues one request; never blocks. Raises CacheUnavailable after `close`."""

    def settle(self, settlements: Sequence[_Settlement]) -> Future[list[int]]:
        """Copies counters (field, version, free) where they are newer and ends permits, per session.

        Fields are "w:<window>", "q:<window>:<channel>" and "v:<stock>" (free doses in all).
        Returns the sessions that must be loaded. Raises CacheUnavailable, CacheReplyError, CounterFieldError.
        """

    def release(self, permits: Sequence[tuple[int, str]]) -> Future[None]:
        """Ends permits (session_id, permit). Raises CacheUnavailable; they then run out by themselves."""

    def load(self, states: Sequence[SessionState]) -> Future[list[bool]]:
        """Replaces whole states and forgets their permits; False where the stored generation is not older.

        Raises CacheUnavailable; some states may then have been loaded.
        """

    def read(self, session_ids: Sequence[int]) -> Future[list[SessionState | None]]:
        """Reads states; None where a session is not loaded. Raises CacheUnavailable, CacheReplyError."""

    def forget(self, session_ids: Sequence[int]) -> Future[None]:
        """Drops states of sessions that have ended. Raises CacheUnavailable."""

    def begin_waitlist(self, list_id: int, generation: int) -> Future[bool]:
        """A waitlist is about to be copied; False where a copy of this or a newer generation is there.

        Begin before reading the ledger. Until the copy is published the former one is shown.
        """

    def import_waitlist(
        self, list_id: int, generation: int, entries: bytes, tiers: bytes, turn: str, numbers: bytes
    ) -> Future[str]:
        """Copies a part: entries (array("q")), tiers (a byte each), "drawn" or "arrived" with numbers (array("Q")).

        "done", or "stale" where a newer copy has begun. Raises CacheUnavailable, and ValueError for uneven columns.
        """

    def publish_waitlist(self, list_id: int, generation: int, count: int) -> Future[str]:
        """Shows the copy of `count` entries: "done", "stale", or "incomplete" where the cache has lost a part."""

    def join_waitlist(self, list_id: int, entries: bytes, tiers: bytes, turn: str, numbers: bytes) -> Future[bool]:
        """Tells who joined; False where the list must be copied. An entry that has left is not brought back."""

    def leave_waitlist(self, list_id: int, entries: Sequence[int]) -> Future[bool]:
        """Tells who left, for whatever reason; False where the list must be copied."""

    def rank_waitlist(self, list_id: int, entries: Sequence[int]) -> Future[tuple[int, list[_Ranked | None]] | None]:
        """How many wait, and per entry (ahead, ahead in earlier tiers, standing, entry before, entry after).

        None for an entry that does not wait; None in all where the list must be copied first.
        """

    def forget_waitlist(self, list_id: int) -> Future[None]:
        """Drops a list that is over."""

    def ping(self) -> Future[dict[str, str]]:
        """Tells `server`, `library` and `mode` (single, sentinel, cluster). Raises CacheUnavailable."""

    def close(self) -> None:
        """Ends the client within half a second; what is still open is answered "unavailable"."""

@final
class BookingModel:
    """booking-core's specification of the ledger: decides as the ledger's statements must.

    Free of I/O and clocks. Instants are ms. Changes take an intent (actor, key, digest of the request) and return a
    code: what was done (granted, confirmed, released, cancelled, rescheduled), `answered`, or a refusal's.
    """

    def __new__(cls) -> BookingModel:
        """An empty city."""

    def add_window(self, window_id: int, session_id: int, starts_ms: int, until_ms: int, capacity: int) -> None:
        """A window: bookable before `until_ms`, begun from `starts_ms` on."""

    def add_quota(self, window_id: int, channel: str, from_ms: int, quota: int) -> None:
        """A channel's share of a window, bookable from `from_ms` on."""

    def add_stock(
        self,
        stock_id: int,
        session_id: int,
        vaccine: str,
        series: Sequence[str],
        vials: int,
        vial_size: int,
        sealed_from_ms: int | None,
    ) -> None:
        """Whole vials of one product; none is begun from `sealed_from_ms` on. Raises ValueError for an empty vial."""

    def hold(
        self,
        now_ms: int,
        intent: _Intent,
        token: int,
        person: int,
        window_id: int,
        channel: str,
        stock_id: int,
        ttl_ms: int,
    ) -> str:
        """Holds a place for a person; the claim's number is how many were granted before it."""

    def confirm(self, now_ms: int, intent: _Intent, claim: int, token: int, grace_ms: int) -> str:
        """Turns a hold into a reservation."""

    def release(self, intent: _Intent, claim: int, token: int) -> str:
        """Gives a hold back."""

    def cancel(self, now_ms: int, intent: _Intent, claim: int) -> str:
        """Gives a reservation back."""

    def reschedule(self, now_ms: int, intent: _Intent, claim: int, window_id: int, channel: str, stock_id: int) -> str:
        """Moves a reservation."""

    def expire_due(self, now_ms: int, grace_ms: int) -> int:
        """Expires holds past deadline and grace; returns how many."""

    def set_capacity(self, window_id: int, wanted: int) -> tuple[int, int] | None:
        """Edits a window: (limit, kept back); None where there is none."""

    def set_quota(self, window_id: int, channel: str, wanted: int) -> tuple[int, int] | None:
        """Edits a channel's share: (limit, kept back); None where there is none."""

    def set_vials(self, stock_id: int, wanted: int) -> tuple[int, int] | None:
        """Edits a stock: (vials, kept back); None where there is none."""

    def close(self, session_id: int) -> None:
        """Ends booking of a clinic session."""

    def counters(self) -> list[tuple[str, int, int, int]]:
        """(field, limit, held, booked) of every counter."""

@final
class GateRooms:
    """Waiting rooms as one gate knows them: told by humiao.gate.rooms, asked by residents who poll."""

    def __len__(self) -> int:
        """Tickets that are known of all rooms."""

    def take_heads(
        self, heads: Sequence[tuple[int, bool, bool, int, bool, int, int, int, bytes, Sequence[int] | None]]
    ) -> None:
        """Rooms that are not closed: (room, is_on, is_open, opens_ms, is_drawn, pace_milli, version, places, present,
        sessions; None: all that no other room covers). Others are forgotten."""

    def known(self, room_id: int) -> tuple[int, int]:
        """(last place, last tick) that is known of a room."""

    def take_places(self, room_id: int, places: Sequence[int], tickets: bytes, states: Sequence[int]) -> None:
        """Places in order, tickets of sixteen bytes side by side, states: 0 waits, above is let in until then (ms),
        below is gone. Raises ValueError where they are not in step."""

    def take_ticks(self, room_id: int, ticks: Sequence[tuple[int, Sequence[int], int | None, Sequence[int]]]) -> None:
        """Ticks in order: (tick, places let in, until_ms, places gone)."""

    def take_reports(self) -> list[tuple[int, bytes, int]]:
        """What was seen since the last time: (room, places that polled as bits, holds asked for)."""

@final
class Gate:
    """The listener of the rush: answers hot routes, passes the rest on, asks `desk` for what only the ledger knows.

    `desk` has one method for each kind of work (humiao.gate.desk.Desk); `problems` is the vocabulary of refusals:
    (code, status, JSON up to where `retry_at` goes, members after it). Listens at once, serves after `serve`.
    Raises ValueError for an option that is missing or wrong, CacheAddressError, OSError for a port that is taken.
    """

    def __new__(
        cls,
        loop: AbstractEventLoop,
        desk: object,
        problems: Sequence[tuple[str, int, str, str]],
        cache_url: str,
        ledger: dict[str, object],
        options: dict[str, object],
    ) -> Gate:
        """Takes every option of humiao.gate.run.ledger_options and gate_options."""

    @property
    def port(self) -> int:
        """Where residents come in."""

    @property
    def admin_port(self) -> int | None:
        """Where health and metrics are shown."""

    def serve(self) -> None:
        """Begins to serve. Raises OSError where there is no thread to be had."""

    @property
    def rooms(self) -> GateRooms:
        """Its waiting rooms."""

    def take_keys(
        self, keys: Sequence[tuple[str, bytes]], resident_generation: int, pass_generation: int, room_generation: int
    ) -> None:
        """Other signing keys (id, secret); tokens below their audience's generation are refused."""

    def align_clock(self, database_ms: int, margin_ms: int) -> None:
        """The database's clock shows this now, give or take the margin."""

    def take_ledger_ms(self) -> int | None:
        """How long a batch took at the ledger on average since this was asked last; None where there was none."""

    def take_troubles(self) -> list[str]:
        """Why batches of holds were not decided, since this was asked last."""

    def answer_words(self, words: Sequence[tuple[int, str, int | None, str | None]]) -> None:
        """(ticket, code, retry_at_ms, answer as JSON); code `nothing` where nothing is known."""

    def answer_facts(self, found: Sequence[tuple[int, tuple[int, int, str, Sequence[tuple[int, str]]] | None]]) -> None:
        """(ticket, (session, clinic, ISO day, [(stock, vaccine)])); None for a window that does not exist. Raises
        ValueError for what is no day."""

    def answer_holders(self, found: Sequence[tuple[int, tuple[int, int, int], Sequence[bytes]]]) -> None:
        """(ticket, versions, accounts that were ever granted a hold there up to these). The versions are of the
        window's places, of the quota of the gate's channel and of the stock."""

    def answer_loads(self, loaded: Sequence[tuple[int, bool]]) -> None:
        """(ticket, whether the cache has the session)."""

    def forsake(self, tickets: Sequence[int]) -> None:
        """Work that cannot be done: its outcome is not known."""

    def show_beside(self, text: str) -> None:
        """Shows this OpenMetrics text, without its end mark, beside the gate's own metrics until the next."""

    def metrics(self) -> str:
        """OpenMetrics text: the gate's own, after what is shown beside it."""

    def drain(self) -> None:
        """Stops accepting and waits until requests that have begun are answered; call it from another thread."""

def room_earn(credit: int, elapsed_ms: int, rate_milli: int) -> tuple[int, int]:
    """(people who may be let in now, what is earned in millionths of a person) after `elapsed_ms` more at a rate."""

def room_spend(credit: int, people: int) -> int:
    """What is left of it after so many were let in."""

def room_slowed(rate_milli: int, ledger_ms: int, limit_ms: int) -> int:
    """The rate while a batch takes the ledger so long, of which `limit_ms` are usual."""

def room_outlook(ahead: int, rate_milli: int, spread: int) -> tuple[int | None, int]:
    """(minutes to wait, None while nobody is let in; seconds until it is worth asking again) with so many ahead."""
