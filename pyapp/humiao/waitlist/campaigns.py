"""Use cases of staff: make, publish, close and draw a campaign; doses for it; pause, resume; forecast and report.

Campaigns are the city's; doses are brought by staff in reach of the clinic. A change is audited in its transaction.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from humiao import _core
from humiao.auth.tokens import Staff
from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.lottery.models import DrawMisuse, check_text
from humiao.lottery.published import read_announcement
from humiao.waitlist.draws import Step, commit_draw, read_entropy, seal_draw
from humiao.waitlist.ranks import Ranks
from humiao.waitlist.schemas import CampaignInput, DosesInput, ReleaseInput
from humiao.waitlist.telling import campaign_told
from humiao.waitlist.terms import forecast

SOURCE = "desk"
EXEMPT = frozenset({"RabV"})  # post-exposure rabies: CHECK campaigns_rabies_for_everybody says so, too
Work = Callable[[Any], Awaitable[dict[str, Any] | Refusal]]


def _invalid(field: str, message: str) -> Refusal:
    return Refusal("invalid_input", extra={"errors": [{"field": field, "code": "implausible", "message": message}]})


def check_campaign(body: CampaignInput) -> Refusal | None:
    """What the shapes cannot say. Pure."""
    if body.opens_at >= body.closes_at:
        return _invalid("closes_at", "登记截止必须晚于开始")
    last = body.tiers[-1].model_dump(exclude={"label"})
    if any(value is not None for value in last.values()):
        return _invalid("tiers", "最后一档不能有条件，否则有人没有档次")
    for number, group in enumerate([body.eligible, *body.tiers]):
        if group.basis is not None and group.districts is None:
            return _invalid(f"tiers.{number - 1}" if number else "eligible", "须写明限定哪些区")
    if body.eligible.districts is not None and body.vaccine_code in EXEMPT:
        return _invalid("eligible", "暴露后狂犬病疫苗不得限定区域")
    if (body.mode == "draw") != (body.entropy_rule is not None):
        return _invalid("entropy_rule", "摇号须写明以哪一个公开数值为熵；排队不填")
    if body.entropy_rule is not None:
        try:
            check_text("entropy_rule", body.entropy_rule)
        except DrawMisuse:
            return _invalid("entropy_rule", "内容不能公布：请去掉特殊字符")
    return None


class CampaignsService:
    """What staff may do with campaigns."""

    def __init__(self, database: Database, vault: Vault, ranks: Ranks) -> None:
        self._ranks = ranks
        self._database = database
        self._vault = vault

    async def _change(self, me: Staff, key: str, operation: str, body: dict[str, Any], work: Work) -> Any:
        """One change with its key, in one transaction."""
        async with self._database.transaction() as connection:
            return await once(
                connection, actor=me.actor, key=key, operation=operation, body_hash=body_hash(operation, body),
                work=lambda: work(connection),
            )  # fmt: skip

    async def _note(self, connection: Any, me: Staff, action: str, campaign_id: int, **more: Any) -> None:
        await write_audit(connection, me.actor, SOURCE, f"campaign.{action}", f"campaign:{campaign_id}", **more)

    async def create(self, me: Staff, body: CampaignInput, key: str) -> Any:
        """A draft; nobody sees it but staff."""
        if refusal := check_campaign(body):
            return refusal

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            clinics = sorted(set(body.clinics))
            if await connection.fetchval(statement("waitlist/known_clinics"), clinics) < len(clinics):
                return Refusal("unknown_clinic")
            named = {code for group in (body.eligible, *body.tiers) for code in group.districts or ()}
            if await connection.fetchval(statement("residents/known_districts"), sorted(named)) < len(named):
                return Refusal("unknown_district")
            campaign_id = await connection.fetchval(
                statement("waitlist/add_campaign"),
                body.title, body.vaccine_code, body.mode, body.opens_at, body.closes_at, clinics,
                body.eligible.model_dump(exclude_none=True),
                [tier.model_dump(exclude_none=True) for tier in body.tiers],
                body.offer_minutes, body.entropy_rule, me.actor,
            )  # fmt: skip
            if campaign_id is None:
                return Refusal("unknown_vaccine")
            await self._note(connection, me, "created", campaign_id, detail=body.model_dump(mode="json"))
            return {"campaign_id": campaign_id}

        answer = await self._change(me, key, "campaign.create", body.model_dump(mode="json"), work)
        return answer if isinstance(answer, Refusal) else await self.show(answer["campaign_id"])

    async def publish(self, me: Staff, campaign_id: int, key: str) -> Any:
        """Fix the terms and show the campaign; in a draw the commitment is made and announced now."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            campaign = await _taken(connection, campaign_id)
            if campaign is None:
                return Refusal("unknown_campaign")
            if campaign["state"] != "draft" or campaign["closes_at"] <= campaign["now"]:
                return Refusal("campaign_state")
            await connection.fetchval(statement("waitlist/move_campaign"), campaign_id, "draft", "published")
            if campaign["mode"] == "draw":
                await commit_draw(connection, self._vault, campaign)
            await self._note(connection, me, "published", campaign_id)
            return {"campaign_id": campaign_id}

        return await self._done(me, key, "campaign.publish", campaign_id, work)

    async def close(self, me: Staff, campaign_id: int, reason: str, key: str) -> Any:
        """Take no more entries; in a draw, after the announced time, the list is sealed and published."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            campaign = await _taken(connection, campaign_id)
            if campaign is None:
                return Refusal("unknown_campaign")
            if campaign["state"] != "published":
                return Refusal("campaign_state")
            if campaign["mode"] == "draw" and campaign["now"] < campaign["closes_at"]:
                return Refusal("registration_still_open", retry_at=campaign["closes_at"])
            await connection.fetchval(statement("waitlist/move_campaign"), campaign_id, "published", "closed")
            sealed = await seal_draw(connection, campaign) if campaign["mode"] == "draw" else None
            await self._note(connection, me, "closed", campaign_id, reason=reason, detail={"tickets": sealed})
            return {"campaign_id": campaign_id}

        return await self._done(me, key, "campaign.close", campaign_id, work, {"reason": reason})

    async def read_entropy(self, me: Staff, campaign_id: int, entropy: str, key: str) -> Any:
        """What one officer read from the public source; when a second one reads the same, the draw is made."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            campaign = await _taken(connection, campaign_id)
            if campaign is None:
                return Refusal("unknown_campaign")
            if campaign["state"] != "closed" or campaign["mode"] != "draw":
                return Refusal("campaign_state")
            step = await read_entropy(connection, self._vault, campaign_id, me.staff_id, entropy)
            if isinstance(step, Refusal):
                return step
            if step == "drawn":
                await connection.fetchval(statement("waitlist/move_campaign"), campaign_id, "closed", "drawn")
            await self._note(connection, me, step, campaign_id, detail={"entropy": entropy})
            return {"campaign_id": campaign_id}

        told = await self._done(me, key, "campaign.entropy", campaign_id, work, {"entropy": entropy})
        if not isinstance(told, Refusal) and told["state"] == "drawn":
            with contextlib.suppress(_core.CacheUnavailable):  # a copy made before the draw has the places of before
                await self._ranks.forget(campaign_id)
        return told

    async def end(self, me: Staff, campaign_id: int, reason: str, key: str) -> Any:
        """No more offers; what is offered may still be answered."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            campaign = await _taken(connection, campaign_id)
            if campaign is None:
                return Refusal("unknown_campaign")
            if campaign["state"] not in ("closed", "drawn"):
                return Refusal("campaign_state")
            await connection.fetchval(statement("waitlist/move_campaign"), campaign_id, campaign["state"], "ended")
            await self._note(connection, me, "ended", campaign_id, reason=reason)
            return {"campaign_id": campaign_id}

        return await self._done(me, key, "campaign.end", campaign_id, work, {"reason": reason})

    async def pause(self, me: Staff, campaign_id: int, reason: str, key: str, *, paused: bool) -> Any:
        """Stop making offers, or go on. What is offered may be answered all the same."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            if await _taken(connection, campaign_id) is None:
                return Refusal("unknown_campaign")
            if await connection.fetchval(statement("waitlist/pause_campaign"), campaign_id, paused) is None:
                return Refusal("campaign_state")
            await self._note(connection, me, "paused" if paused else "resumed", campaign_id, reason=reason)
            return {"campaign_id": campaign_id}

        operation = "campaign.pause" if paused else "campaign.resume"
        return await self._done(me, key, operation, campaign_id, work, {"reason": reason})

    async def _done(
        self, me: Staff, key: str, operation: str, campaign_id: int, work: Work, body: dict[str, Any] | None = None
    ) -> Any:
        answer = await self._change(me, key, operation, {"campaign": campaign_id} | (body or {}), work)
        return answer if isinstance(answer, Refusal) else await self.show(campaign_id)

    async def list(self) -> dict[str, Any]:
        """All campaigns, newest first."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("waitlist/list_all_campaigns"), None)
        return {"items": [_told(row) for row in rows]}

    async def show(self, campaign_id: int) -> dict[str, Any] | Refusal:
        """One campaign, drafts too."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("waitlist/list_all_campaigns"), campaign_id)
        return Refusal("unknown_campaign") if row is None else _told(row)

    async def draw_file(self, campaign_id: int, part: str) -> bytes | Refusal:
        """A published file of a draw, or `unknown_campaign` before its step."""
        async with self._database.read() as connection:
            found = await connection.fetchval(statement("waitlist/draw_file"), campaign_id, part)
        return Refusal("unknown_campaign") if found is None else bytes(found)

    # ---- doses -----------------------------------------------------------------------------------------------

    async def release(self, me: Staff, campaign_id: int, body: ReleaseInput, key: str) -> Any:
        """Give a campaign doses of a clinic session's stock; the worker offers them."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            campaign = await _taken(connection, campaign_id)
            stock = await connection.fetchrow(statement("waitlist/stock_to_release"), body.stock_id)
            if campaign is None or campaign["state"] in ("draft", "ended"):
                return Refusal("unknown_campaign")
            if stock is None or not await _in_reach(connection, me, stock["clinic_id"]):
                return Refusal("unknown_stock")
            if stock["state"] != "published":
                return Refusal("session_already_closed")
            outside = campaign["clinics"] and stock["clinic_id"] not in campaign["clinics"]
            if outside or stock["vaccine_code"] != campaign["vaccine_code"]:
                return _invalid("stock_id", "这个库存的疫苗或门诊不在活动范围内")
            if body.doses > stock["doses"]:
                return _invalid("doses", "剂数不能多于这个场次的库存")
            release_id = await connection.fetchval(
                statement("waitlist/add_release"),
                campaign_id, body.stock_id, stock["session_id"], stock["clinic_id"], body.doses, me.actor,
            )  # fmt: skip
            if release_id is None:
                return Refusal("already_released")
            detail = body.model_dump() | {"release": release_id}
            await self._note(connection, me, "released", campaign_id, detail=detail)
            return {"release_id": release_id, "campaign_id": campaign_id}

        answer = await self._change(me, key, "campaign.release", {"campaign": campaign_id} | body.model_dump(), work)
        return answer if isinstance(answer, Refusal) else await self.reported(answer)

    async def set_doses(self, me: Staff, release_id: int, body: DosesInput, key: str) -> Any:
        """Add doses to a release, or take back those that nobody was offered."""

        async def work(connection: Any) -> dict[str, Any] | Refusal:
            release = await connection.fetchrow(statement("waitlist/release_to_change"), release_id)
            if release is None or not await _in_reach(connection, me, release["clinic_id"]):
                return Refusal("unknown_release")
            await connection.execute(statement("waitlist/take_campaign"), release["campaign_id"])
            release = await connection.fetchrow(statement("waitlist/release_to_change"), release_id)
            if body.doses > release["stock_doses"]:
                return _invalid("doses", "剂数不能多于这个场次的库存")
            if body.doses < release["taking"]:
                return _invalid("doses", f"已有 {release['taking']} 剂发出或用掉，不能更少")
            await connection.execute(statement("waitlist/set_doses"), release_id, body.doses)
            await self._note(
                connection, me, "doses", release["campaign_id"], reason=body.reason,
                detail={"release": release_id, "doses": body.doses},
            )  # fmt: skip
            return {"release_id": release_id, "campaign_id": release["campaign_id"]}

        answer = await self._change(me, key, "campaign.doses", {"release": release_id} | body.model_dump(), work)
        return answer if isinstance(answer, Refusal) else await self.reported(answer)

    async def reported(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The report of the release that an answer names."""
        releases: list[dict[str, Any]] = (await self.report(answer["campaign_id"]))["items"]
        return next(release for release in releases if release["release_id"] == answer["release_id"])

    async def report(self, campaign_id: int) -> dict[str, Any]:
        """What became of the doses of each release."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("waitlist/report"), campaign_id)
        return {"items": [dict(row) for row in rows]}

    async def forecast(self, campaign_id: int) -> dict[str, Any] | Refusal:
        """How far the doses at hand may reach, if as many accept as did so far."""
        async with self._database.read() as connection:
            if await connection.fetchrow(statement("waitlist/show_campaign"), campaign_id) is None:
                return Refusal("unknown_campaign")
            supply = await connection.fetchrow(statement("waitlist/supply"), campaign_id)
        seen = forecast(
            doses_left=supply["doses"] - supply["taking"], offers_ended=supply["offers_ended"],
            accepted=supply["accepted"], waiting=supply["waiting"], open_offers=supply["open_offers"],
        )  # fmt: skip
        return {"waiting": supply["waiting"], "doses": supply["doses"]} | asdict(seen)


async def _taken(connection: Any, campaign_id: int) -> Any:
    """A campaign, had alone until the transaction ends; None where there is none."""
    await connection.execute(statement("waitlist/take_campaign"), campaign_id)
    return await connection.fetchrow(statement("waitlist/show_campaign"), campaign_id)


async def _in_reach(connection: Any, me: Staff, clinic_id: int) -> bool:
    found = await connection.fetchval(
        statement("scheduling/clinic_in_reach"), clinic_id, me.role, me.clinic_id, me.district_code
    )
    return found is not None


def _told(row: Any) -> dict[str, Any]:
    draw = None
    if row["announcement"] is not None:
        step: Step = "committed"
        if row["sealed_at"] is not None:
            step = "drawn" if row["drawn_at"] is not None else "half_read" if row["readings"] else "sealed"
        commitment = read_announcement(bytes(row["announcement"])).commitment.hex()
        draw = {"campaign_id": row["campaign_id"], "step": step, "commitment": commitment, "tickets": row["entrants"]}
    return campaign_told(row) | {"entries": row["entries"], "created_at": row["created_at"], "draw": draw}
