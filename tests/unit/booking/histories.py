"""Generated histories of booking, told to the ledger on PostgreSQL and to booking-core's model alike.

Time stands still but for deadlines: a hold is made either to last or with a deadline that has passed by the next
statement, so that both sides agree on what is due without a clock to drive. Wishes come in batches, as they do from
the lanes: the ledger takes a batch in one statement, the model one wish after another.
"""

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from humiao._core import BookingModel
from humiao.booking.ledger import Batch, Ledger
from humiao.booking.models import Caller, ConfirmWish, Decision, EndWish, HoldWish, RescheduleWish
from humiao.kit.sql import statement
from tests.factories import make_clinic

NOW_MS, LONG_MS, SHORT_MS, FAR_MS = 1_000_000, 3_600_000, 1, 10**15
CHANNELS = ("h5", "desk")
# Two vaccines of one series, and a combination that counts as another vaccine's series too.
VACCINES = ("IIV4", "LAIV3", "DTaP-IPV-Hib", "Hib")
Said: TypeAlias = tuple[Any, Any]  # by the ledger, by the model
Intent: TypeAlias = tuple[str, str, int]


@dataclass
class Claim:
    """A claim under its two names, and what confirms it."""

    number: int
    claim_id: UUID
    token: UUID
    account: UUID
    vaccine: str


@dataclass
class Told:
    """One wish in the words of both sides. The model is asked when the ledger has decided."""

    wish: Any
    ask_model: Callable[[], str]


@dataclass
class History:
    """One history and the small city that it happens in."""

    dice: random.Random
    connection: asyncpg.Connection
    lasting: Ledger
    fleeting: Ledger
    people: list[UUID]
    model: BookingModel = field(default_factory=BookingModel)
    sessions: list[int] = field(default_factory=list)
    windows: dict[int, int] = field(default_factory=dict)  # window -> session
    stocks: dict[int, tuple[int, str]] = field(default_factory=dict)  # stock -> (session, vaccine)
    claims: list[Claim] = field(default_factory=list)
    told: dict[str, list[Told]] = field(default_factory=dict)  # by kind, for repeating
    now_ms: int = NOW_MS

    # ---- the city ------------------------------------------------------------------------------------------------

    async def make_city(self) -> None:
        """Two sessions of three windows each and a stock of every vaccine, with small limits."""
        rows = await self.connection.fetch(
            """SELECT p.vaccine_code, min(p.product_id) AS id, array_agg(DISTINCT s.series) AS series
               FROM products p JOIN vaccine_series s USING (vaccine_code)
               WHERE p.vaccine_code = ANY ($1::text[]) GROUP BY p.vaccine_code""",
            list(VACCINES),
        )
        assert len(rows) == len(VACCINES)
        for _ in range(2):
            session_id = await self.connection.fetchval(
                """INSERT INTO clinic_sessions (clinic_id, session_date, title, published_by, origin)
                   VALUES ($1, current_date + 1, '对照', 'test', 'rehearsal') RETURNING session_id""",
                await make_clinic(self.connection, hidden=True),
            )
            self.sessions.append(session_id)
            for number in range(3):
                await self._add_window(session_id, number)
            for row in rows:
                await self._add_stock(session_id, row)

    async def _add_window(self, session_id: int, number: int) -> None:
        capacity, ended, begun = self.dice.randint(1, 5), self.dice.random() < 0.1, self.dice.random() < 0.1
        # Long windows, so that one that has begun may still be bookable.
        starts = datetime.now(UTC) + timedelta(hours=-1 if begun else 1, minutes=number)
        ends = starts + timedelta(hours=8)
        window_id = await self.connection.fetchval(
            """INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
               VALUES ($1, $2, $3, $4, $5) RETURNING window_id""",
            session_id, starts, ends, datetime.now(UTC) - timedelta(minutes=1) if ended else ends, capacity,
        )  # fmt: skip
        self.windows[window_id] = session_id
        self.model.add_window(window_id, session_id, 0 if begun else FAR_MS, 0 if ended else FAR_MS, capacity)
        for channel in CHANNELS[: self.dice.randint(1, 2)]:
            quota, opened = self.dice.randint(0, 4), self.dice.random() < 0.9
            await self.connection.execute(
                "INSERT INTO window_quotas (window_id, channel, quota, bookable_from) VALUES ($1, $2, $3, $4)",
                window_id, channel, quota, datetime.now(UTC) + timedelta(hours=-1 if opened else 1),
            )  # fmt: skip
            self.model.add_quota(window_id, channel, 0 if opened else FAR_MS, quota)

    async def _add_stock(self, session_id: int, row: Any) -> None:
        vials, size, sealed = self.dice.randint(0, 3), self.dice.choice((1, 1, 2, 3)), self.dice.random() < 0.3
        seal = datetime.now(UTC) - timedelta(minutes=1) if sealed else None
        stock_id = await self.connection.fetchval(
            """INSERT INTO session_stocks (session_id, product_id, vials, vial_size, no_new_vial_from)
               VALUES ($1, $2, $3, $4, $5) RETURNING stock_id""",
            session_id, row["id"], vials, size, seal,
        )  # fmt: skip
        self.stocks[stock_id] = (session_id, row["vaccine_code"])
        self.model.add_stock(
            stock_id, session_id, row["vaccine_code"], row["series"], vials, size, 0 if sealed else None
        )

    # ---- wishes --------------------------------------------------------------------------------------------------

    def _caller(self, account: UUID) -> tuple[Caller, bool]:
        """The owner, or now and then a stranger; and whether it is one."""
        if self.dice.random() < 0.95:
            return Caller(f"account:{account}", account, "owner"), False
        account = self.dice.choice([one for one in self.people if one != account])
        return Caller(f"account:{account}", account, "stranger"), True

    def _intent(self, caller: Caller, *content: object) -> tuple[str, bytes, Intent]:
        """A fresh key, or now and then one that named something else lately: (key, body hash, the model's intent)."""
        lately = [told.wish for past in self.told.values() for told in past[-6:]]
        used = [wish.key for wish in lately if wish.caller == caller]
        key = self.dice.choice(used) if used and self.dice.random() < 0.1 else uuid4().hex
        digest = hashlib.sha256(repr(content).encode()).digest()
        return key, digest, (caller.actor, key, int.from_bytes(digest[:8], "big"))

    def _place(self, vaccine: str | None = None) -> tuple[int, str, int]:
        """A window, a channel and mostly a fitting stock: of that session, and of a vaccine where one is wanted."""
        if self.dice.random() < 0.05:
            return 2**40, "h5", next(iter(self.stocks))
        window, session_id = self.dice.choice(list(self.windows.items()))
        fitting = [
            stock for stock, (session, code) in self.stocks.items() if session == session_id and vaccine in (None, code)
        ]
        strange = self.dice.random() < 0.1
        return window, self.dice.choice(CHANNELS), self.dice.choice(list(self.stocks) if strange else fitting)

    def _hold(self, ttl_ms: int) -> Told:
        number = self.dice.randrange(len(self.people))
        person, (window, channel, stock) = self.people[number], self._place()
        caller, stranger = self._caller(person)
        key, body, intent = self._intent(caller, "hold", person, window, stock)

        def ask() -> str:
            if stranger:
                return "unknown_person"
            token = len(self.claims)
            return self.model.hold(self.now_ms, intent, token, number, window, channel, stock, ttl_ms)

        return Told(HoldWish(caller, person, window, channel, stock, key, body), ask)

    def _confirm(self) -> Told:
        claim, right = self.dice.choice(self.claims), self.dice.random() < 0.9
        token, number = (claim.token, claim.number) if right else (uuid4(), claim.number + 10**6)
        caller, stranger = self._caller(claim.account)
        key, body, intent = self._intent(caller, "confirm", claim.claim_id, token)

        def ask() -> str:
            return "unknown_hold" if stranger else self.model.confirm(self.now_ms, intent, claim.number, number, 0)

        return Told(ConfirmWish(caller, claim.claim_id, token, key, body), ask)

    def _end(self) -> Told:
        claim, operation = self.dice.choice(self.claims), self.dice.choice(("release", "cancel", "cancel"))
        caller, stranger = self._caller(claim.account)
        key, body, intent = self._intent(caller, operation, claim.claim_id)
        if operation == "release":

            def ask() -> str:
                return "unknown_hold" if stranger else self.model.release(intent, claim.number, claim.number)

            return Told(EndWish(caller, operation, claim.claim_id, claim.token, None, key, body), ask)

        def ask_to_cancel() -> str:
            return "unknown_reservation" if stranger else self.model.cancel(self.now_ms, intent, claim.number)

        return Told(EndWish(caller, operation, claim.claim_id, None, "对照", key, body), ask_to_cancel)

    def _reschedule(self) -> Told:
        claim = self.dice.choice(self.claims)
        window, channel, stock = self._place(claim.vaccine)
        caller, stranger = self._caller(claim.account)
        key, body, intent = self._intent(caller, "reschedule", claim.claim_id, window, stock)

        def ask() -> str:
            if stranger:
                return "unknown_reservation"
            return self.model.reschedule(self.now_ms, intent, claim.number, window, channel, stock)

        return Told(RescheduleWish(caller, claim.claim_id, window, channel, stock, key, body), ask)

    # ---- steps ---------------------------------------------------------------------------------------------------

    async def _tell(
        self, kind: str, make: Callable[[], Told], write: Callable[[list[Any]], Awaitable[Batch]], most: int
    ) -> list[Said]:
        """Tell a batch of new and repeated wishes; those that were behind others of it are told again."""
        past = self.told.setdefault(kind, [])
        chosen: dict[tuple[str, str], Told] = {}  # a key comes once in a batch, as it does from the engine
        for _ in range(self.dice.randint(1, most)):
            told = self.dice.choice(past[-12:]) if past and self.dice.random() < 0.15 else make()
            chosen.setdefault((told.wish.caller.actor, told.wish.key), told)
        batch = list(chosen.values())
        past.extend(batch)
        said: list[Said] = []
        while batch:
            decisions = (await write([told.wish for told in batch])).decisions
            behind = []
            for told, decision in zip(batch, decisions, strict=True):
                if decision.code == "contended":
                    behind.append(told)
                    continue
                said.append((decision.code, told.ask_model()))
                if decision.code == "granted":
                    self._granted(told.wish, decision)
            assert len(behind) < len(batch), "every pass decides something"
            batch = behind
        return said

    def _granted(self, wish: HoldWish, decision: Decision) -> None:
        answer, vaccine = decision.answer or {}, self.stocks[wish.stock_id][1]
        claim_id, token = UUID(answer["hold_id"]), UUID(answer["hold_token"])
        self.claims.append(Claim(len(self.claims), claim_id, token, wish.person_id, vaccine))

    async def hold(self) -> list[Said]:
        """Hold up to five places at once."""
        ledger, ttl_ms = (self.fleeting, SHORT_MS) if self.dice.random() < 0.2 else (self.lasting, LONG_MS)
        return await self._tell(f"hold for {ttl_ms}", lambda: self._hold(ttl_ms), ledger.hold_many, 5)

    async def confirm(self) -> list[Said]:
        """Confirm up to three holds at once."""
        return await self._tell("confirm", self._confirm, self.lasting.confirm_many, 3)

    async def end(self) -> list[Said]:
        """Release or cancel up to three claims at once."""
        return await self._tell("end", self._end, self.lasting.end_many, 3)

    async def reschedule(self) -> list[Said]:
        """Move one reservation."""

        async def write(wishes: list[RescheduleWish]) -> Batch:
            return await self.lasting.reschedule(*wishes)

        return await self._tell("reschedule", self._reschedule, write, 1)

    async def expire(self) -> list[Said]:
        """Expire what is due."""
        ended, _ = await self.lasting.expire_due(at_most=1000)
        return [(ended, self.model.expire_due(self.now_ms, 0))]

    async def edit(self) -> list[Said]:
        """Edit a capacity, a quota or a stock."""
        wanted = self.dice.randint(0, 5)
        window, stock = self.dice.choice(list(self.windows)), self.dice.choice(list(self.stocks))
        edits: list[tuple[str, tuple[Any, ...], Callable[[], Any]]] = [
            ("set_capacity", (window, wanted), lambda: self.model.set_capacity(window, wanted)),
            ("set_quota", (window, "h5", wanted, None), lambda: self.model.set_quota(window, "h5", wanted)),
            ("set_vials", (stock, wanted, None, False), lambda: self.model.set_vials(stock, wanted)),
        ]
        name, arguments, ask_model = self.dice.choice(edits)
        row = await self.connection.fetchrow(statement(f"scheduling/{name}"), *arguments)
        return [((row["limit"], row["kept_back"]), ask_model())]

    async def close(self) -> list[Said]:
        """End booking of a session."""
        session_id = self.dice.choice(self.sessions)
        await self.connection.execute(statement("scheduling/close_session"), session_id)
        self.model.close(session_id)
        return []

    async def step(self) -> tuple[str, list[Said]]:
        """Do one thing on both sides; what it was, and what each said of each wish."""
        self.now_ms += 10
        changes = [self.confirm] * 5 + [self.end] * 4 + [self.reschedule] * 5 if self.claims else []
        choices = [self.hold] * 8 + changes + [self.expire] * 2 + [self.edit] * 3
        act = self.close if self.dice.random() < 0.01 else self.dice.choice(choices)
        return act.__name__, await act()

    async def counters(self) -> dict[str, tuple[int, int, int]]:
        """The ledger's counters of this history, by field: limit, held, booked."""
        rows = await self.connection.fetch(
            """SELECT 'w:' || window_id AS field, capacity AS most, held, booked FROM windows WHERE window_id = ANY ($1)
               UNION ALL SELECT 'q:' || window_id || ':' || channel, quota, held, booked FROM window_quotas
                         WHERE window_id = ANY ($1)
               UNION ALL SELECT 'v:' || stock_id, vials * vial_size, held, booked FROM session_stocks
                         WHERE stock_id = ANY ($2)""",
            list(self.windows), list(self.stocks),
        )  # fmt: skip
        return {row["field"]: (row["most"], row["held"], row["booked"]) for row in rows}
