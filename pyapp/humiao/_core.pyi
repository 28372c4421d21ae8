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
    "SessionState",
    "__version__",
]

__version__: str
FUNCTION_LIBRARY_VERSION: str

_AdmitResult: TypeAlias = tuple[int, str, int | None]
_Intent: TypeAlias = tuple[str, str, int]
_Settlement: TypeAlias = tuple[int, Sequence[str], Sequence[tuple[str, int, int]]]

class CacheUnavailable(ConnectionError):
    """The cache is away, refuses to serve just now, or the admitter has been closed."""

class CacheAddressError(ValueError):
    """The cache's address is not understood."""

class CacheReplyError(RuntimeError):
    """The cache answered outside its contract; its state should be rebuilt."""

class CounterFieldError(ValueError):
    """No counter has such a field name."""

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
