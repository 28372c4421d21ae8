"""What a gate's desk tells of those who were ever granted a hold."""

from typing import Any
from uuid import UUID

import asyncpg

from humiao.booking.ledger import Ledger
from humiao.gate.desk import Desk
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.factories import hold_wish, make_residents, make_session

Told = tuple[int, tuple[int, int, int], set[UUID]]  # ticket; versions of window, quota, stock; accounts


class Hearer:
    """The part of a gate that hears of holders."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def answer_holders(self, found: list[tuple[int, tuple[int, int, int], list[bytes]]]) -> None:
        self.told += [(ticket, versions, {UUID(bytes=a) for a in accounts}) for ticket, versions, accounts in found]


async def holders(database: Database, asked: list[tuple[int, int, int]], channel: str = "h5") -> list[Told]:
    hearer: Any = Hearer()
    desk = Desk(None, None, database, channel)  # type: ignore[arg-type]  # the ledger and the cache are no part of it
    desk.connect(hearer)
    desk.holders(asked)
    await desk.drain()
    return hearer.told


async def test_holders_come_with_the_versions_of_window_quota_and_stock(
    connection: asyncpg.Connection, database: Database, keys: Keys
) -> None:
    world = await make_session(connection, windows=2, channels=("h5", "desk"))
    first, second, third, fourth = await make_residents(connection, keys.vault(), 4)
    ledger = Ledger(database, hold_ttl_ms=600_000, grace_ms=0)
    # One at a time, so that each raises the counters that it moves by one.
    for resident, window, channel in [(first, 0, "h5"), (second, 0, "h5"), (third, 0, "desk"), (fourth, 1, "h5")]:
        batch = await ledger.hold_many([hold_wish(resident, world, window=window, channel=channel)])
        assert [decision.code for decision in batch.decisions] == ["granted"]
    one, other = world.window_ids
    nowhere = 2**62
    asked = [(5, one, world.stock_id), (6, nowhere, world.stock_id), (7, other, world.stock_id), (8, one, nowhere)]
    # The stock's has moved with all four; the accounts are those of every channel.
    assert await holders(database, asked) == [
        (5, (4, 3, 5), {first, second, third}),
        (6, (0, 0, 0), set()),
        (7, (2, 2, 5), {fourth}),
        (8, (4, 3, 0), set()),
    ]
    assert await holders(database, asked[:1], "desk") == [(5, (4, 2, 5), {first, second, third})]
    assert await holders(database, asked[:1], "phone") == [(5, (4, 0, 5), {first, second, third})]
