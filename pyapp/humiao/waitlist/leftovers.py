"""Leftover doses (余苗): what a clinic has left when its day ends goes to those nearby who would come at once.

The doses become a clinic session of their own, with one window until the hour that staff say, released to a campaign;
the worker's rounds offer them as they offer any dose. No dose is told of twice: what is left never exceeds the first
stock less what is held, due, in the clinic or given.
"""

from datetime import timedelta
from typing import Any

from humiao.auth.tokens import Staff
from humiao.booking.cache import Gatekeeper
from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.audit import write_audit
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.waitlist.schemas import LeftoverInput

SOON, LATE = timedelta(minutes=15), timedelta(hours=12)  # rounds end ten minutes before the window does


class LeftoversService:
    """What staff of a clinic may do with what is left."""

    def __init__(self, database: Database, gatekeeper: Gatekeeper) -> None:
        self._database = database
        self._gatekeeper = gatekeeper

    async def declare(self, me: Staff, campaign_id: int, body: LeftoverInput, key: str) -> dict[str, Any] | Refusal:
        """Offer what is left; returns {campaign_id, release_id, session_id}.

        `unknown_campaign`, `campaign_state` where none are offered now, `unknown_stock`, `leftover_not_today`,
        `still_bookable`, and `invalid_input` with the most doses that can be left, or for the hour.
        """
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                return await _declare(connection, me, campaign_id, body)

            digest = body_hash("campaign.leftovers", {"campaign": campaign_id} | body.model_dump(mode="json"))
            answer = await once(
                connection, actor=me.actor, key=key, operation="campaign.leftovers", body_hash=digest, work=work
            )
        if not isinstance(answer, Refusal):
            await self._gatekeeper.load([answer["session_id"]])
        return answer


async def _declare(connection: Any, me: Staff, campaign_id: int, body: LeftoverInput) -> dict[str, Any] | Refusal:
    await connection.execute(statement("waitlist/take_campaign"), campaign_id)
    campaign = await connection.fetchrow(statement("waitlist/show_campaign"), campaign_id)
    if campaign is None or campaign["state"] == "draft":
        return Refusal("unknown_campaign")
    if campaign["state"] not in (("published", "closed") if campaign["mode"] == "queue" else ("drawn",)):
        return Refusal("campaign_state")
    await connection.execute(statement("waitlist/lock_stock"), body.stock_id)
    stock = await connection.fetchrow(statement("waitlist/leftover_stock"), body.stock_id)
    if stock is None or not await _in_reach(connection, me, stock["clinic_id"]):
        return Refusal("unknown_stock")
    if refusal := _refuse(campaign, stock, body):
        return refusal
    title = f"余苗（{body.until.astimezone(CITY_ZONE):%H:%M}前）"
    made = await connection.fetchrow(
        statement("waitlist/add_leftovers"),
        stock["clinic_id"], stock["session_date"], title, me.actor, body.until, body.doses, stock["product_id"],
        campaign_id, body.stock_id, body.offer_minutes,
    )  # fmt: skip
    detail = body.model_dump(mode="json") | dict(made)
    await write_audit(connection, me.actor, "desk", "campaign.leftovers", f"campaign:{campaign_id}", detail=detail)
    return {"campaign_id": campaign_id} | dict(made)


def _refuse(campaign: Any, stock: Any, body: LeftoverInput) -> Refusal | None:
    """Why nothing can be left of a stock now, or not so much."""
    outside = campaign["clinics"] and stock["clinic_id"] not in campaign["clinics"]
    if outside or stock["vaccine_code"] != campaign["vaccine_code"]:
        return _invalid("stock_id", "这个库存的疫苗或门诊不在活动范围内")
    if not stock["today"]:
        return Refusal("leftover_not_today")
    if stock["bookable"]:
        return Refusal("still_bookable")
    most = stock["doses"] - stock["needed"] - stock["told"]
    if body.doses > most:
        return _invalid("doses", f"除去已接种、已到和还会来的，最多余 {max(0, most)} 剂")
    if not stock["now"] + SOON < body.until <= stock["now"] + LATE:
        return _invalid("until", "须在 15 分钟以后、12 小时以内")
    return None


def _invalid(field: str, message: str) -> Refusal:
    return Refusal("invalid_input", extra={"errors": [{"field": field, "code": "implausible", "message": message}]})


async def _in_reach(connection: Any, me: Staff, clinic_id: int) -> bool:
    found = await connection.fetchval(
        statement("scheduling/clinic_in_reach"), clinic_id, me.role, me.clinic_id, me.district_code
    )
    return found is not None
