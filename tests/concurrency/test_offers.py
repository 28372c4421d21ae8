"""Offers under many hands: rounds, answers from two devices, deadlines and killed workers at once; and the controls.

HUMIAO_OFFER_CLIENTS sets how many people take part (`make offers` takes 500).
"""

import asyncio
import contextlib
import random
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio

from humiao.auth.tokens import Resident
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import DISCONNECTED, TRANSIENT, Database, DatabaseBusy
from humiao.vaccines.load import load_catalogue
from humiao.waitlist.answers import OffersService
from humiao.waitlist.audit import audit
from humiao.waitlist.offers import OfferMaker, Round, make_round
from tests.concurrency.conftest import LyingGatekeeper
from tests.concurrency.test_control import scratch_database
from tests.conftest import Servers
from tests.factories import make_residents
from tests.waitlists import bring_doses, enter, leave_over, make_campaign, make_line, offers, one_round, states

CLINICS = 3
PEOPLE_A_KILL = 12  # of so many people one worker is killed
UNLOCKED = """CREATE OR REPLACE FUNCTION {}_campaign(campaign bigint) RETURNS void LANGUAGE sql AS 'SELECT'"""


class NoCache(LyingGatekeeper):
    """What is told to the cache is lost."""

    async def settle(self, *_: Any) -> None:
        """Learns nothing."""

    async def tell_left(self, *_: Any) -> None:
        """Learns nothing."""


@pytest_asyncio.fixture(loop_scope="session")
async def scratch(servers: Servers) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    async with scratch_database(servers) as url:
        connection = await asyncpg.connect(url)
        await load_catalogue(connection)
        yield url, connection
        await connection.close()


class Anybody:
    """Rules by which everybody may have everything."""

    async def check_day(self, *_: Any) -> None:
        """Never refuses."""


class Worker:
    """A worker that makes rounds until it is killed: its connections are cut in the middle of whatever it does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._task = asyncio.create_task(self._run())
        self._database: Database | None = None

    async def _run(self) -> None:
        self._database = await Database.connect(self._url, connections=2)
        maker = OfferMaker(self._database, NoCache(), NoCache())  # type: ignore[arg-type]
        me = asyncio.current_task()
        assert me
        while not me.cancelling():  # giving back a connection that broke may take the place of the cancellation
            with contextlib.suppress(*DISCONNECTED, DatabaseBusy, asyncpg.PostgresError):
                await maker.step()
            await asyncio.sleep(0)

    async def kill(self) -> None:
        """Cut it off; what it had not committed never was."""
        if self._database:
            self._database._pool.terminate()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, *DISCONNECTED):
            await self._task


class Person:
    """Somebody with two devices, who answers an offer one way, the other, both at once, or not at all."""

    def __init__(self, service: OffersService, person: UUID, chance: random.Random) -> None:
        self._service = service
        self._me = Resident(person, uuid4())
        self._chance = chance
        self.person = person

    async def answer(self, connection: Any, offer_id: UUID) -> list[str]:
        """What was said to each try: accepted, declined, expired, or the code of a refusal."""
        way = self._chance.choice(["accept", "accept", "decline", "both", "twice", "late"])
        if way == "late":
            return ["expired" if await _expire(connection, offer_id) else "offer_ended"]
        tries: list[Awaitable[Any]] = []
        if way != "decline":
            shown = await self._service.show(self._me, offer_id)
            windows = [] if isinstance(shown, Refusal) else [window["window_id"] for window in shown["windows"]]
            if not windows:
                return []
            key = uuid4().hex
            tries.append(self._service.accept(self._me, offer_id, self._chance.choice(windows), key))
            if way == "twice":
                tries.append(self._service.accept(self._me, offer_id, windows[0], uuid4().hex))
        if way in ("decline", "both"):
            tries.append(self._service.decline(self._me, offer_id, uuid4().hex))
        said = await asyncio.gather(*map(_busy_is_an_answer, tries))
        return [one.code if isinstance(one, Refusal) else one["state"] for one in said]


async def _busy_is_an_answer(answering: Awaitable[Any]) -> Any:
    """On a slow machine a lock may be waited for too long; nothing was changed then, as the edge tells."""
    try:
        return await answering
    except TRANSIENT:
        return Refusal("busy")


async def _expire(connection: Any, offer_id: UUID) -> bool:
    """The deadline passes: what the worker's statement does to one hold."""
    ended = await connection.fetchval(
        """UPDATE claims SET state = 'expired', ended_at = now(), changed_by = 'worker', changed_from = 'worker'
           WHERE claim_id = (SELECT claim_id FROM claims WHERE claim_id = $1 AND state = 'held'
                             FOR NO KEY UPDATE SKIP LOCKED) RETURNING claim_id""",
        offer_id,
    )
    return ended is not None


async def _left_over(connection: Any, campaign_id: int, doses: int) -> list[int]:
    """Doses left at two clinics, for which half of those who wait would come, from near and far."""
    for district in ("310104", "310115", "310151"):
        await connection.execute(
            """UPDATE waitlist_entries SET standby_district = $2
               WHERE campaign_id = $1 AND standby_district IS NULL AND random() < 0.2""",
            campaign_id, district,
        )  # fmt: skip
    return [await leave_over(connection, campaign_id, doses) for _ in range(2)]


async def _open_offers(connection: Any, campaign_id: int) -> list[Any]:
    return [(offer["offer_id"], offer["person_id"]) for offer in await offers(connection, campaign_id)]


async def test_every_dose_ends_used_or_free_and_nobody_is_passed_over(
    scratch: tuple[str, asyncpg.Connection], vault: Vault, offer_clients: int
) -> None:
    url, connection = scratch
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    doses, line = offer_clients // 5, await make_line(connection, vault, offer_clients)
    late = await make_residents(connection, vault, offer_clients // 4)
    releases = [
        (await bring_doses(connection, line.campaign_id, doses, windows=4, capacity=doses // 2 + 1))[0]
        for _ in range(CLINICS)
    ]
    releases += await _left_over(connection, line.campaign_id, max(2, doses // 2))
    database = await Database.connect(url, connections=6)
    database._acquire_timeout_s = 60  # hundreds share six connections: here nobody is turned away
    service = OffersService(database, vault, NoCache(), Anybody(), grace_ms=5000)  # type: ignore[arg-type]
    people = {person: Person(service, person, chance) for person in [*line.people, *late]}
    workers = [Worker(url) for _ in range(2)]
    said: Tally[str] = Tally()

    async def come_later() -> None:
        for person in late:  # an earlier tier, while offers are made
            entered = False
            while not entered:
                with contextlib.suppress(*TRANSIENT):
                    async with database.transaction() as one:
                        await enter(one, line.campaign_id, person, tier=chance.choice([0, 1]))
                    entered = True

    async def one_answer(person: UUID, offer_id: UUID) -> None:
        said.update(await people[person].answer(_Lent(database), offer_id))

    coming, kills = asyncio.create_task(come_later()), 0
    async with asyncio.timeout(300):  # far beyond what it takes; without it a worker that fails is waited for for ever
        while True:
            waiting = await _open_offers(connection, line.campaign_id)
            if not waiting and coming.done() and await _settled(connection, line.campaign_id):
                break
            chance.shuffle(waiting)
            del waiting[chance.randrange(len(waiting) + 1) :]
            await asyncio.gather(*(one_answer(person, offer) for offer, person in waiting))
            if kills < offer_clients // PEOPLE_A_KILL:
                kills += 1
                victim = chance.randrange(len(workers))
                await workers[victim].kill()
                workers[victim] = Worker(url)
    await coming
    for worker in workers:
        await worker.kill()
    await database.close()
    where = f"seed {seed}: {said}"
    report = await audit(connection)
    assert report.sound, (where, report.findings)
    rows = await connection.fetch(
        """SELECT r.doses, count(*) FILTER (WHERE o.takes_dose) AS taken,
                  count(*) FILTER (WHERE o.state = 'open') AS open,
                  count(DISTINCT o.entry_id) = count(*) AS single, s.held, s.booked, s.free
           FROM campaign_releases r LEFT JOIN offers o USING (release_id) JOIN session_stocks s USING (stock_id)
           GROUP BY r.release_id, s.stock_id"""
    )
    assert len(rows) == len(releases)
    for row in rows:
        assert row["single"] and row["open"] == 0 == row["held"], where
        assert row["taken"] == row["booked"] and row["taken"] + row["free"] == row["doses"], where
    accepted, leftovers = await connection.fetchrow(
        "SELECT count(*), (SELECT count(*) FROM offers WHERE standby) FROM waitlist_entries WHERE state = 'accepted'"
    )
    assert accepted == sum(row["booked"] for row in rows) == said["accepted"] and leftovers, where
    assert said["declined"] and said["expired"] and said["accepted"], where


class _Lent:
    """A pool as a connection, for one statement at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetchval(self, *arguments: Any) -> Any:
        async with self._database.single() as connection:
            return await connection.fetchval(*arguments)


async def _settled(connection: Any, campaign_id: int) -> bool:
    """Nothing is open, and either nobody waits or no dose is left, of leftovers for those who were not asked yet."""
    row = await connection.fetchrow(
        """SELECT NOT EXISTS (SELECT FROM waitlist_entries WHERE campaign_id = $1 AND state IN ('waiting', 'offered'))
               OR NOT EXISTS (SELECT FROM waitlist_entries WHERE campaign_id = $1 AND state = 'offered')
              AND NOT EXISTS (SELECT FROM campaign_releases r WHERE r.campaign_id = $1 AND r.doses >
                    (SELECT count(*) FROM offers o WHERE o.release_id = r.release_id AND o.takes_dose)
                    AND (r.leftover_of IS NULL OR EXISTS (
                        SELECT FROM waitlist_entries e WHERE e.campaign_id = $1 AND e.state = 'waiting'
                            AND e.standby_district IS NOT NULL AND NOT EXISTS (
                                SELECT FROM offers o WHERE o.entry_id = e.entry_id AND o.release_id = r.release_id)
                    ))) AS settled""",
        campaign_id,
    )
    return bool(row["settled"])


async def _stops(task: asyncio.Task[Round], connection: Any) -> None:
    """Return when a round has ended or waits for a lock."""
    async with asyncio.timeout(30):
        while not task.done() and not await connection.fetchval(
            """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND backend_type = 'client backend' AND wait_event_type = 'Lock'"""
        ):
            pass


async def _unguarded(connection: Any) -> None:
    """The control: rounds and entries no longer wait for each other, and the schema no longer looks."""
    for name in ("take", "share"):
        await connection.execute(UNLOCKED.format(name))
    await connection.execute("ALTER TABLE offers DISABLE TRIGGER offers_made")


async def _overtaking(
    url: str, connection: asyncpg.Connection, vault: Vault, before: Callable[[Any], Awaitable[None]]
) -> list[str]:
    """Somebody of an earlier tier is about to join when a round begins; the states of both, the earlier first."""
    campaign = await make_campaign(connection)
    early, later = await make_residents(connection, vault, 2)
    await enter(connection, campaign, later, tier=1)
    release, _ = await bring_doses(connection, campaign, 1)
    await before(connection)
    database = await Database.connect(url, connections=2)
    joining = await asyncpg.connect(url)
    transaction = joining.transaction()
    await transaction.start()
    await enter(joining, campaign, early, tier=0)
    round_ = asyncio.create_task(one_round(database, release, campaign))
    await _stops(round_, connection)
    await transaction.commit()
    await round_
    await joining.close()
    await database.close()
    return await states(connection, campaign)


async def _keep(_: Any) -> None:
    """The schema as it is."""


async def test_a_round_waits_for_who_is_joining(scratch: tuple[str, asyncpg.Connection], vault: Vault) -> None:
    url, connection = scratch
    assert await _overtaking(url, connection, vault, _keep) == ["offered", "waiting"]
    assert (await audit(connection)).sound


async def test_control_without_the_lock_it_overtakes_and_the_audit_says_so(
    scratch: tuple[str, asyncpg.Connection], vault: Vault
) -> None:
    url, connection = scratch
    assert await _overtaking(url, connection, vault, _unguarded) == ["waiting", "offered"]
    report = await audit(connection)
    assert any("在它之前" in finding for finding in report.findings)


async def _two_rounds(
    url: str, connection: asyncpg.Connection, vault: Vault, before: Callable[[Any], Awaitable[None]]
) -> int:
    """Two rounds of a release of 3 doses at once, at a stock of 10; how many offers came of it."""
    line = await make_line(connection, vault, 8)
    release, _ = await bring_doses(connection, line.campaign_id, 10)
    await connection.execute("UPDATE campaign_releases SET doses = 3 WHERE release_id = $1", release)
    await before(connection)
    database = await Database.connect(url, connections=3)
    async with database.transaction() as first:
        await make_round(first, release, line.campaign_id)
        second = asyncio.create_task(one_round(database, release, line.campaign_id))
        await _stops(second, connection)
    await second
    await database.close()
    return len(await offers(connection, line.campaign_id))


async def test_two_rounds_at_once_give_no_more_than_there_is(
    scratch: tuple[str, asyncpg.Connection], vault: Vault
) -> None:
    url, connection = scratch
    assert await _two_rounds(url, connection, vault, _keep) == 3


async def test_control_without_the_lock_two_rounds_give_too_much(
    scratch: tuple[str, asyncpg.Connection], vault: Vault
) -> None:
    url, connection = scratch
    assert await _two_rounds(url, connection, vault, _unguarded) == 6
    assert any("发出 6 剂" in finding for finding in (await audit(connection)).findings)
