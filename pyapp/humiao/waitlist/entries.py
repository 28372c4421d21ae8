"""Use cases of residents who wait: campaigns, registering, the place and how it came about, leaving, other clinics.

Ownership is asked inside every statement. Who changes the line shares the campaign's lock first, so that a round of
offers sees all of the change or none of it.
"""

from collections.abc import Sequence
from typing import Any

from humiao.auth.tokens import Resident
from humiao.booking.cache import Gatekeeper
from humiao.booking.ledger import read_counters
from humiao.booking.models import Counter
from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.keys import ReceiptKey
from humiao.kit.masking import mask_name
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.lottery.receipts import Receipt, sign_receipt
from humiao.waitlist.draws import published_name
from humiao.waitlist.ranks import Ranks, Standing, why_before
from humiao.waitlist.schemas import ClinicsInput, RegisterInput, StandbyInput
from humiao.waitlist.telling import campaign_told, entry_told, how_told, reason_told, what_changes, why_skipped
from humiao.waitlist.terms import REASONS, Person, forecast, group_of, tier_of, tiers_of

SOURCE = "h5"


class EntriesService:
    """What a resident may do with entries."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        gatekeeper: Gatekeeper,
        ranks: Ranks,
        receipt_keys: Sequence[ReceiptKey],
    ) -> None:
        self._ranks = ranks
        self._database = database
        self._vault = vault
        self._gatekeeper = gatekeeper
        self._receipt_keys = receipt_keys

    async def campaigns(self) -> dict[str, Any]:
        """Campaigns that residents see."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("waitlist/list_campaigns"))
        return {"items": [campaign_told(row) for row in rows]}

    async def campaign(self, campaign_id: int) -> dict[str, Any] | Refusal:
        """One campaign with its clinics; a draft does not exist."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("waitlist/show_campaign"), campaign_id)
            if row is None or row["state"] == "draft":
                return Refusal("unknown_campaign")
            clinics = await connection.fetch(statement("waitlist/clinics_of_campaign"), campaign_id)
        return campaign_told(row) | {"clinics": [dict(clinic) for clinic in clinics]}

    async def register(self, me: Resident, campaign_id: int, body: RegisterInput, key: str) -> Any:
        """Put one of the caller's people at the end of their tier, once per key."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                await connection.execute(statement("waitlist/share_campaign"), campaign_id)
                campaign = await connection.fetchrow(statement("waitlist/show_campaign"), campaign_id)
                refusal = _refuse_campaign(campaign) or await _refuse_clinics(connection, campaign_id, body.clinics)
                if refusal is not None:
                    return refusal
                return await self._enter(connection, me, campaign, body)

            answer = await once(
                connection, actor=me.actor, key=key, operation="waitlist.register",
                body_hash=body_hash("waitlist.register", body.model_dump(mode="json") | {"campaign": campaign_id}),
                work=work,
            )  # fmt: skip
        if isinstance(answer, Refusal):
            return answer
        # A repeat tells it once more, which changes nothing; who has left since is not brought back.
        standing = answer["entry_id"], answer["tier"], answer["arrival"]
        await self._ranks.tell_joined(campaign_id, "arrived", standing)
        return await self.place(me, answer["entry_id"])

    async def _enter(
        self, connection: Any, me: Resident, campaign: Any, body: RegisterInput
    ) -> dict[str, Any] | Refusal:
        found = await connection.fetchrow(
            statement("waitlist/person_to_register"), me.account_id, body.person_id, campaign["vaccine_code"]
        )
        if found is None or found["status"] != "active":
            return Refusal("unknown_person")
        person = Person(
            found["birth_date"], found["sex"], found["doses"], found["waited_before"],
            found["residence_district"], found["work_district"],
        )  # fmt: skip
        day = campaign["closes_at"].astimezone(CITY_ZONE).date()
        misfit = group_of(campaign["eligible"]).misfit(person, day)
        if misfit is not None:
            closes = campaign["closes_at"].astimezone(CITY_ZONE)
            detail = (
                f"{REASONS[misfit]}登记范围到{closes.month}月{closes.day}日{closes:%H:%M}截止前不会改变；"
                "有疑问的，请咨询就近门诊或12345热线。"
            )
            told = {"detail": detail, "reason": misfit, "rule": "campaign_group", "until": closes.isoformat()}
            return Refusal("not_in_group", extra=told)
        tier, label = tier_of(tiers_of(campaign["tiers"]), person, day)
        entered = await connection.fetchrow(
            statement("waitlist/register"),
            campaign["campaign_id"], campaign["vaccine_code"], body.person_id, me.account_id, tier, label,
            sorted(set(body.clinics)), me.actor, SOURCE,
        )  # fmt: skip
        if entered is not None:
            return dict(entered)
        live = await connection.fetchrow(
            statement("waitlist/live_entry"), campaign["campaign_id"], body.person_id, campaign["vaccine_code"]
        )
        return Refusal("already_registered" if live["here"] else "waiting_elsewhere")

    async def mine(self, me: Resident) -> dict[str, Any]:
        """Entries of the caller's people, live ones first."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("waitlist/list_entries"), me.account_id, None)
        return {"items": [entry_told(row, self._name(row)) for row in rows]}

    def _name(self, row: Any) -> str:
        return mask_name(self._vault.open(bytes(row["name_sealed"]), row=row["person_id"], field="name"))

    async def place(self, me: Resident, entry_id: int) -> dict[str, Any] | Refusal:
        """An entry with its place: how it came about, what changes it, how far doses may reach."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("waitlist/list_entries"), me.account_id, entry_id)
            if row is None:
                return Refusal("unknown_entry")
            rank = None
            if row["state"] == "waiting":
                rank = await self._rank(connection, row)
            supply = await connection.fetchrow(statement("waitlist/supply"), row["campaign_id"])
            skips = await connection.fetch(statement("waitlist/skips_of_entry"), entry_id)
        return entry_told(row, self._name(row)) | {
            "rank": rank,
            "how": how_told(row),
            "changes": what_changes(row),
            "outlook": _outlook(row, rank, supply),
            "skips": [
                {"at": skip["made_at"], "clinic_name": skip["clinic_name"], "why": why_skipped(skip["reason"])}
                for skip in skips
            ],
        }

    async def _rank(self, connection: Any, row: Any) -> dict[str, Any]:
        """Counted in the copy where there is one, else in the ledger; whoever is just before is the ledger's to say."""
        copied = await self._ranks.ask(row["campaign_id"], row["entry_id"])
        if copied is not None:
            rank = {name: getattr(copied, name) for name in ("ahead", "ahead_in_earlier_tiers", "waiting")}
        else:
            rank = dict(
                await connection.fetchrow(statement("waitlist/rank"), row["campaign_id"], row["place"], row["tier"])
            )
        before = await connection.fetchrow(statement("waitlist/entry_before"), row["campaign_id"], row["place"])
        reason = None if before is None else why_before(_standing(before), _standing(row))
        return rank | {"previous": None if reason is None else reason_told(reason.code)}

    async def withdraw(self, me: Resident, entry_id: int, key: str) -> Any:
        """Leave the line; an offer that is open is given back. A reservation is cancelled where reservations are."""
        counters: list[Counter] = []
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                entry = await connection.fetchrow(statement("waitlist/find_entry"), me.account_id, entry_id)
                if entry is None:
                    return Refusal("unknown_entry")
                await connection.execute(statement("waitlist/share_campaign"), entry["campaign_id"])
                gone = await connection.fetchval(statement("waitlist/withdraw_waiting"), entry_id, me.actor, SOURCE)
                if gone is None:
                    # What was waiting a moment ago may have got an offer by now: look again, nothing moves it back.
                    entry = await connection.fetchrow(statement("waitlist/find_entry"), me.account_id, entry_id)
                    place = await connection.fetchrow(
                        statement("waitlist/give_back_offer"), entry["offer_id"], "withdrawn", me.actor, SOURCE
                    )
                    if place is None:
                        return Refusal("entry_ended")
                    counters.extend(await read_counters(connection, {tuple(place)}))
                return {"entry_id": entry_id, "campaign_id": entry["campaign_id"]}

            answer = await once(
                connection, actor=me.actor, key=key, operation="waitlist.withdraw",
                body_hash=body_hash("waitlist.withdraw", {"entry": entry_id}), work=work,
            )  # fmt: skip
        if counters:
            self._gatekeeper.settle_later(counters)
        if isinstance(answer, Refusal):
            return answer
        await self._ranks.tell_left(answer["campaign_id"], [entry_id])
        return await self.place(me, entry_id)

    async def change_clinics(self, me: Resident, entry_id: int, body: ClinicsInput, key: str) -> Any:
        """Other clinics for an entry that waits; its place stays."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                entry = await connection.fetchrow(statement("waitlist/find_entry"), me.account_id, entry_id)
                if entry is None:
                    return Refusal("unknown_entry")
                refusal = await _refuse_clinics(connection, entry["campaign_id"], body.clinics)
                if refusal is not None:
                    return refusal
                await connection.execute(statement("waitlist/share_campaign"), entry["campaign_id"])
                done = await connection.fetchval(
                    statement("waitlist/set_clinics"), entry_id, sorted(set(body.clinics)), me.actor, SOURCE
                )
                return Refusal("entry_ended") if done is None else {"entry_id": entry_id}

            answer = await once(
                connection, actor=me.actor, key=key, operation="waitlist.clinics",
                body_hash=body_hash("waitlist.clinics", {"entry": entry_id} | body.model_dump()), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.place(me, entry_id)

    async def set_standby(self, me: Resident, entry_id: int, body: StandbyInput, key: str) -> Any:
        """Be asked for leftover doses, from a district, or no longer; the place stays either way."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                entry = await connection.fetchrow(statement("waitlist/find_entry"), me.account_id, entry_id)
                if entry is None:
                    return Refusal("unknown_entry")
                if body.district and not await connection.fetchval(
                    statement("residents/known_districts"), [body.district]
                ):
                    wrong = {"field": "district", "code": "unknown_district", "message": "没有这个区，请重新选择"}
                    return Refusal("invalid_input", extra={"errors": [wrong]})
                await connection.execute(statement("waitlist/share_campaign"), entry["campaign_id"])
                done = await connection.fetchval(
                    statement("waitlist/set_standby"), entry_id, body.district, me.actor, SOURCE
                )
                return Refusal("entry_ended") if done is None else {"entry_id": entry_id}

            answer = await once(
                connection, actor=me.actor, key=key, operation="waitlist.standby",
                body_hash=body_hash("waitlist.standby", {"entry": entry_id} | body.model_dump()), work=work,
            )  # fmt: skip
        return answer if isinstance(answer, Refusal) else await self.place(me, entry_id)

    async def receipt(self, me: Resident, entry_id: int) -> dict[str, str] | Refusal:
        """The city's signed receipt that a ticket takes part in a draw."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("waitlist/receipt_facts"), me.account_id, entry_id)
        if row is None:
            return Refusal("unknown_entry")
        at = row["registered_at"].astimezone(CITY_ZONE).isoformat(timespec="seconds")
        name = published_name(row["campaign_id"], row["title"])
        return {"receipt": sign_receipt(Receipt(name, row["ticket"], row["tier"], at), self._receipt_keys)}


def _refuse_campaign(campaign: Any) -> Refusal | None:
    if campaign is None or campaign["state"] == "draft":
        return Refusal("unknown_campaign")
    if campaign["state"] != "published" or campaign["closes_at"] <= campaign["now"]:
        return Refusal("registration_closed")
    if campaign["opens_at"] > campaign["now"]:
        return Refusal("registration_not_open", retry_at=campaign["opens_at"])
    return None


async def _refuse_clinics(connection: Any, campaign_id: int, clinics: list[int]) -> Refusal | None:
    if not clinics:
        return None
    known = {row["clinic_id"] for row in await connection.fetch(statement("waitlist/clinics_of_campaign"), campaign_id)}
    if set(clinics) <= known:
        return None
    errors = [{"field": "clinics", "code": "implausible", "message": "所选门诊不在本次登记的范围内"}]
    return Refusal("invalid_input", extra={"errors": errors})


def _standing(row: Any) -> Standing:
    if row["drawn_position"] is not None:
        return Standing(row["tier"], "drawn", row["drawn_position"])
    return Standing(row["tier"], "arrived", row["arrival"])


def _outlook(row: Any, rank: Any, supply: Any) -> dict[str, Any]:
    left = supply["doses"] - supply["taking"]
    seen = forecast(
        doses_left=left, offers_ended=supply["offers_ended"], accepted=supply["accepted"],
        waiting=supply["waiting"], open_offers=supply["open_offers"],
    )  # fmt: skip
    known = rank is not None and supply["doses"] > 0
    return {
        "doses": supply["doses"],
        "doses_left": left,
        "acceptance_percent": seen.acceptance_percent,
        "reaches": seen.reaches,
        "likely": rank["ahead"] < seen.reaches if known else None,
    }
