"""The ledger's SQL against booking-core's model: generated histories must have the same outcomes and counters."""

import random

import asyncpg
import pytest

from humiao.booking.ledger import Ledger
from humiao.errors import PROBLEMS
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.factories import make_residents
from tests.unit.booking.histories import LONG_MS, SHORT_MS, History

HISTORIES, STEPS = 60, 40
# What must have been said by the end, or the histories have missed something.
DONE = {"granted", "confirmed", "released", "cancelled", "rescheduled", "answered"}
REFUSED = {
    *(
        "key_reused",
        "unknown_person",
        "unknown_window",
        "session_closed",
        "wrong_channel",
        "no_such_stock",
        "booking_ended",
    ),
    *("not_yet_bookable", "duplicate_claim", "window_full", "channel_full", "out_of_stock", "vial_not_opened"),
    *("unknown_hold", "wrong_hold_token", "hold_expired", "hold_ended"),
    *("unknown_reservation", "not_cancellable", "not_reschedulable", "same_window", "window_begun"),
}


@pytest.mark.slow
async def test_the_ledger_does_what_the_model_says(
    settings: Settings, connection: asyncpg.Connection, keys: Keys
) -> None:
    assert settings.database_url
    seed = random.SystemRandom().randrange(2**32)
    database = await Database.connect(settings.database_url, connections=2)
    lasting = Ledger(database, hold_ttl_ms=LONG_MS, grace_ms=0)
    fleeting = Ledger(database, hold_ttl_ms=SHORT_MS, grace_ms=0)
    # What other tests left is ended: its deadlines would come while this runs.
    await connection.execute(
        """UPDATE claims SET state = 'released', ended_at = now(), changed_by = 'sql', changed_from = 'test'
           WHERE state = 'held'"""
    )
    heard: set[str] = set()
    for number in range(HISTORIES):
        people = await make_residents(connection, keys.vault(), 4)
        history = History(random.Random(seed + number), connection, lasting, fleeting, people)
        await history.make_city()
        for step in range(STEPS):
            what, said = await history.step()
            where = f"seed {seed + number}, step {step}: {what}"
            assert [ledger for ledger, _ in said] == [model for _, model in said], where
            told = {name: (limit, held, booked) for name, limit, held, booked in history.model.counters()}
            assert await history.counters() == told, where
            heard.update(ledger for ledger, _ in said if isinstance(ledger, str))
        await lasting.expire_due(at_most=10_000)
    await database.close()
    assert heard == DONE | REFUSED


def test_every_refusal_has_its_words() -> None:
    assert set(PROBLEMS) >= REFUSED
