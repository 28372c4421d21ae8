"""The worker's loops end when they are asked to, whatever state the database is in, and not before."""

import asyncio

from humiao.worker.run import _every


class Work:
    """Never done; the first round ends in an error, when it is cancelled or at once."""

    def __init__(self, *, wait_first: bool) -> None:
        self.rounds: asyncio.Queue[int] = asyncio.Queue()
        self._wait_first = wait_first
        self._first = True

    async def __call__(self) -> int:
        first, self._first = self._first, False
        self.rounds.put_nowait(1)
        try:
            if self._wait_first or not first:
                await asyncio.Event().wait()
        finally:
            if first:  # as the pool does when it is given back a connection that the server has cut
                raise OSError("the connection is closed")
        return 0


async def test_a_loop_ends_also_when_a_broken_connection_hides_the_cancellation() -> None:
    work = Work(wait_first=True)
    loop = asyncio.create_task(_every(0, "loop", work))
    await work.rounds.get()
    loop.cancel()
    done, _ = await asyncio.wait([loop], timeout=5)
    loop.cancel()
    assert done == {loop} and work.rounds.empty()


async def test_a_loop_outlives_a_failure_that_nobody_asked_for() -> None:
    work = Work(wait_first=False)
    loop = asyncio.create_task(_every(0, "loop", work))
    await work.rounds.get()
    await asyncio.wait_for(work.rounds.get(), timeout=5)
    loop.cancel()
    await asyncio.wait([loop], timeout=5)
    assert loop.cancelled()
