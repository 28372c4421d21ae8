"""What happens in the middle of a rush: a clerk's edits, or a kill -9."""

import asyncio
import os
import signal
from typing import Any, Literal
from uuid import uuid4

import asyncpg

from humiao.auth.tokens import Staff
from humiao.booking.cache import Gatekeeper
from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.embedded.city import running_city
from humiao.errors import unwrap
from humiao.kit.database import DISCONNECTED, Database
from humiao.kit.sql import statement
from humiao.rush.residents import Goal
from humiao.scheduling.schemas import CapacityInput, QuotaChange, VialsInput
from humiao.scheduling.service import SchedulingService
from humiao.settings import Settings

Fault = Literal["quota", "valkey", "api", "gate", "postgres"]
FAULTS: list[Fault] = ["quota", "valkey", "api", "gate", "postgres"]
# The process that a fault kills.
STRUCK: dict[Fault, str] = {"valkey": "valkey", "api": "serve", "gate": "gate", "postgres": "postgres"}
QUOTA_UP, QUOTA_DOWN = 50, 20
GONE_PATIENCE_S = 60.0  # as long as a resident's


class Striker:
    """Lets faults happen to the city that runs in a home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def strike(self, fault: Fault, goal: Goal, places: int) -> int:
        """Let it happen; returns how many places there are from now on."""
        if fault == "quota":
            return await self._edit_quota(goal, places)
        # What was killed a moment ago may still be on its way back.
        while not self._kill(STRUCK[fault]):  # noqa: ASYNC110 - the launcher tells nobody
            await asyncio.sleep(0.1)
        return places

    def _kill(self, part: str) -> bool:
        city = running_city(self._settings.home)
        if city is None:
            raise CityGone
        try:
            os.kill(city["pids"][part], signal.SIGKILL)
        except (ProcessLookupError, TypeError):
            return False
        return True

    async def _edit_quota(self, goal: Goal, places: int) -> int:
        connection = await connect_again(str(self._settings.database_url))
        try:
            clerk = await _hire(connection, goal)
            try:
                return await _edit_quota(self._settings, clerk, goal, places)
            finally:
                await connection.execute(statement("rush/dismiss_clerk"), clerk.staff_id)
        finally:
            await connection.close()


class CityGone(Exception):
    """No city runs in the home any more."""


async def connect_again(database_url: str) -> asyncpg.Connection:
    """Connect to a database that may have been killed and is coming back."""
    while True:
        try:
            return await asyncpg.connect(database_url)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.2)


async def when_taken(database_url: str, goal: Goal, wanted: int) -> None:
    """Wait until so many places are taken; gives up when residents would, the audit then tells."""
    connection: asyncpg.Connection | None = None
    try:
        async with asyncio.timeout(GONE_PATIENCE_S):
            while True:
                connection = connection or await connect_again(database_url)
                try:
                    if await connection.fetchval(statement("rush/taken"), goal.window_id) >= wanted:
                        return
                except (*DISCONNECTED, asyncpg.PostgresError):
                    connection.terminate()
                    connection = None
                await asyncio.sleep(0.002)
    except TimeoutError:
        return
    finally:
        if connection:
            connection.terminate()


async def _hire(connection: Any, goal: Goal) -> Staff:
    login = uuid4()
    row = await connection.fetchrow(statement("rush/make_clerk"), goal.session_id, login, login.hex[:12])
    return Staff(row["staff_id"], login, "clinic_staff", row["clinic_id"], None)


async def _edit_quota(settings: Settings, clerk: Staff, goal: Goal, places: int) -> int:
    """A clerk adds 50 places to the window and to its quota, takes 20 back, then books in the doses for the rest.

    The doses come last: until then nobody can take what is going to be taken back, so that the end is one number. (That
    a clerk who comes too late is told what stays is shown by the tests of scheduling.) Returns the limit that the back
    office told in the end. The service runs in this process, as in a second API process that residents do not crowd.
    """
    database = await Database.connect(str(settings.database_url), connections=2)
    gatekeeper = Gatekeeper(str(settings.redis_url), database, permit_ttl_ms=settings.permit_ttl_ms)
    ledger = Ledger(database, hold_ttl_ms=settings.hold_ttl_s * 1000, grace_ms=settings.hold_grace_s * 1000)
    scheduling = SchedulingService(database, BookingEngine(ledger, gatekeeper))

    async def set_places(wanted: int) -> int:
        window = CapacityInput(capacity=wanted, reason="演练")
        quota = QuotaChange(quota=wanted, reason="演练")
        limits = [
            unwrap(await scheduling.set_capacity(clerk, goal.window_id, window, _key())),
            unwrap(await scheduling.set_quota(clerk, goal.window_id, "h5", quota, _key())),
        ]
        return min(int(answer["limit"]) for answer in limits)

    try:
        await set_places(places + QUOTA_UP)
        left = await set_places(places + QUOTA_UP - QUOTA_DOWN)
        doses = VialsInput(vials=left, reason="演练")
        return int(unwrap(await scheduling.set_vials(clerk, goal.stock_id, doses, _key()))["limit"])
    finally:
        await gatekeeper.close()
        await database.close()


def _key() -> str:
    return uuid4().hex
