"""P3: asyncpg, one statement for each hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import orjson
from fastapi import FastAPI, Response

from bench.rush.peers.web import HOLD_TTL_S, POOL, Account, Key, Refused, Wish, new_app

# $1 account  $2 key  $3 person  $4 window  $5 stock  $6 claim  $7 held until  $8 the answer if it is granted
# An update that waited for a row looks at it again, so the last place is not given twice. Where there is a place and no
# dose, the division undoes the statement.
HOLD = """
WITH answered AS (
    SELECT answer FROM rush_peer.answers WHERE account = $1 AND key = $2
), wanted AS (
    SELECT 1 WHERE NOT EXISTS (SELECT FROM answered)
), place AS (
    UPDATE rush_peer.windows SET taken = taken + 1
    WHERE window_id = $4 AND taken < capacity AND EXISTS (SELECT FROM wanted) RETURNING window_id
), share AS (
    UPDATE rush_peer.quotas q SET taken = taken + 1 FROM place
    WHERE q.window_id = place.window_id AND q.channel = 'h5' AND q.taken < q.quota RETURNING q.window_id
), dose AS (
    UPDATE rush_peer.stocks s SET taken = taken + 1 FROM share
    WHERE s.stock_id = $5 AND s.taken < s.doses RETURNING s.stock_id
), claimed AS (
    INSERT INTO rush_peer.claims SELECT $6, $3, 'FLU', $4, $5, 'held', $7 FROM dose RETURNING claim_id
), kept AS (
    INSERT INTO rush_peer.answers SELECT $1, $2, $8 FROM claimed
)
SELECT (SELECT answer FROM answered) AS answered, (SELECT count(*) FROM claimed) AS claims,
       1 / CASE WHEN (SELECT count(*) FROM place) = (SELECT count(*) FROM claimed) THEN 1 ELSE 0 END AS whole
"""


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
        claim_id, held_until = uuid4(), datetime.now(UTC) + timedelta(seconds=HOLD_TTL_S)
        answer = orjson.dumps({"hold_id": claim_id, "window_id": wish.window_id, "held_until": held_until}).decode()
        wanted = (wish.person_id, wish.window_id, wish.stock_id, claim_id, held_until, answer)
        try:
            row = await app.state.pool.fetchrow(HOLD, account, key, *wanted)
        except asyncpg.UniqueViolationError as error:
            raise Refused("duplicate_claim") from error
        except asyncpg.DivisionByZeroError as error:
            raise Refused("out_of_stock") from error
        if row["answered"] is not None:
            return Response(row["answered"], 201, media_type="application/json")
        if not row["claims"]:
            raise Refused("window_full")
        return Response(answer, 201, media_type="application/json")

    return app
