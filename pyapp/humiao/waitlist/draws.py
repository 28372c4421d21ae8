"""A campaign's draw, by docs/draw.md: commitment at publication, list sealed at closing, entropy by two officers.

Each step is written once, with the file that is published. The secret is sealed at rest until the draw publishes it.
"""

import asyncio
import os
from typing import Any, Literal
from uuid import UUID

from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.lottery.models import DrawMisuse, Entrants, Result, Terms
from humiao.lottery.protocol import SECRET_BYTES, commit, draw, seal
from humiao.lottery.published import announcement_file, read_announcement, read_sealed, result_file, sealed_file

Step = Literal["committed", "sealed", "half_read", "drawn"]
PLACES_AT_ONCE = 20_000


def published_name(campaign_id: int, title: str) -> str:
    """What a campaign is called in the published files and on receipts; no two campaigns share it."""
    return f"{title} #{campaign_id}"


def _row(campaign_id: int) -> UUID:
    return UUID(int=campaign_id)


async def commit_draw(connection: Any, vault: Vault, campaign: Any) -> None:
    """Step 1, at publication: a secret that nobody sees, and the announcement."""
    secret = os.urandom(SECRET_BYTES)
    closes_at = campaign["closes_at"].astimezone(CITY_ZONE).isoformat(timespec="seconds")
    terms = Terms(published_name(campaign["campaign_id"], campaign["title"]), closes_at, campaign["entropy_rule"])
    sealed = vault.seal(secret.hex(), row=_row(campaign["campaign_id"]), field="draw_secret")
    announced = announcement_file(commit(terms, secret))
    await connection.execute(statement("waitlist/commit_draw"), campaign["campaign_id"], sealed, announced)


async def seal_draw(connection: Any, campaign: Any) -> int:
    """Step 2, at closing, with the campaign taken: the list of all that wait. Returns how many."""
    rows = await connection.fetch(statement("waitlist/entrants"), campaign["campaign_id"])
    entrants = Entrants.of(bytes(row["tier"] for row in rows), [row["ticket"].encode() for row in rows])
    listed = seal(published_name(campaign["campaign_id"], campaign["title"]), entrants)
    published = b"".join(sealed_file(listed))
    await connection.execute(statement("waitlist/seal_draw"), campaign["campaign_id"], published, len(rows))
    return len(rows)


async def read_entropy(connection: Any, vault: Vault, campaign_id: int, staff_id: int, entropy: str) -> Step | Refusal:
    """Step 3, with the campaign taken: note what an officer read; the second who reads the same draws.

    `entropy_differs` where somebody else read something else: nothing is drawn, and nothing of this reading is kept.
    """
    found = await connection.fetchrow(statement("waitlist/lock_draw"), campaign_id)
    if found is None or found["tickets"] is None or found["drawn"]:
        return Refusal("campaign_state")
    rows = await connection.fetch(statement("waitlist/other_readings"), campaign_id, staff_id)
    others = [row["entropy"] for row in rows]
    if others and entropy not in others:
        return Refusal("entropy_differs")
    await connection.execute(statement("waitlist/note_reading"), campaign_id, staff_id, entropy)
    if not others:
        return "half_read"
    secret = bytes.fromhex(vault.open(bytes(found["secret_sealed"]), row=_row(campaign_id), field="draw_secret"))
    try:
        result = await asyncio.to_thread(_drawn, found, secret, entropy)
    except DrawMisuse:
        return Refusal("campaign_state")
    await _give_places(connection, campaign_id, result)
    await connection.execute(statement("waitlist/finish_draw"), campaign_id, b"".join(result_file(result)))
    return "drawn"


def _drawn(found: Any, secret: bytes, entropy: str) -> Result:
    return draw(read_announcement(bytes(found["announcement"])), read_sealed(bytes(found["tickets"])), secret, entropy)


async def _give_places(connection: Any, campaign_id: int, result: Result) -> None:
    tickets = [ticket.decode() for ticket in result.entrants.ticket_list()]
    for at in range(0, len(tickets), PLACES_AT_ONCE):
        part = tickets[at : at + PLACES_AT_ONCE]
        places = list(range(at + 1, at + 1 + len(part)))
        await connection.execute(statement("waitlist/give_places"), campaign_id, part, places)
