"""The ledger's SQL against booking-core's model: generated histories must have the same outcomes and counters.

Time stands still but for deadlines: a hold is made either to last or with a deadline that has passed by the next
statement, so that both sides agree on what is due without a clock to drive.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from humiao._core import BookingModel
from humiao.booking.ledger import Ledger
from humiao.booking.models import Caller, ConfirmWish, EndWish, HoldWish, RescheduleWish
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.kit.sql import statement
from humiao.settings import Settings
from tests.factories import make_clinic, make_residents

HISTORIES, STEPS = 60, 40
NOW_MS, LONG_MS, SHORT_MS = 1_000_000, 3_600_000, 1
CHANNELS = ("h5", "desk")
# Two vaccines of one series, and a combination that counts as another vaccine's series too.
VACCINES = ("IIV4", "LAIV3", "DTaP-IPV-Hib", "Hib")


@dataclass
class Claim:
    """A claim under its two names, and what confirms it."""

    number: int
    claim_id: UUID
    token: UUID
    actor: str
    account: UUID
    vaccine: str


@dataclass
class History:
    """One history, told to the ledger and to the model."""

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
    now_ms: int = NOW_MS
    intents: dict[str, list[int]] = field(default_factory=dict)

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
        capacity, ended = self.dice.randint(1, 5), self.dice.random() < 0.1
        starts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1, minutes=30 * number)
        until = datetime.now(UTC) - timedelta(minutes=1) if ended else starts
        window_id = await self.connection.fetchval(
            """INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
               VALUES ($1, $2::timestamptz, $2::timestamptz + interval '30 minutes', $3, $4) RETURNING window_id""",
            session_id, starts, until, capacity,
        )  # fmt: skip
        self.windows[window_id] = session_id
        self.model.add_window(window_id, session_id, 10**15, 0 if ended else 10**15, capacity)
        for channel in CHANNELS[: self.dice.randint(1, 2)]:
            quota, opened = self.dice.randint(0, 4), self.dice.random() < 0.9
            await self.connection.execute(
                "INSERT INTO window_quotas (window_id, channel, quota, bookable_from) VALUES ($1, $2, $3, $4)",
                window_id, channel, quota, datetime.now(UTC) + timedelta(hours=-1 if opened else 1),
            )  # fmt: skip
            self.model.add_quota(window_id, channel, 0 if opened else 10**15, quota)

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

    def _intent(self, actor: str) -> tuple[str, bytes, tuple[str, str, int]]:
        """A fresh intent, or now and then one that was used before: (key, body hash, the model's intent)."""
        used = self.intents.setdefault(actor, [])
        if used and self.dice.random() < 0.2:
            number = self.dice.choice(used[-4:])
        else:
            number = sum(map(len, self.intents.values()))
            used.append(number)
        body = number if self.dice.random() < 0.9 else number + 1000
        key = f"intent-{self.sessions[0]}-{number}"
        return key, body.to_bytes(32, "big"), (actor, key, body)

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

    async def hold(self) -> tuple[str, str]:
        number = self.dice.randrange(len(self.people))
        person, (window, channel, stock) = self.people[number], self._place()
        caller = Caller(f"account:{person}", person, channel)
        key, body, intent = self._intent(caller.actor)
        short = self.dice.random() < 0.2
        ledger = self.fleeting if short else self.lasting
        batch = await ledger.hold_many([HoldWish(caller, person, window, channel, stock, key, body)])
        (decision,) = batch.decisions
        name = len(self.claims)
        if decision.code == "granted":
            answer = decision.answer or {}
            claim = Claim(
                name, UUID(answer["hold_id"]), UUID(answer["hold_token"]), caller.actor, person, self.stocks[stock][1]
            )
            self.claims.append(claim)
        expected = self.model.hold(
            self.now_ms, intent, name, name, number, window, channel, stock, SHORT_MS if short else LONG_MS
        )
        return decision.code, expected

    async def confirm(self) -> tuple[str, str]:
        claim = self.dice.choice(self.claims)
        right = self.dice.random() < 0.9
        key, body, intent = self._intent(claim.actor)
        caller = Caller(claim.actor, claim.account, "h5")
        wish = ConfirmWish(caller, claim.claim_id, claim.token if right else uuid4(), key, body)
        (decision,) = (await self.lasting.confirm_many([wish])).decisions
        token = claim.number if right else claim.number + 10**6
        return decision.code, self.model.confirm(self.now_ms, intent, claim.number, token, 0)

    async def release(self) -> tuple[str, str]:
        claim = self.dice.choice(self.claims)
        key, body, intent = self._intent(claim.actor)
        caller = Caller(claim.actor, claim.account, "h5")
        wish = EndWish(caller, "release", claim.claim_id, claim.token, None, key, body)
        (decision,) = (await self.lasting.end_many([wish])).decisions
        return decision.code, self.model.release(intent, claim.number, claim.number)

    async def cancel(self) -> tuple[str, str]:
        claim = self.dice.choice(self.claims)
        key, body, intent = self._intent(claim.actor)
        caller = Caller(claim.actor, claim.account, "h5")
        wish = EndWish(caller, "cancel", claim.claim_id, None, "对照", key, body)
        (decision,) = (await self.lasting.end_many([wish])).decisions
        return decision.code, self.model.cancel(self.now_ms, intent, claim.number)

    async def reschedule(self) -> tuple[str, str]:
        claim = self.dice.choice(self.claims)
        window, channel, stock = self._place(claim.vaccine)
        key, body, intent = self._intent(claim.actor)
        caller = Caller(claim.actor, claim.account, "h5")
        wish = RescheduleWish(caller, claim.claim_id, window, channel, stock, key, body)
        (decision,) = (await self.lasting.reschedule(wish)).decisions
        expected = self.model.reschedule(self.now_ms, intent, claim.number, window, channel, stock)
        return decision.code, expected

    async def expire(self) -> tuple[Any, Any]:
        ended, _ = await self.lasting.expire_due(at_most=1000)
        return ended, self.model.expire_due(self.now_ms, 0)

    async def set_capacity(self) -> tuple[Any, Any]:
        window, wanted = self.dice.choice(list(self.windows)), self.dice.randint(0, 5)
        row = await self.connection.fetchrow(statement("scheduling/set_capacity"), window, wanted)
        return (row["limit"], row["kept_back"]), self.model.set_capacity(window, wanted)

    async def set_quota(self) -> tuple[Any, Any]:
        window, wanted = self.dice.choice(list(self.windows)), self.dice.randint(0, 4)
        row = await self.connection.fetchrow(statement("scheduling/set_quota"), window, "h5", wanted, None)
        return (row["limit"], row["kept_back"]), self.model.set_quota(window, "h5", wanted)

    async def set_vials(self) -> tuple[Any, Any]:
        stock, wanted = self.dice.choice(list(self.stocks)), self.dice.randint(0, 3)
        row = await self.connection.fetchrow(statement("scheduling/set_vials"), stock, wanted, None, False)
        return (row["limit"], row["kept_back"]), self.model.set_vials(stock, wanted)

    async def close(self) -> tuple[Any, Any]:
        session_id = self.dice.choice(self.sessions)
        await self.connection.execute(statement("scheduling/close_session"), session_id)
        self.model.close(session_id)
        return None, None

    async def step(self) -> tuple[str, Any, Any]:
        """Do one thing on both sides; what it was and what each said."""
        self.now_ms += 10
        changes = [self.confirm] * 6 + [self.release] * 2 + [self.cancel] * 3 + [self.reschedule] * 5
        edits = [self.expire] * 2 + [self.set_capacity, self.set_quota, self.set_vials]
        choices = [self.hold] * 10 + (changes if self.claims else []) + edits
        act = self.close if self.dice.random() < 0.01 else self.dice.choice(choices)
        return (act.__name__, *await act())

    async def counters(self) -> dict[str, tuple[int, int, int]]:
        """The ledger's counters of this history, by field."""
        rows = await self.connection.fetch(
            """SELECT 'w:' || window_id AS field, capacity AS most, held, booked FROM windows WHERE window_id = ANY ($1)
               UNION ALL SELECT 'q:' || window_id || ':' || channel, quota, held, booked FROM window_quotas
                         WHERE window_id = ANY ($1)
               UNION ALL SELECT 'v:' || stock_id, vials * vial_size, held, booked FROM session_stocks
                         WHERE stock_id = ANY ($2)""",
            list(self.windows), list(self.stocks),
        )  # fmt: skip
        return {row["field"]: (row["most"], row["held"], row["booked"]) for row in rows}


@pytest.mark.slow
async def test_the_ledger_does_what_the_model_says(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    assert settings.database_url
    seed = random.SystemRandom().randrange(2**32)
    database = await Database.connect(settings.database_url, connections=2)
    lasting = Ledger(database, hold_ttl_ms=LONG_MS, grace_ms=0)
    fleeting = Ledger(database, hold_ttl_ms=SHORT_MS, grace_ms=0)
    await lasting.expire_due(at_most=10_000)  # what other tests left
    said: set[str] = set()
    for number in range(HISTORIES):
        people = await make_residents(connection, keys.vault(), 4)
        history = History(random.Random(seed + number), connection, lasting, fleeting, people)
        await history.make_city()
        for step in range(STEPS):
            what, ledger, model = await history.step()
            where = f"seed {seed + number}, step {step}: {what}"
            assert ledger == model, where
            told = {name: (limit, held, booked) for name, limit, held, booked in history.model.counters()}
            assert await history.counters() == told, where
            said.add(str(ledger))
        await lasting.expire_due(at_most=10_000)
    await database.close()
    assert said >= {"granted", "confirmed", "released", "cancelled", "rescheduled", "answered", "key_reused"}
    assert said >= {"duplicate_claim", "window_full", "channel_full", "out_of_stock", "vial_not_opened", "hold_expired"}
