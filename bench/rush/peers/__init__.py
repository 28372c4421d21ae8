"""What a user would build instead of the gate: FastAPI, one process of uvicorn with uvloop and httptools.

Three peers of one meaning. Each checks the token (pyjwt), reads the wish (pydantic) and the key, gives a repeated key
its first answer, lets one person hold one place, never holds more than the window, the channel's quota and the stock
have, and says 409 when something is full. What the gate does beyond that (the eligibility pass, who may act for whom,
the audit chain, rate limits) they leave out, which is to their advantage. Nor do they know what is sold out: each
refusal asks the store.

    P1  redis-py and one Lua script; Valkey is the truth, here without a file: what it held is gone when it restarts
    P2  asyncpg, one transaction for each hold, rows locked with SELECT … FOR UPDATE
    P3  asyncpg, one statement for each hold
"""
