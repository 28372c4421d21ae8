"""An engine of its own for each test, over the run's servers."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from humiao.booking.cache import Gatekeeper
from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.booking.models import Place
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.settings import Settings


@dataclass
class Road:
    """Engine, ledger and gatekeeper wired as in main.py."""

    engine: BookingEngine
    ledger: Ledger
    gatekeeper: Gatekeeper


class LyingGatekeeper:
    """A cache that lets everybody through, whatever it was told."""

    async def admit(self, place: Place, permit: str) -> tuple[str, None]:
        return "granted", None

    def settle_later(self, *_: Any) -> None:
        """Learns nothing."""


@pytest_asyncio.fixture(loop_scope="session")
async def road(settings: Settings, database: Database) -> AsyncIterator[Road]:
    assert settings.database_url
    assert settings.redis_url
    ledger_database = await Database.connect(settings.database_url, connections=6, generic_plans=True)
    ledger = Ledger(ledger_database, hold_ttl_ms=600_000, grace_ms=5000)
    gatekeeper = Gatekeeper(settings.redis_url, database, permit_ttl_ms=2000)
    yield Road(BookingEngine(ledger, gatekeeper), ledger, gatekeeper)
    await gatekeeper.close()
    await ledger_database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def vault(keys: Keys) -> Vault:
    return keys.vault()


@pytest.fixture
def offer_clients() -> int:
    """How many people wait for the doses of the race for offers; `make offers` takes 500."""
    return int(os.environ.get("HUMIAO_OFFER_CLIENTS", "100"))
