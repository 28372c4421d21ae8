"""Sets the stage of a load test in a running city, and audits it afterwards.

Runs as a process of its own (`python -m loadtest.stage prepare|audit FILE`): Locust's green threads and asyncio do not
share one. `prepare` writes FILE: residents with tokens and passes, and one hidden session. `audit` reads it with the
holds that residents were told of and exits with 1 on any violation.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from humiao.auth.generations import read_generations
from humiao.auth.tokens import Tokens
from humiao.embedded.city import running_city
from humiao.kit.keys import load_keys
from humiao.kit.sql import statement
from humiao.rush.audit import audit_cache, audit_ledger
from humiao.rush.people import make_people, signed
from humiao.settings import Settings


def addressed() -> tuple[Settings, str]:
    """Settings and address of the city: the one that runs in the home, or the one the environment names."""
    settings = Settings()
    city = running_city(settings.home)
    if city is None:
        if not settings.database_url or not settings.redis_url:
            sys.exit("no city runs here: start one with `make run`, or set HUMIAO_DATABASE_URL and HUMIAO_REDIS_URL")
        return settings, f"http://127.0.0.1:{settings.http_port}"
    found = {"database_url": city["database_url"], "redis_url": city["redis_url"]}
    return settings.model_copy(update=found), str(city["url"])


async def prepare(*, residents: int, places: int) -> dict[str, Any]:
    """Make residents and a session of `places`; returns what users need."""
    settings, url = addressed()
    keys = load_keys(settings.keys_path)
    connection = await asyncpg.connect(settings.database_url)
    tokens = Tokens(keys.token_keys, ttl_s=7200, generations=await read_generations(connection))
    people = await make_people(connection, keys.vault(), residents)
    starts = datetime.now(UTC) + timedelta(days=1)
    row = await connection.fetchrow(statement("rush/make_session"), places, starts, os.urandom(4).hex(), "h5", None)
    await connection.close()
    return {
        "url": url,
        "goal": dict(row),
        "residents": [[str(person), shown] for person, shown in signed(tokens, people, row["vaccine_code"]).items()],
    }


async def audit(stage: dict[str, Any]) -> dict[str, Any]:
    """Violations after the load, by name; every one must be 0."""
    settings, _ = addressed()
    told = {UUID(person): UUID(hold_id) for person, hold_id in stage["told"].items()}
    connection = await asyncpg.connect(settings.database_url)
    found: dict[str, Any] = await audit_ledger(connection, stage["goal"]["session_id"], told)
    found["cache_differs"] = await audit_cache(settings, connection, stage["goal"]["session_id"])
    await connection.close()
    return found


if __name__ == "__main__":
    verb, file = sys.argv[1], Path(sys.argv[2])
    if verb == "prepare":
        file.touch(mode=0o600)
        prepared = asyncio.run(prepare(residents=int(sys.argv[3]), places=int(sys.argv[4])))
        file.write_text(json.dumps(prepared), encoding="utf-8")
    else:
        violations = asyncio.run(audit(json.loads(file.read_text(encoding="utf-8"))))
        print(json.dumps(violations))
        sys.exit(1 if any(violations.values()) else 0)
