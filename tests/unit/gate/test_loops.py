"""What a gate does beside answering: again and again, whatever becomes of one time."""

import asyncio

import asyncpg
import pytest

from humiao.gate.run import _every


@pytest.mark.parametrize(
    "trouble",
    [asyncpg.TooManyConnectionsError, asyncpg.ReadOnlySQLTransactionError, asyncpg.QueryCanceledError, ValueError],
)
async def test_a_loop_outlives_whatever_its_work_raises(trouble: type[Exception]) -> None:
    rounds, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise trouble("for once")
        again.set()

    loop = asyncio.create_task(_every(0, "rooms", work))
    async with asyncio.timeout(10):
        await again.wait()
    loop.cancel()
    assert isinstance((await asyncio.gather(loop, return_exceptions=True))[0], asyncio.CancelledError)


async def test_a_loop_ends_although_its_work_puts_a_failure_in_the_place_of_the_cancellation() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionResetError("while it was given back")

    loop = asyncio.create_task(_every(0, "keys", work))
    await begun.wait()
    loop.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(loop, return_exceptions=True)
