"""A lane: many callers, few writers, no timer.

Whatever queued while a writer was busy goes with its next batch, so a batch is as large as the load makes it and a
lone caller waits for nobody. The queue is bounded: a caller who would wait too long is told so at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Wish = TypeVar("Wish")
Result = TypeVar("Result")


class LaneFull(Exception):
    """The queue is at its bound; nothing was queued."""


class Lane(Generic[Wish, Result]):
    """Batches wishes for `write`, which gets a list and returns results in the same order."""

    def __init__(
        self,
        write: Callable[[list[Wish]], Awaitable[list[Result]]],
        *,
        writers: int,
        batch_max: int,
        waiting_max: int,
    ) -> None:
        self._write = write
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._writers = writers
        self._busy = 0
        self._waiting: deque[tuple[Wish, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many wishes are queued, not counting those being written."""
        return len(self._waiting)

    async def submit(self, wish: Wish) -> Result:
        """Queue a wish and wait for its result; raises LaneFull, or what `write` raised for the whole batch."""
        if len(self._waiting) >= self._waiting_max:
            raise LaneFull
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, future))
        if self._busy < self._writers:
            self._busy += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self) -> None:
        try:
            # one turn of the loop, so that requests read in the same turn share the first batch
            await asyncio.sleep(0)
            while self._waiting:
                take = min(self._batch_max, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(take)]
                try:
                    results = await self._write([wish for wish, _ in batch])
                except Exception as error:  # every caller of the batch learns of it
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), result in zip(batch, results, strict=True):
                        if not future.done():
                            future.set_result(result)
        finally:
            self._busy -= 1

    async def drain(self) -> None:
        """Wait until everything queued is answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
