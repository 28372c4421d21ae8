"""Work that is done again and again for as long as a process lives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def every(pause_s: float, work: Callable[[], Awaitable[Any]], failed: Callable[[Exception], None]) -> None:
    """Do `work`, then wait `pause_s`; after a round that returns what is true, none. Ends when it is cancelled.

    A loop outlives any one failure: `failed` is told of it, and what failed is tried again after the pause.
    """
    me = asyncio.current_task()
    assert me
    while True:
        try:
            more = await work()
        except Exception as error:
            if me.cancelling():  # the failure of giving back a connection that broke has taken the cancellation's place
                return
            failed(error)
            more = None
        await asyncio.sleep(0 if more else pause_s)
