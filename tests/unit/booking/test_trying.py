"""What is tried again until it commits; the gate does the same: core_rs/booking-ledger/tests/persist.rs."""

from contextlib import nullcontext
from typing import Any

import asyncpg
import pytest

from humiao.booking.ledger import BUSY, Ledger, OutcomeUnknown
from humiao.kit.database import DatabaseBusy

AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    DatabaseBusy,
    ConnectionResetError,
)


async def persisted(ledger: Ledger, write: Any) -> list[Any]:
    """Two wishes on their way to the ledger, over a connection that is not used."""
    words, _ = await ledger._persist("hold", ["one", "other"], write, nullcontext, BUSY)
    return words


@pytest.mark.parametrize("trouble", AGAIN)
async def test_what_may_be_done_again_is_done_again_until_it_commits(trouble: type[Exception]) -> None:
    tries = 0

    async def write(_: Any, wishes: list[str]) -> tuple[list[str], list[Any]]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise trouble("for once")
        return wishes, []

    ledger = Ledger(None, hold_ttl_ms=60_000, grace_ms=0, patience_s=30)  # type: ignore[arg-type]
    assert await persisted(ledger, write) == ["one", "other"]
    assert tries == 2


@pytest.mark.parametrize("trouble", AGAIN)
async def test_after_its_patience_the_outcome_is_unknown(trouble: type[Exception]) -> None:
    async def write(_: Any, wishes: list[str]) -> tuple[list[str], list[Any]]:
        raise trouble("always")

    ledger = Ledger(None, hold_ttl_ms=60_000, grace_ms=0, patience_s=0)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown):
        await persisted(ledger, write)


async def test_what_should_not_happen_is_not_tried_again() -> None:
    async def write(_: Any, wishes: list[str]) -> tuple[list[str], list[Any]]:
        raise asyncpg.UndefinedFunctionError("no hold_batch")

    ledger = Ledger(None, hold_ttl_ms=60_000, grace_ms=0, patience_s=30)  # type: ignore[arg-type]
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await persisted(ledger, write)
