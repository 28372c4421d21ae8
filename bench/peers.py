"""How the same booking is usually written: one transaction for each hold, rows locked with SELECT … FOR UPDATE.

The peer keeps every promise the ledger keeps for a hold (never oversold, one live claim per person and series, first
answer to a key, an audit row), in tables of its own that carry no triggers. A pool of 16 connections, asyncpg, uvloop.
"""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from bench.town import Spot

SCHEMA = """
CREATE SCHEMA peer;
CREATE TABLE peer.windows (window_id bigint PRIMARY KEY, capacity integer NOT NULL, taken integer NOT NULL DEFAULT 0,
                           CHECK (taken <= capacity)) WITH (fillfactor = 50);
CREATE TABLE peer.quotas (window_id bigint, channel text, quota integer NOT NULL, taken integer NOT NULL DEFAULT 0,
                          PRIMARY KEY (window_id, channel), CHECK (taken <= quota)) WITH (fillfactor = 50);
CREATE TABLE peer.stocks (stock_id bigint PRIMARY KEY, doses integer NOT NULL, taken integer NOT NULL DEFAULT 0,
                          CHECK (taken <= doses)) WITH (fillfactor = 50);
CREATE TABLE peer.claims (claim_id uuid PRIMARY KEY, person_id uuid NOT NULL, series text NOT NULL,
                          window_id bigint NOT NULL, stock_id bigint NOT NULL, state text NOT NULL,
                          held_until timestamptz NOT NULL);
CREATE UNIQUE INDEX ON peer.claims (person_id, series) WHERE state IN ('held', 'confirmed');
CREATE INDEX ON peer.claims (held_until) WHERE state = 'held';
CREATE TABLE peer.answers (actor text, key text, answer jsonb NOT NULL, PRIMARY KEY (actor, key));
CREATE TABLE peer.audit (at timestamptz NOT NULL, actor text NOT NULL, action text NOT NULL, subject text NOT NULL,
                         detail jsonb NOT NULL);
CREATE INDEX ON peer.audit (subject, at);
"""


class OneTransactionPerHold:
    """The peer's service: `hold` answers after its own commit."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, spots: list[Spot], places: int) -> "OneTransactionPerHold":
        pool = await asyncpg.create_pool(dsn, min_size=16, max_size=16, server_settings={"jit": "off"})
        async with pool.acquire() as connection:
            await connection.execute(SCHEMA)
            rows = [(spot.window_id, places) for spot in spots]
            await connection.executemany("INSERT INTO peer.windows VALUES ($1, $2)", rows)
            await connection.executemany("INSERT INTO peer.quotas VALUES ($1, 'h5', $2)", rows)
            await connection.executemany(
                "INSERT INTO peer.stocks VALUES ($1, $2)", [(spot.stock_id, places) for spot in spots]
            )
        return cls(pool)

    async def hold(self, person: UUID, spot: Spot) -> dict[str, Any] | str:
        """Hold a place, or say why not."""
        actor, key = f"account:{person}", uuid4().hex
        async with self._pool.acquire() as connection, connection.transaction():
            answered = await connection.fetchval(
                "SELECT answer FROM peer.answers WHERE actor = $1 AND key = $2", actor, key
            )
            if answered is not None:
                return dict(orjson.loads(answered))
            bond = await connection.fetchval(
                "SELECT 1 FROM guardianships WHERE account_id = $1 AND person_id = $1 AND ended_at IS NULL", person
            )
            window = await connection.fetchrow(
                "SELECT capacity, taken FROM peer.windows WHERE window_id = $1 FOR UPDATE", spot.window_id
            )
            quota = await connection.fetchrow(
                "SELECT quota, taken FROM peer.quotas WHERE window_id = $1 AND channel = 'h5' FOR UPDATE",
                spot.window_id,
            )
            stock = await connection.fetchrow(
                "SELECT doses, taken FROM peer.stocks WHERE stock_id = $1 FOR UPDATE", spot.stock_id
            )
            if bond is None or window is None or quota is None or stock is None:
                return "unknown"
            if window["taken"] >= window["capacity"] or quota["taken"] >= quota["quota"]:
                return "window_full"
            if stock["taken"] >= stock["doses"]:
                return "out_of_stock"
            return await self._write(connection, actor, key, person, spot)

    async def _write(self, connection: Any, actor: str, key: str, person: UUID, spot: Spot) -> dict[str, Any]:
        claim_id = uuid4()
        held_until = await connection.fetchval(
            """INSERT INTO peer.claims VALUES ($1, $2, 'FLU', $3, $4, 'held', now() + interval '10 minutes')
               RETURNING held_until""",
            claim_id, person, spot.window_id, spot.stock_id,
        )  # fmt: skip
        await connection.execute("UPDATE peer.windows SET taken = taken + 1 WHERE window_id = $1", spot.window_id)
        await connection.execute(
            "UPDATE peer.quotas SET taken = taken + 1 WHERE window_id = $1 AND channel = 'h5'", spot.window_id
        )
        await connection.execute("UPDATE peer.stocks SET taken = taken + 1 WHERE stock_id = $1", spot.stock_id)
        answer = {"hold_id": claim_id, "held_until": held_until}
        await connection.execute(
            "INSERT INTO peer.answers VALUES ($1, $2, $3)", actor, key, orjson.dumps(answer).decode()
        )
        await connection.execute(
            "INSERT INTO peer.audit VALUES (now(), $1, 'claim.held', $2, $3)",
            actor, f"claim:{claim_id}", orjson.dumps({"window": spot.window_id}).decode(),
        )  # fmt: skip
        return answer

    async def close(self) -> None:
        await self._pool.close()
