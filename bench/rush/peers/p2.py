"""P2: asyncpg, one transaction for each hold, the rows it counts on locked with SELECT … FOR UPDATE."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import orjson
from fastapi import FastAPI, Response

from bench.rush.peers.web import HOLD_TTL_S, POOL, Account, Key, Refused, Wish, new_app

ANSWERED = "SELECT answer FROM rush_peer.answers WHERE account = $1 AND key = $2"
LOCKED = """
SELECT w.taken < w.capacity AND q.taken < q.quota AS has_place, s.taken < s.doses AS has_dose
FROM rush_peer.windows w JOIN rush_peer.quotas q USING (window_id), rush_peer.stocks s
WHERE w.window_id = $1 AND q.channel = 'h5' AND s.stock_id = $2 FOR UPDATE
"""
CLAIMED = "INSERT INTO rush_peer.claims VALUES ($1, $2, 'FLU', $3, $4, 'held', $5)"
COUNTED = (
    "UPDATE rush_peer.windows SET taken = taken + 1 WHERE window_id = $1",
    "UPDATE rush_peer.quotas SET taken = taken + 1 WHERE window_id = $1 AND channel = 'h5'",
    "UPDATE rush_peer.stocks SET taken = taken + 1 WHERE stock_id = $1",
)
KEPT = "INSERT INTO rush_peer.answers VALUES ($1, $2, $3)"


async def held(connection: asyncpg.Connection, account: str, key: str, wish: Wish) -> str:
    """Hold a place inside a transaction; the answer, or Refused."""
    answered = await connection.fetchval(ANSWERED, account, key)
    if answered is not None:
        return str(answered)
    row = await connection.fetchrow(LOCKED, wish.window_id, wish.stock_id)
    if row is None:
        raise Refused("unknown_window")
    # A request with the same key may have been ahead in the queue for the lock.
    answered = await connection.fetchval(ANSWERED, account, key)
    if answered is not None:
        return str(answered)
    if not row["has_place"]:
        raise Refused("window_full")
    if not row["has_dose"]:
        raise Refused("out_of_stock")
    claim_id, held_until = uuid4(), datetime.now(UTC) + timedelta(seconds=HOLD_TTL_S)
    await connection.execute(CLAIMED, claim_id, wish.person_id, wish.window_id, wish.stock_id, held_until)
    for statement, name in zip(COUNTED, (wish.window_id, wish.window_id, wish.stock_id), strict=True):
        await connection.execute(statement, name)
    answer = orjson.dumps({"hold_id": claim_id, "window_id": wish.window_id, "held_until": held_until}).decode()
    await connection.execute(KEPT, account, key, answer)
    return answer


def create_app() -> FastAPI:
    """What uvicorn starts."""
    app, url = new_app()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await asyncpg.create_pool(url, min_size=POOL, max_size=POOL, server_settings={"jit": "off"})
        yield
        await app.state.pool.close()

    app.router.lifespan_context = lifespan

    @app.post("/api/v1/resident/holds", status_code=201)
    async def hold(wish: Wish, account: Account, key: Key) -> Response:
        try:
            async with app.state.pool.acquire() as connection, connection.transaction():
                answer = await held(connection, account, key, wish)
        except asyncpg.UniqueViolationError as error:
            raise Refused("duplicate_claim") from error
        return Response(answer, 201, media_type="application/json")

    return app
