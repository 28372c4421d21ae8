"""Both servers for tests and benches, with the faults that can befall them."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from humiao.embedded.postgres import Postgres
from humiao.embedded.user import discard_data
from humiao.embedded.valkey import Valkey


class EmbeddedServers:
    """A running PostgreSQL (with the database of the application, not migrated) and a running Valkey."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = Postgres(home)
        self.valkey = Valkey(home)

    @property
    def database_url(self) -> str:
        """The address of PostgreSQL; it stays the same after a restart."""
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        """The address of Valkey; it stays the same after a restart."""
        return self.valkey.url

    async def start(self) -> None:
        """Start both; raises ServerFailed, BinariesMissing, NoServerUser."""
        await self.valkey.start_async()
        await self.postgres.start_async()
        await self.postgres.make_database()

    def kill_postgres(self) -> None:
        """kill -9 of the postmaster."""
        self.postgres.kill()

    async def restart_postgres(self) -> None:
        """Start it again on its port; returns after recovery."""
        await self.postgres.start_async()

    def kill_valkey(self) -> None:
        """kill -9."""
        self.valkey.kill()

    async def restart_valkey(self) -> None:
        """Start it again on its port, empty; it must have been killed or stopped."""
        await self.valkey.start_async()

    async def stop(self) -> None:
        """Stop both; data stays."""
        await self.valkey.stop_async()
        await self.postgres.stop_async()


@asynccontextmanager
async def embedded_servers(home: Path | None = None) -> AsyncIterator[EmbeddedServers]:
    """Lend both servers with their data below `home`; without one, in a temporary place that is removed afterwards.

    With a `home` the data stays for the next time; `user.discard_data(home)` removes it.
    """
    if home is not None:
        servers = EmbeddedServers(home)
        try:
            await servers.start()
            yield servers
        finally:
            await servers.stop()
        return
    with tempfile.TemporaryDirectory(prefix="humiao-servers-") as folder:
        async with embedded_servers(Path(folder)) as servers:
            yield servers
        discard_data(Path(folder))
