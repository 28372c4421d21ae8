"""The keeper: gives places their numbers and lets people in, room by room, a tick at a time.

One tick is one transaction, under the room's lock: whoever joins waits for it, and two keepers follow one another, so
that a change of leader in the middle of anything repeats nothing and passes over nobody. All times are the database's.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from humiao import _core
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.sql import statement
from humiao.rooms.draw import draw, unseal
from humiao.rooms.publishing import publish_drawn

log = structlog.get_logger(__name__)
TURN_S = 30.0  # who polled in this half minute or the one before is present; pages poll every 25 s at least
GATES_AWAY_S = 60.0  # where no gate reports for so long, everybody counts as present
LOAD_OVER_S = 5.0  # the load is smoothed over about so long
LEDGER_LIMIT_MS = 250  # a batch that takes longer slows the room
QUIET_S = 30.0  # a room that switched itself on goes off when nobody has waited, and load was low, for so long


@dataclass
class Seen:
    """What gates have reported, taken together."""

    places: int = 0  # bits: bit n - 1 is place n
    asked: int = 0
    ledger_ms: int | None = None
    reports: int = 0


@dataclass
class Tick:
    """What a tick does to a room."""

    now: datetime
    places: int
    present: bytes = b""
    numbered: list[int] = field(default_factory=list)
    admitted: list[int] = field(default_factory=list)
    admitted_until: datetime | None = None
    gone: list[int] = field(default_factory=list)


def bits(places: list[int]) -> int:
    """Places as bits."""
    column = bytearray((max(places, default=0) + 7) // 8)
    for place in places:
        column[(place - 1) >> 3] |= 1 << ((place - 1) & 7)
    return int.from_bytes(column, "little")


def column(seen: int) -> bytes:
    """Bits as bytes, the lowest place first."""
    return seen.to_bytes((seen.bit_length() + 7) // 8, "little")


def load_after(load: float, asked: int, elapsed_s: float) -> float:
    """Holds a second, smoothed: what was counted before fades."""
    return float(load * math.exp(-elapsed_s / LOAD_OVER_S) + asked / LOAD_OVER_S)


def is_on_after(state: str, was_on: bool, *, waiting: int, load: float, on_above: int | None, quiet_s: float) -> bool:
    """Whether a room asks for admission: as the city says, or by itself above a load and while anybody waits."""
    if state != "auto":
        return state == "on"
    busy = waiting > 0 or load > (on_above or math.inf)
    return busy or (was_on and quiet_s < QUIET_S)


class RoomKeeper:
    """Steps through all rooms. Harmless beside another: the room's lock puts their ticks one after the other."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def step(self) -> int:
        """One tick of every room, and the files of their draws; always returns 0, the next is in half a second."""
        async with self._database.read() as connection:
            rooms = await connection.fetch(statement("rooms/live"))
        for room in rooms:
            await self.tick(room["room_id"])
        await publish_drawn(self._database)
        return 0

    async def tick(self, room_id: int) -> list[int]:
        """Number, count, let in; returns the places that were let in."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("rooms/lock"), room_id)
            room = await connection.fetchrow(statement("rooms/keep"), room_id)
            if room is None:
                return []
            tick = Tick(room["now"], room["places"])
            await self._number(connection, room_id, room, tick)
            seen = await _reports(connection, room_id)
            await self._let_in(connection, room_id, room, tick, seen)
        return tick.admitted

    async def _number(self, connection: Any, room_id: int, room: Any, tick: Tick) -> None:
        """Hold the draw when it is time, then number who came later."""
        if room["drawn_at"] is None:
            if tick.now < room["opens_at"]:
                return
            secret = unseal(self._vault, room_id, bytes(room["secret_sealed"]))
            rows = await connection.fetch(statement("rooms/early"), room_id)
            drawn = draw(room_id, secret, [row["ticket"] for row in rows])
            await connection.execute(statement("rooms/number_drawn"), room_id, drawn.tickets)
            await connection.execute(statement("rooms/draw"), room_id, secret, drawn.tickets_digest, drawn.seed)
            tick.numbered = list(range(1, len(rows) + 1))
            tick.places = len(rows)
            log.info("room drawn", room=room_id, entries=len(rows))
        later = await connection.fetch(statement("rooms/number"), room_id, tick.places)
        tick.numbered += [row["place"] for row in later]
        tick.places += len(later)

    async def _let_in(self, connection: Any, room_id: int, room: Any, tick: Tick, seen: Seen) -> None:
        elapsed_s = max(0.0, (tick.now - room["ticked_at"]).total_seconds())
        load = load_after(room["load"], seen.asked, elapsed_s)
        fresh = room["reported_at"] is not None and tick.now - room["reported_at"] < timedelta(seconds=GATES_AWAY_S)
        reported_at = tick.now if seen.reports else room["reported_at"]
        ledger_ms = room["ledger_ms"] if fresh else 0
        ledger_ms = ledger_ms if seen.ledger_ms is None else seen.ledger_ms
        seen_now, seen_before, turned_at = _turned(room, tick, seen)
        everybody = not seen.reports and not fresh
        by_hand = bits([row["place"] for row in await connection.fetch(statement("rooms/by_hand"), room_id)])
        present = (1 << tick.places) - 1 if everybody else seen_now | seen_before | by_hand
        tick.present = column(present)
        pace = _core.room_slowed(room["rate_milli"], ledger_ms, LEDGER_LIMIT_MS)
        people, credit = _core.room_earn(room["credit"], int(elapsed_s * 1000), 0 if room["paused"] else pace)
        is_on = room["enforced_from"] is not None
        opened = tick.now >= room["opens_at"] and room["state"] != "off"
        if opened and is_on and people > 0 and not room["paused"]:
            rows = await connection.fetch(statement("rooms/admit"), room_id, tick.present, people, room["admit_ttl_s"])
            tick.admitted = sorted(row["place"] for row in rows)
            tick.admitted_until = max((row["admitted_until"] for row in rows), default=None)
        credit = _core.room_spend(credit, len(tick.admitted))
        rows = await connection.fetch(statement("rooms/tell_gone"), room_id)
        tick.gone = sorted(row["place"] for row in rows if row["place"] is not None)
        count = await connection.fetchrow(statement("rooms/count"), room_id, tick.present)
        early = tick.now < room["opens_at"]
        busy = count["there"] > 0 or load > (room["on_above"] or math.inf) or early
        busy_at = tick.now if busy else room["busy_at"]
        turns_on = is_on_after(
            room["state"], is_on, waiting=count["there"], load=load, on_above=room["on_above"],
            quiet_s=(tick.now - busy_at).total_seconds(),
        )  # fmt: skip
        if turns_on != is_on:
            detail = {"on": turns_on, "load": round(load, 1), "waiting": count["waiting"]}
            await write_audit(connection, "worker", "worker", "room.switched", f"room:{room_id}", detail=detail)
            log.info("room switched", room=room_id, **detail)
        number = room["tick"]
        if tick.admitted or tick.gone:
            number += 1
            await connection.execute(
                statement("rooms/tick"), room_id, number, tick.admitted, tick.admitted_until, tick.gone, tick.present
            )
        await connection.execute(
            statement("rooms/kept"), room_id, number, credit, pace, tick.places, count["waiting"], tick.present,
            column(seen_now), column(seen_before), turned_at, reported_at, load, ledger_ms, busy_at, turns_on,
            max(tick.now, room["ticked_at"]),
        )  # fmt: skip


async def _reports(connection: Any, room_id: int) -> Seen:
    seen = Seen()
    for row in await connection.fetch(statement("rooms/take_reports"), room_id):
        seen.places |= int.from_bytes(row["seen"], "little")
        seen.asked += row["asked"]
        seen.reports += 1
        if row["ledger_ms"] is not None:
            seen.ledger_ms = max(row["ledger_ms"], seen.ledger_ms or 0)
    return seen


def _turned(room: Any, tick: Tick, seen: Seen) -> tuple[int, int, datetime]:
    """Who polled in this half minute and in the one before; who has just been given a number counts among them."""
    new = seen.places | bits(tick.numbered)
    before, now = int.from_bytes(room["seen_before"], "little"), int.from_bytes(room["seen_now"], "little")
    if tick.now - room["turned_at"] < timedelta(seconds=TURN_S):
        return now | new, before, room["turned_at"]
    return new, now, tick.now
