"""What a process holds of the database, read anew again and again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def keep_reading(what: str, read: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Read until cancelled; outlives any one failure, which is logged, and what is held stays meanwhile."""
    me = asyncio.current_task()
    assert me
    while True:
        await asyncio.sleep(every_s)
        try:
            await read()
        except Exception as error:
            if me.cancelling():  # giving back a broken connection has taken the cancellation's place
                return
            log.warning("not read", what=what, error=type(error).__name__)
