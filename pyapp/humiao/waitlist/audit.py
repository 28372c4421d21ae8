"""Recompute what the waitlist did, from its records alone: order, offers, doses, and the places of each draw (P4).

The statements know neither the rounds' code nor the triggers: they compare each offer with who waited at that moment.
"""

from dataclasses import dataclass
from typing import Any

from humiao.kit.sql import statement
from humiao.lottery.published import read_sealed
from humiao.lottery.verify import verify

SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class WaitlistReport:
    """What was looked at, and what does not fit."""

    offers: int
    releases: int
    draws: int
    findings: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether everything fits."""
        return not self.findings


async def audit(connection: Any) -> WaitlistReport:
    """Compare everything; one transaction sees one state."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        counts = await connection.fetchrow(statement("waitlist/audit_counts"))
        findings = [
            f"名额 {row['offer_id']}：登记 {row['passed_over']} 在它之前且当时在等 / waited before it"
            for row in await connection.fetch(statement("waitlist/audit_order"))
        ]
        findings += [
            f"余苗名额 {row['offer_id']}：登记 {row['passed_over']} 更近或更早且愿意来 / nearer or earlier, and willing"
            for row in await connection.fetch(statement("waitlist/audit_standby"))
        ]
        findings += [
            f"名额 {row['offer_id']}：与占号、登记或投放不符 / does not fit: {row['what']}"
            for row in await connection.fetch(statement("waitlist/audit_offers"))
        ]
        findings += [
            f"投放 {row['release_id']}：{row['doses']} 剂，发出 {row['taking']} 剂 / more offered than released"
            for row in await connection.fetch(statement("waitlist/audit_doses"))
        ]
        draws = await connection.fetch(statement("waitlist/audit_draws"))
        for row in draws:
            findings += await _check_draw(connection, row)
    return WaitlistReport(counts["offers"], counts["releases"], len(draws), tuple(findings[:SHOWN_MAX]))


async def _check_draw(connection: Any, row: Any) -> list[str]:
    """The published result follows from its own seed and list, and the places on record are those of the result."""
    verdict = verify(bytes(row["result"]), sealed=read_sealed(bytes(row["tickets"])))
    name = f"活动 {row['campaign_id']}"
    if not verdict.sound:
        return [f"{name}：摇号结果核验不通过 / the draw does not hold"]
    drawn = {ticket.decode(): at for at, ticket in enumerate(verdict.entrants.ticket_list(), 1)}
    places = await connection.fetch(statement("waitlist/audit_places"), row["campaign_id"])
    wrong = [one["ticket"] for one in places if drawn.pop(one["ticket"], None) != one["drawn_position"]]
    wrong += drawn  # drawn, and without a place on record
    return [f"{name}：票号 {ticket} 的名次与公布的不同 / another place than published" for ticket in wrong]
