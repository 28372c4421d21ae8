"""Make offers: whoever waits first gets a durable hold with a deadline, in rounds, one release of doses at a time (P4).

A round is one transaction that has its campaign alone: it reads the head of the line, skips with a reason whom no dose
may be offered, takes places and doses, and writes holds, offers, messages and audit together. A worker that dies in the
middle has done nothing. What ends a hold ends its offer, and the next round finds the dose free again.
"""

import os
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import claim_ids, read_counters
from humiao.booking.models import Counter
from humiao.kit.database import TRANSIENT, Database
from humiao.kit.sql import statement
from humiao.waitlist.ranks import Ranks
from humiao.waitlist.terms import Person, group_of

log = structlog.get_logger(__name__)
OFFERS_AT_ONCE = 200
CLOSED_AT_ONCE = 1000
LOOK_AT_ONCE = 512
LOOKED_AT_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Window:
    """A window with places that the campaign may give."""

    window_id: int
    free: int


@dataclass(slots=True)
class Head:
    """The head of the line as a round found it: who gets an offer, and who is passed over for which reason."""

    chosen: list[Any] = field(default_factory=list)
    skipped: list[tuple[Any, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did."""

    offers: int = 0
    skips: int = 0
    counters: tuple[Counter, ...] = ()
    entries: tuple[int, ...] = ()


def batch_size(*, doses_left: int, stock_open: int, places: int, at_most: int = OFFERS_AT_ONCE) -> int:
    """How many offers a round may make: never more than is held, whatever the acceptance; each dose backs one offer.

    A declined dose is offered again in the next round, so nothing is gained by promising what is not there.
    """
    return max(0, min(doses_left, stock_open, places, at_most))


def spread(windows: list[Window], people: int) -> list[int]:
    """A window for each of `people`, earliest first, never more than a window has. Shorter where places run out."""
    places = [window.window_id for window in windows for _ in range(min(window.free, people))]
    return places[:people]


class OfferMaker:
    """Makes offers for all releases. Any number may run beside each other; rounds of one campaign take turns."""

    def __init__(self, database: Database, gatekeeper: Gatekeeper, ranks: Ranks) -> None:
        self._ranks = ranks
        self._database = database
        self._gatekeeper = gatekeeper

    async def step(self) -> int:
        """One round for every release that has something; returns how many offers were made."""
        async with self._database.single() as connection:
            await connection.execute(statement("waitlist/close_unserved"), CLOSED_AT_ONCE)
            releases = await connection.fetch(statement("waitlist/releases_to_serve"))
        made = 0
        for release in releases:
            try:
                made += (await self.serve(release["release_id"], release["campaign_id"])).offers
            except TRANSIENT as error:  # somebody held what the round wanted; the next step tries again
                log.info("round put off", release_id=release["release_id"], error=type(error).__name__)
        return made

    async def serve(self, release_id: int, campaign_id: int) -> Round:
        """One round of one release, then the cache."""
        async with self._database.transaction() as connection:
            done = await make_round(connection, release_id, campaign_id)
        if done.counters:
            await self._gatekeeper.settle(done.counters)
            await self._ranks.tell_left(campaign_id, list(done.entries))
        if done.offers or done.skips:
            log.info("offers made", release_id=release_id, offers=done.offers, skips=done.skips)
        return done


async def make_round(connection: Any, release_id: int, campaign_id: int) -> Round:
    """One round inside the caller's transaction, which has the campaign alone until it ends."""
    await connection.execute(statement("waitlist/take_campaign"), campaign_id)
    release = await connection.fetchrow(statement("waitlist/release_to_serve"), release_id)
    if release is None or release["left"] <= 0:
        return Round()
    head = await _head(connection, release, min(release["left"], OFFERS_AT_ONCE))
    if not head.chosen:
        return Round()
    rows = await connection.fetch(statement("waitlist/lock_session_places"), release["session_id"], release["stock_id"])
    windows = [Window(row["window_id"], row["free"]) for row in rows]
    size = batch_size(
        doses_left=release["left"], stock_open=rows[0]["doses"] if rows else 0, places=sum(w.free for w in windows)
    )
    chosen = head.chosen[:size]
    if not chosen:
        return Round()
    # Whoever comes after the last that gets an offer was not passed over by anybody.
    last = chosen[-1]["place"]
    skipped = [(row["entry_id"], reason) for row, reason in head.skipped if row["place"] < last]
    await _write(connection, release, chosen, spread(windows, len(chosen)), skipped)
    places = {(window.window_id, "campaign", release["stock_id"]) for window in windows}
    counters = tuple(await read_counters(connection, places))
    return Round(len(chosen), len(skipped), counters, tuple(row["entry_id"] for row in chosen))


async def _head(connection: Any, release: Any, wanted: int) -> Head:
    """The first `wanted` that may get a dose, and everybody before them who may not."""
    head, after, looked_at = Head(), -1, 0
    while len(head.chosen) < wanted and looked_at < LOOKED_AT_MAX:
        rows = await _look(connection, release, after)
        if not rows:
            break
        after, looked_at = rows[-1]["place"], looked_at + len(rows)
        judged = [(row, _reason(release, row)) for row in rows]
        head.skipped += [(row, reason) for row, reason in judged if reason is not None]
        free = [row for row, reason in judged if reason is None]
        while free and len(head.chosen) < wanted:
            missing = wanted - len(head.chosen)
            await _choose(connection, release, head, free[:missing])
            free = free[missing:]
    return head


async def _look(connection: Any, release: Any, after: int) -> list[Any]:
    """The next of the line; of leftovers those who are willing to come for them, the nearest first."""
    asked = (
        release["campaign_id"], release["clinic_id"], after, release["vaccine_code"], release["series"], LOOK_AT_ONCE,
    )  # fmt: skip
    if release["leftover"]:
        rows: list[Any] = await connection.fetch(statement("waitlist/next_standby"), *asked, release["release_id"])
    else:
        rows = await connection.fetch(statement("waitlist/next_waiting"), *asked)
    return rows


def _reason(release: Any, row: Any) -> str | None:
    """Why somebody is skipped, as far as the line itself says."""
    person = Person(
        row["birth_date"], row["sex"], row["doses"], row["waited_before"],
        row["residence_district"], row["work_district"],
    )  # fmt: skip
    misfit = group_of(release["eligible"]).misfit(person, release["session_date"])
    return row["reason"] or (None if misfit is None else "not_eligible_that_day")


async def _choose(connection: Any, release: Any, head: Head, rows: list[Any]) -> None:
    """Lock people, so that nothing of theirs changes any more, and choose those who still have no live claim."""
    people = [row["person_id"] for row in rows]
    await connection.execute(statement("waitlist/lock_people"), people)
    found = await connection.fetch(statement("waitlist/have_live_claims"), people, release["series"])
    taken = {row["person_id"] for row in found}
    head.skipped += [(row, "duplicate_claim") for row in rows if row["person_id"] in taken]
    head.chosen += [row for row in rows if row["person_id"] not in taken]


async def _write(
    connection: Any, release: Any, chosen: list[Any], windows: list[int], skipped: list[tuple[int, str]]
) -> None:
    """Round, skips, holds and offers; the schema checks them against each other."""
    round_id = await connection.fetchval(statement("waitlist/begin_round"), release["release_id"])
    if skipped:
        await connection.execute(
            statement("waitlist/skip_entries"), round_id, [entry for entry, _ in skipped], [why for _, why in skipped]
        )
    entries = [row["entry_id"] for row in chosen]
    await connection.fetch(statement("waitlist/mark_offered"), entries)
    offers = claim_ids(len(chosen))
    await connection.execute(
        statement("waitlist/hold_for_offers"),
        offers,
        [UUID(bytes=os.urandom(16), version=4) for _ in chosen],
        [row["person_id"] for row in chosen],
        [row["account_id"] for row in chosen],
        windows,
        release["stock_id"],
        release["offer_minutes"],
    )
    await connection.execute(statement("waitlist/add_offers"), round_id, release["release_id"], offers, entries)
