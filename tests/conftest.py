"""A real city for the tests: embedded PostgreSQL and Valkey, migrated, with reference data; the application on top.

Servers are started once for the whole run in a temporary home and killed at its end. Where HUMIAO_TEST_DATABASE_URL
and HUMIAO_TEST_REDIS_URL name external servers (PostgreSQL with the right to make databases; an empty cache), those
are used instead.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
import redis
from fastapi import FastAPI

from humiao.demo.load import load_demo
from humiao.embedded.postgres import Postgres
from humiao.embedded.user import discard_data
from humiao.embedded.valkey import Valkey
from humiao.kit.database import Database
from humiao.kit.keys import Keys, load_keys, make_keys
from humiao.kit.migrations import migrate
from humiao.main import create_app
from humiao.messaging.gateway import FileGateway
from humiao.messaging.outbox import OutboxSender
from humiao.settings import Settings
from humiao.vaccines.load import load_catalogue
from humiao.worker.run import main as worker_main
from tests.contract.faces import gate_before, served


@dataclass
class Servers:
    """The servers of this run; `postgres` and `valkey` are None when they are external."""

    database_url: str
    redis_url: str
    postgres: Postgres | None
    valkey: Valkey | None
    home: Path


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """A database of this run's own on an external server, dropped at its end."""
    name = f"humiao_test_{secrets.token_hex(4)}"

    def administer(statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(server)
            await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    administer(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def empty_cache(url: str) -> Iterator[None]:
    """An external cache must be empty: it is written to, and emptied at the end."""
    with redis.Redis.from_url(url) as cache:
        assert cache.dbsize() == 0, f"{url} holds data of somebody: name an empty database of the server"
        try:
            yield
        finally:
            cache.flushdb()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home = tmp_path_factory.mktemp("city")
    database_server, redis_url = os.environ.get("HUMIAO_TEST_DATABASE_URL"), os.environ.get("HUMIAO_TEST_REDIS_URL")
    if database_server and redis_url:
        with empty_database(database_server) as database_url, empty_cache(redis_url):
            yield Servers(database_url, redis_url, None, None, home)
        return
    postgres, valkey = Postgres(home), Valkey(home)
    postgres.start()
    valkey.start()
    try:
        yield Servers(postgres.url, valkey.url, postgres, valkey, home)
    finally:
        valkey.stop()
        postgres.stop()
        discard_data(home)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def settings(servers: Servers) -> Settings:
    if servers.postgres:
        await servers.postgres.make_database()
    await migrate(servers.database_url)
    connection = await asyncpg.connect(servers.database_url)
    try:
        await load_catalogue(connection)
    finally:
        await connection.close()
    settings = Settings(
        home=servers.home, database_url=servers.database_url, redis_url=servers.redis_url, challenge_cost=1
    )
    make_keys(settings.keys_path)
    return settings


@pytest.fixture(scope="session")
def keys(settings: Settings) -> Keys:
    return load_keys(settings.keys_path)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    assert settings.database_url
    database = await Database.connect(settings.database_url, connections=8)
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def connection(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(settings.database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def last_sms(settings: Settings, database: Database, keys: Keys) -> Callable[[str], Awaitable[str]]:
    """`await last_sms(phone)` sends what is due and returns the digits of the newest code sent to that phone."""
    sender = OutboxSender(database, keys.vault(), FileGateway(settings.sms_path))

    async def last(phone: str) -> str:
        while await sender.send_due(50):
            pass
        lines = settings.sms_path.read_text(encoding="utf-8").splitlines()
        sent = [json.loads(line) for line in lines]
        text = [sms["text"] for sms in sent if sms["phone"].endswith(phone[-11:])][-1]
        return "".join(c for c in text.split("验证码")[1] if c.isdigit())[:6]

    return last


@dataclass
class LiveCity:
    """A running installation, as a browser meets it."""

    base_url: str
    last_sms: Callable[[str], Awaitable[str]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def city(settings: Settings, app: FastAPI, database: Database, keys: Keys) -> AsyncIterator[LiveCity]:
    """The application behind a gate on a real port, the demo city loaded, the worker's loops running."""
    assert settings.database_url
    connection = await asyncpg.connect(settings.database_url)
    try:
        await load_demo(connection, lambda *_: None)
    finally:
        await connection.close()
    working = asyncio.create_task(worker_main(settings))

    async def last(phone: str) -> str:
        for _ in range(100):  # the worker sends; give it ten seconds
            lines = settings.sms_path.read_text(encoding="utf-8").splitlines() if settings.sms_path.exists() else []
            texts = [m["text"] for m in map(json.loads, lines) if m["phone"].endswith(phone[-11:])]
            codes = [text for text in texts if "验证码" in text]
            if codes:
                return "".join(c for c in codes[-1].split("验证码")[1] if c.isdigit())[:6]
            await asyncio.sleep(0.1)
        raise AssertionError(f"no code was sent to {phone}")

    async with served(app) as api, gate_before(settings, api.url) as gate:
        yield LiveCity(gate.url, last)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
