"""P1: redis-py and one Lua script. Fast, atomic, and acknowledged before it is on any disk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
from fastapi import FastAPI, Response
from redis.asyncio import BlockingConnectionPool, Redis

from bench.rush.peers.web import HOLD_TTL_S, Account, Key, Refused, Wish, new_app

CONNECTIONS = 64  # more cost more and bring nothing

# KEYS window, quota and stock (each a number that is free), claims (of persons), answers (to accounts and keys)
# ARGV person, account and key, the answer if it is granted
SCRIPT = """
local answered = redis.call('HGET', KEYS[5], ARGV[2])
if answered then return {'granted', answered} end
if redis.call('HEXISTS', KEYS[4], ARGV[1]) == 1 then return {'duplicate_claim'} end
for n = 1, 3 do
  if tonumber(redis.call('GET', KEYS[n]) or '0') < 1 then return {'window_full'} end
end
for n = 1, 3 do redis.call('DECR', KEYS[n]) end
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[5], ARGV[2], ARGV[3])
return {'granted', ARGV[3]}
"""


def create_app() -> FastAPI:
    """What uvicorn starts."""
    app, url = new_app()
    redis = Redis.from_pool(BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=30))
    script = redis.register_script(SCRIPT)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await redis.ping()
        yield
        await redis.aclose()

    app.router.lifespan_context = lifespan

    @app.post("/api/v1/resident/holds", status_code=201)
    async def hold(wish: Wish, account: Account, key: Key) -> Response:
        held_until = datetime.now(UTC) + timedelta(seconds=HOLD_TTL_S)
        answer = orjson.dumps({"hold_id": uuid4(), "window_id": wish.window_id, "held_until": held_until})
        word, *told = await script(
            keys=[
                f"peer:window:{wish.window_id}",
                f"peer:quota:{wish.window_id}:h5",
                f"peer:stock:{wish.stock_id}",
                "peer:claims",
                "peer:answers",
            ],
            args=[str(wish.person_id), f"{account}:{key}", answer],
        )
        if word != b"granted":
            raise Refused(word.decode())
        return Response(told[0], 201, media_type="application/json")

    return app
