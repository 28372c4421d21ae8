"""What a city's database needs before people come: schema, reference data, the demo city. Adds only what is missing."""

from collections.abc import Callable
from pathlib import Path

import asyncpg

from humiao.demo.load import load_demo
from humiao.embedded.demo_people import bring_people
from humiao.immunizations.service import publish_shipped
from humiao.kit.keys import Keys
from humiao.kit.migrations import migrate
from humiao.vaccines.load import load_catalogue

OnProgress = Callable[[int, int, str], None]


async def prepare_schema(database_url: str, on_progress: OnProgress) -> None:
    """Apply missing migrations; raises MigrationChanged."""
    await migrate(database_url, on_progress)


async def load_data(database_url: str, *, demo: bool, home: Path, keys: Keys, on_progress: OnProgress) -> str:
    """Load the catalogue and, where wanted, the demo city; returns the password of the demo's staff, "" without."""
    connection = await asyncpg.connect(database_url)
    try:
        catalogue = await load_catalogue(connection)
        await publish_shipped(connection)
        if not demo:
            return ""
        await load_demo(connection, on_progress, catalogue=catalogue)
        return await bring_people(connection, home, keys.vault())
    finally:
        await connection.close()
