"""The booking engine: one road for every booking, whoever asks.

    wish -> gatekeeper (cache: may it try?) -> ledger lane (one commit for a batch) -> answer -> settle the cache

What callers may rely on:
  * An answer is given only after the commit that holds it (P2). A retry with the same key gets it again (P7), also
    when the place has long gone to somebody else, also from another process.
  * The cache can refuse needlessly or let through needlessly, never grant. When it is away, at most
    `slow_path_limit` requests at a time go straight to the ledger and the others are told when to come back.
  * Two requests with one key in one process share one answer; across processes the second is told `in_flight`.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson

from humiao import _core
from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import Batch, Ledger, OutcomeUnknown
from humiao.booking.meters import LaneMeters
from humiao.booking.models import ConfirmWish, Counter, Decision, EndWish, HoldWish, Place, RescheduleWish
from humiao.booking.retry import when_to_return
from humiao.errors import Refusal
from humiao.kit.lane import Lane, LaneFull

Result = Mapping[str, Any] | Refusal
Wish = TypeVar("Wish")
KNOWN_WINDOWS_MAX = 200_000
CONTENDED_PASSES = 8  # each pass grants at least one wish or finds the counter empty


class BookingEngine:
    """Admission, ledger and settlement put together. One per process."""

    def __init__(
        self,
        ledger: Ledger,
        gatekeeper: Gatekeeper,
        *,
        hold_lanes: int = 2,
        batch_max: int = 256,
        waiting_max: int = 5000,
        slow_path_limit: int = 32,
        meters: LaneMeters | None = None,
        full_retry_s: float = 30.0,
    ) -> None:
        self._meters = meters or LaneMeters()
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._slow_path_limit = slow_path_limit
        self._full_retry_s = full_retry_s
        self._slow_path_now = 0
        self._sessions: dict[int, int] = {}
        self._in_flight: dict[tuple[str, str], tuple[bytes, asyncio.Future[Result]]] = {}
        # Holds of one session share a lane, so that two lanes never wait for the same counters. Two writers in each:
        # the next batch stands at the locks while the one before it commits.
        self._holds = [
            Lane[HoldWish, Decision](self._write_holds, writers=2, batch_max=batch_max, waiting_max=waiting_max)
            for _ in range(hold_lanes)
        ]
        self._confirms = Lane[ConfirmWish, Decision](
            self._write_confirms, writers=1, batch_max=batch_max, waiting_max=waiting_max
        )
        self._ends = Lane[EndWish, Decision](self._write_ends, writers=1, batch_max=batch_max, waiting_max=waiting_max)
        self._answers = Lane[tuple[str, str], tuple[str, bytes, str] | None](
            ledger.find_answers, writers=1, batch_max=1024, waiting_max=50_000
        )
        self._states = Lane[tuple[UUID, UUID], str | None](
            ledger.hold_states, writers=1, batch_max=1024, waiting_max=50_000
        )
        self._meters.watch("hold", lambda: sum(lane.waiting for lane in self._holds))
        self._meters.watch("confirm", lambda: self._confirms.waiting)
        self._meters.watch("end", lambda: self._ends.waiting)
        self._meters.watch("first_answer", lambda: self._answers.waiting)
        self._meters.watch("hold_state", lambda: self._states.waiting)

    # ---- holding -------------------------------------------------------------------------------------------------

    async def hold(self, wish: HoldWish) -> Result:
        """Hold a place: the stored answer {hold_id, hold_token, held_until, …}, or a refusal."""
        identity = (wish.caller.actor, wish.key)
        running = self._in_flight.get(identity)
        if running is not None:
            body_hash, first = running
            return await asyncio.shield(first) if body_hash == wish.body_hash else Refusal("key_reused")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._in_flight[identity] = (wish.body_hash, future)
        try:
            result = await self._hold(wish)
        except BaseException:
            future.set_result(self._no("outcome_unknown"))
            raise
        else:
            future.set_result(result)
            return result
        finally:
            del self._in_flight[identity]

    async def _hold(self, wish: HoldWish) -> Result:
        session_id = await self._session_of(wish.window_id)
        if session_id is None:
            return Refusal("unknown_window")
        place = Place(session_id, wish.window_id, wish.channel, wish.stock_id)
        permit = f"{wish.person_id.hex}:{wish.stock_id}"
        outcome, retry_at = await self._gatekeeper.admit(place, permit)
        if outcome == "granted":
            return await self._at_the_ledger(wish, session_id)
        if outcome == "unavailable":
            return await self._slow_path(wish, session_id)
        return await self._replayed(wish, self._no(outcome, retry_at))

    async def _slow_path(self, wish: HoldWish, session_id: int) -> Result:
        """The road without a cache: PostgreSQL decides alone, for a limited number at a time."""
        if self._slow_path_now >= self._slow_path_limit:
            return self._no("busy")
        self._slow_path_now += 1
        try:
            return await self._at_the_ledger(wish, session_id)
        finally:
            self._slow_path_now -= 1

    async def _at_the_ledger(self, wish: HoldWish, session_id: int) -> Result:
        lane = self._holds[session_id % len(self._holds)]
        for _ in range(CONTENDED_PASSES):
            decision = await self._lane(lane, wish)
            if decision.code != "contended":
                return self._told(decision)
        return self._no("busy")

    async def _replayed(self, wish: HoldWish, otherwise: Result) -> Result:
        """The first answer to this very request, if it has one; else what was going to be said, whatever the key is."""
        try:
            found = await self._answers.submit((wish.caller.actor, wish.key))
        except LaneFull:
            self._meters.full.inc()
            return self._no("busy")
        if found is None or found[:2] != ("hold", wish.body_hash):
            return otherwise
        return dict(orjson.loads(found[2]))

    async def _write_holds(self, wishes: list[HoldWish]) -> list[Decision]:
        permits = [
            (self._sessions[w.window_id], f"{w.person_id.hex}:{w.stock_id}")
            for w in wishes
            if w.window_id in self._sessions
        ]
        counters: list[Counter] = []
        try:
            batch = await self._ledger.hold_many(wishes)
            counters = batch.counters
            return batch.decisions
        finally:
            self._gatekeeper.settle_later(counters, permits)

    # ---- confirming, ending, moving ------------------------------------------------------------------------------

    async def confirm(self, wish: ConfirmWish) -> Result:
        """Turn a hold into a reservation: {reservation_id, state, …}, or a refusal."""
        return self._told(await self._lane(self._confirms, wish))

    async def end(self, wish: EndWish) -> Result:
        """Release a hold or cancel a reservation: {claim_id, state}, or a refusal."""
        return self._told(await self._lane(self._ends, wish))

    async def reschedule(self, wish: RescheduleWish) -> Result:
        """Move a reservation: the new place is taken and the old one returned in one commit, or nothing happens."""
        session_id = await self._session_of(wish.window_id)
        if session_id is None:
            return Refusal("unknown_window")
        try:
            batch = await self._ledger.reschedule(wish)
        except OutcomeUnknown:
            return self._no("outcome_unknown")
        self._gatekeeper.settle_later(batch.counters)
        return self._told(batch.decisions[0])

    async def is_answered(self, actor: str, key: str) -> bool:
        """Whether a key of this actor has an answer already."""
        return (await self._ledger.find_answers([(actor, key)]))[0] is not None

    async def _write_confirms(self, wishes: list[ConfirmWish]) -> list[Decision]:
        return self._settled(await self._ledger.confirm_many(wishes))

    async def _write_ends(self, wishes: list[EndWish]) -> list[Decision]:
        return self._settled(await self._ledger.end_many(wishes))

    def _settled(self, batch: Batch) -> list[Decision]:
        self._gatekeeper.settle_later(batch.counters)
        return batch.decisions

    # ---- shared --------------------------------------------------------------------------------------------------

    def _no(self, code: str, retry_at: datetime | None = None) -> Refusal:
        return Refusal(code, retry_at=when_to_return(code, retry_at, full_retry_s=self._full_retry_s))

    def _told(self, decision: Decision) -> Result:
        answer = decision.answer
        return self._no(decision.code, decision.retry_at) if answer is None else answer

    async def _lane(self, lane: Lane[Wish, Decision], wish: Wish) -> Decision:
        """Submit to a lane; a full queue and a lost database are answers too."""
        try:
            return await lane.submit(wish)
        except LaneFull:
            self._meters.full.inc()
            return Decision("busy")
        except OutcomeUnknown:
            return Decision("outcome_unknown")

    async def _session_of(self, window_id: int) -> int | None:
        """The session of a window; it never changes, so it is remembered."""
        known = self._sessions.get(window_id)
        if known is not None:
            return known
        found = await self._ledger.session_of_window(window_id)
        if found is not None:
            if len(self._sessions) >= KNOWN_WINDOWS_MAX:
                self._sessions.clear()
            self._sessions[window_id] = found
        return found

    async def hold_state(self, account_id: UUID, hold_id: UUID) -> Result:
        """{hold_id, state, held_until} of a hold of somebody the account may act for."""
        try:
            found = await self._states.submit((account_id, hold_id))
        except LaneFull:
            self._meters.full.inc()
            return self._no("busy")
        return Refusal("unknown_hold") if found is None else orjson.loads(found)

    async def look(self, session_id: int) -> "_core.SessionState | None":
        """A clinic session as far as booking goes, some milliseconds old; None where there is none."""
        return await self._gatekeeper.look(session_id)

    async def settle(self, counters: list[Counter]) -> None:
        """Copy counters that staff or the worker changed into the cache."""
        await self._gatekeeper.settle(counters)

    async def load(self, session_ids: list[int]) -> bool:
        """Load sessions into the cache, as after publishing or closing them."""
        return await self._gatekeeper.load(session_ids)

    async def drain(self) -> None:
        """Answer everything that is queued; called before the process stops."""
        await asyncio.gather(*(lane.drain() for lane in self._holds), self._confirms.drain(), self._ends.drain())
        await asyncio.gather(self._answers.drain(), self._states.drain())
