"""Two faces of one city: the application on a port of its own, and a gate before that very application."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from fastapi import FastAPI

from humiao.settings import Settings
from tests.contract.faces import GENEROUS, Face, gate_before, served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(app: FastAPI) -> AsyncIterator[Face]:
    """The application by itself."""
    async with served(app) as face:
        yield face


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gate(settings: Settings, api: Face) -> AsyncIterator[Face]:
    """A gate before it, whose limits nobody here meets."""
    async with gate_before(settings, api.url, **GENEROUS) as face:
        yield face


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def faces(gate: Face, api: Face) -> tuple[Face, Face]:
    """Both."""
    await asyncio.gather(gate.ready(), api.ready())
    return gate, api
