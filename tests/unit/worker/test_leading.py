"""One worker leads at a time; when its connection dies, another takes over."""

import asyncio
from itertools import count

import asyncpg
import pytest

from humiao.worker import run
from tests.unit.worker.conftest import Workshop


class Bench:
    """Where those wait who do not lead: `tried` is set whenever one of them has been refused again."""

    def __init__(self) -> None:
        self.tried = asyncio.Event()
        self.go_on = asyncio.Event()

    async def wait(self) -> None:
        self.tried.set()
        await self.go_on.wait()
        self.go_on.clear()

    async def refused_again(self) -> None:
        """Let the waiting one try once more, and see it refused."""
        self.tried.clear()
        self.go_on.set()
        await self.tried.wait()


async def kill(workshop: Workshop, leader: asyncpg.Connection) -> None:
    pid = leader.get_server_pid()
    assert await workshop.connection.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)


async def test_the_second_waits_and_takes_over_when_the_first_dies(workshop: Workshop) -> None:
    bench = Bench()
    first = await run.lead(workshop.url, bench.wait)
    assert not bench.tried.is_set()
    waiting = asyncio.create_task(run.lead(workshop.url, bench.wait))
    await bench.tried.wait()
    for _ in range(3):
        await bench.refused_again()
    assert not waiting.done()
    await kill(workshop, first)
    bench.go_on.set()
    second = await waiting
    third = asyncio.create_task(run.lead(workshop.url, bench.wait))
    await bench.refused_again()
    assert not third.done()
    await second.close()  # as when it stops in order
    bench.go_on.set()
    await (await third).close()


async def test_of_many_exactly_one_leads(workshop: Workshop) -> None:
    refused = asyncio.Semaphore(0)
    never = asyncio.Event()

    async def wait() -> None:
        refused.release()
        await never.wait()

    candidates = [asyncio.create_task(run.lead(workshop.url, wait)) for _ in range(6)]
    for _ in range(5):
        await refused.acquire()
    leading, waiting = await asyncio.wait(candidates, return_when=asyncio.FIRST_COMPLETED)
    assert (len(leading), len(waiting)) == (1, 5)
    for task in waiting:
        task.cancel()
    await leading.pop().result().close()


async def test_a_leader_learns_that_it_no_longer_leads(workshop: Workshop) -> None:
    leader = await run.lead(workshop.url)
    watching = asyncio.create_task(run._watch(leader))
    await kill(workshop, leader)
    await asyncio.wait_for(watching, timeout=5)


async def test_a_database_that_is_away_is_waited_for(workshop: Workshop) -> None:
    bench = Bench()
    waiting = asyncio.create_task(run.lead("postgresql://nobody@127.0.0.1:1/none", bench.wait))
    await bench.tried.wait()
    await bench.refused_again()
    assert not waiting.done()
    waiting.cancel()


async def test_a_loop_outlives_its_failures_and_a_full_piece_is_followed_at_once() -> None:
    calls = count(1)
    done = asyncio.Event()

    async def work() -> int:
        match next(calls):
            case 1:
                raise RuntimeError("the first time it fails")
            case 2:
                return 500
            case 3:
                done.set()
        return 0

    loop = asyncio.create_task(run._every(0.0, "test", work))
    await asyncio.wait_for(done.wait(), timeout=5)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
