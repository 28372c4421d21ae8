"""One town for the whole run, one loop as the product has it, and a record of what was measured."""

import asyncio
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from bench.town import Town

RESULTS = Path(__file__).parent / "results"
Record = Callable[..., None]


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop that the API runs on."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def town(loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    loop.run_until_complete(town.open())
    yield town
    loop.run_until_complete(town.close())


@pytest.fixture(scope="session")
def record(town: Town, loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest) -> Iterator[Record]:
    """`record(name, figure=…)` keeps figures; they are written to bench/results when the run ends well."""
    figures: dict[str, dict[str, Any]] = {}

    def keep(name: str, **values: Any) -> None:
        figures[name] = values

    yield keep
    if request.session.testsfailed == 0 and os.environ.get("HUMIAO_BENCH_RECORD"):
        versions = loop.run_until_complete(server_versions(town))
        written = {"command": "make bench", "machine": machine() | versions, "figures": figures}
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "foundation.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")


async def server_versions(town: Town) -> dict[str, str]:
    return {
        "postgresql": await town.sql.fetchval("SHOW server_version"),
        "postgresql_settings": await town.sql.fetchval(
            "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN "
            "('fsync', 'full_page_writes', 'synchronous_commit', 'shared_buffers', 'min_wal_size')"
        ),
    }


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def median_rate(count: int, seconds: list[float]) -> int:
    """Operations a second in the median round."""
    return round(count / statistics.median(seconds))
