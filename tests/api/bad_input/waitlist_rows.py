"""Rows about campaigns, entries and offers."""

from typing import Any

from tests.api.bad_input.rows import Request, Row, Who, get, json
from tests.api.bad_input.stage import Stage

NO_OFFER = "/resident/offers/00000000-0000-4000-8000-000000000000"
REASON = {"reason": "测试"}


def register(stage: Stage, campaign: int | None = None, **changes: Any) -> Request:
    body = {"person_id": str(stage.free_person)} | {name: value for name, value in changes.items() if name != "who"}
    path = f"/resident/campaigns/{campaign or stage.campaign}/entries"
    return json("POST", path, body, who=changes.get("who", "free"))


def campaign(**changes: Any) -> Request:
    body = {
        "title": "登记", "vaccine_code": "HPV9", "mode": "queue", "opens_at": "2031-03-03T09:00:00+08:00",
        "closes_at": "2031-03-04T09:00:00+08:00",
    }  # fmt: skip
    return json("POST", "/admin/campaigns", body | changes, who="city")


def draft(stage: Stage, step: str, body: Any = None, **more: Any) -> Request:
    return json("POST", f"/admin/campaigns/{stage.campaign_draft}/{step}", body, **({"who": "city"} | more))


def leftovers(stage: Stage, *, campaign_id: int | None = None, who: Who = "clinic", **changes: Any) -> Request:
    body = {"stock_id": stage.open.stock_id, "doses": 1, "until": "2031-03-03T17:00:00+08:00"} | changes
    return json("POST", f"/clinic/campaigns/{campaign_id or stage.campaign}/leftovers", body, who=who)


def standby(stage: Stage, body: dict[str, Any], *, who: Who = "me") -> Request:
    return json("PUT", f"/resident/entries/{stage.my_entry}/standby", body, who=who)


RESIDENTS = [
    Row("campaign nobody made", lambda s: register(s, 10**12), 404, "unknown_campaign"),
    Row("draft", lambda s: register(s, s.campaign_draft), 404, "unknown_campaign"),
    Row("somebody else's person", lambda s: register(s, who="other"), 404, "unknown_person"),
    Row("person of letters", lambda s: register(s, person_id="王小明"), 422, "invalid_input", "person_id"),
    Row("clinic outside", lambda s: register(s, clinics=[7]), 422, "invalid_input", "clinics"),
    Row("clinic as text", lambda s: register(s, clinics=["7"]), 422, "invalid_input", "clinics.0"),
    Row("21 clinics", lambda s: register(s, clinics=list(range(1, 22))), 422, "invalid_input", "clinics"),
    Row("a tier of one's own", lambda s: register(s, tier=0), 422, "invalid_input", "tier"),
    Row("registered twice", lambda s: register(s, person_id=str(s.me), who="me"), 409, "already_registered"),
    Row("not yet", lambda s: register(s, s.campaign_ahead), 409, "registration_not_open", retry_at=True),
    Row("nobody registers", lambda s: register(s, who="nobody"), 401, "not_logged_in"),
    Row("staff register", lambda s: register(s, who="city"), 401, "not_logged_in"),
    Row("without a key", lambda s: json("POST", f"/resident/campaigns/{s.campaign}/entries", {}, key=None), 400,
        "key_missing"),
    Row("campaign 007", lambda _: get("/public/campaigns/007", who="nobody"), 404, "not_found"),
    Row("no campaign", lambda _: get("/public/campaigns/1099511627776", who="nobody"), 404, "unknown_campaign"),
    Row("no such file", lambda s: get(f"/public/campaigns/{s.campaign}/draw/secret", who="nobody"), 404, "not_found"),
    Row("no draw", lambda s: get(f"/public/campaigns/{s.campaign}/draw/result", who="nobody"), 404, "unknown_campaign"),
    Row("another's entry", lambda s: get(f"/resident/entries/{s.my_entry}", who="other"), 404, "unknown_entry"),
    Row("another's receipt", lambda s: get(f"/resident/entries/{s.my_entry}/receipt", who="other"), 404, "unknown_entry"),
    Row("no receipt of a queue", lambda s: get(f"/resident/entries/{s.my_entry}/receipt"), 404, "unknown_entry"),
    Row("another leaves for me", lambda s: json("POST", f"/resident/entries/{s.my_entry}/withdraw", None, who="other"),
        404, "unknown_entry"),
    Row("another's clinics", lambda s: json("PATCH", f"/resident/entries/{s.my_entry}", {"clinics": []}, who="other"),
        404, "unknown_entry"),
    Row("clinics that are none", lambda s: json("PATCH", f"/resident/entries/{s.my_entry}", {"clinics": None}), 422,
        "invalid_input", "clinics"),
    Row("no such offer", lambda _: get(NO_OFFER), 404, "unknown_offer"),
    Row("a hold is no offer", lambda s: json("POST", f"/resident/offers/{s.my_hold.claim_id}/decline", None), 404,
        "unknown_offer"),
    Row("accept nothing", lambda s: json("POST", NO_OFFER + "/accept", {"window_id": 1}), 404, "unknown_offer"),
    Row("accept no window", lambda s: json("POST", NO_OFFER + "/accept", {"window_id": 0}), 422, "invalid_input",
        "window_id"),
    Row("decline nothing", lambda s: json("POST", NO_OFFER + "/decline", None), 404, "unknown_offer"),
    Row("offer of letters", lambda _: get("/resident/offers/first"), 404, "not_found"),
]  # fmt: skip
STAFF = [
    Row("campaign that ends first", lambda _: campaign(closes_at="2031-03-02T09:00:00+08:00"), 422, "invalid_input",
        "closes_at"),
    Row("campaign of no vaccine", lambda _: campaign(vaccine_code="NONE"), 404, "unknown_vaccine"),
    Row("vaccine of SQL", lambda _: campaign(vaccine_code="'; --"), 422, "invalid_input", "vaccine_code"),
    Row("campaign at no clinic", lambda _: campaign(clinics=[7]), 404, "unknown_clinic"),
    Row("no tier", lambda _: campaign(tiers=[]), 422, "invalid_input", "tiers"),
    Row("tier of no district", lambda _: campaign(tiers=[{"label": "本区", "districts": []}, {"label": "其他"}]), 422,
        "invalid_input", "tiers.0.districts"),
    Row("basis without districts", lambda _: campaign(eligible={"basis": "work"}), 422, "invalid_input", "eligible"),
    Row("group of a district nobody knows", lambda _: campaign(eligible={"districts": ["310103"]}), 404,
        "unknown_district"),
    Row("rabies for one district", lambda _: campaign(vaccine_code="RabV", eligible={"districts": ["310104"]}), 422,
        "invalid_input", "eligible"),
    Row("report of a draft", lambda s: get(f"/public/campaigns/{s.campaign_draft}/report", who="nobody"), 404,
        "unknown_campaign"),
    Row("report of no campaign", lambda _: get("/public/campaigns/1099511627776/report", who="nobody"), 404,
        "unknown_campaign"),
    Row("report of campaign 007", lambda _: get("/public/campaigns/007/report", who="nobody"), 404, "not_found"),
    Row("leftovers by a resident", lambda s: leftovers(s, who="me"), 401, "not_logged_in"),
    Row("leftovers of another clinic", lambda s: leftovers(s, stock_id=s.full.stock_id), 404, "unknown_stock"),
    Row("leftovers of another vaccine", leftovers, 422, "invalid_input", "stock_id"),
    Row("leftovers of no campaign", lambda s: leftovers(s, campaign_id=2**40), 404, "unknown_campaign"),
    Row("no leftovers", lambda s: leftovers(s, doses=0), 422, "invalid_input", "doses"),
    Row("leftovers until an hour without a zone", lambda s: leftovers(s, until="2026-12-01T17:00:00"), 422,
        "invalid_input", "until"),
    Row("leftovers to think about all night", lambda s: leftovers(s, offer_minutes=600), 422, "invalid_input",
        "offer_minutes"),
    Row("standby from a district nobody knows", lambda s: standby(s, {"district": "310103"}), 422, "invalid_input",
        "district"),
    Row("standby from nowhere", lambda s: standby(s, {}), 422, "invalid_input", "district"),
    Row("standby of somebody else", lambda s: standby(s, {"district": None}, who="other"), 404, "unknown_entry"),
    Row("last tier asks", lambda _: campaign(tiers=[{"label": "补种", "sex": "F"}]), 422, "invalid_input", "tiers"),
    Row("mode of luck", lambda _: campaign(mode="luck"), 422, "invalid_input", "mode"),
    Row("draw without a source", lambda _: campaign(mode="draw"), 422, "invalid_input", "entropy_rule"),
    Row("offers of a minute", lambda _: campaign(offer_minutes=1), 422, "invalid_input", "offer_minutes"),
    Row("a clinic makes a campaign", lambda _: json("POST", "/admin/campaigns", {}, who="clinic"), 403, "forbidden"),
    Row("a resident makes one", lambda _: json("POST", "/admin/campaigns", {}), 401, "not_logged_in"),
    Row("a clinic publishes", lambda s: draft(s, "publish", who="clinic"), 403, "forbidden"),
    Row("close a draft", lambda s: draft(s, "close", REASON), 409, "campaign_state"),
    Row("end a draft", lambda s: draft(s, "end", REASON), 409, "campaign_state"),
    Row("draw a draft", lambda s: draft(s, "draw", {"entropy": "1"}), 409, "campaign_state"),
    Row("resume what goes on", lambda s: draft(s, "resume", REASON), 409, "campaign_state"),
    Row("pause without a reason", lambda s: draft(s, "pause", {"reason": ""}), 422, "invalid_input", "reason"),
    Row("publish nothing", lambda _: json("POST", "/admin/campaigns/1099511627776/publish", None, who="city"), 404,
        "unknown_campaign"),
    Row("doses for a draft", lambda s: json("POST", f"/clinic/campaigns/{s.campaign_draft}/releases",
                                            {"stock_id": s.open.stock_id, "doses": 1}, who="city"), 404, "unknown_campaign"),
    Row("doses of another vaccine", lambda s: json("POST", f"/clinic/campaigns/{s.campaign}/releases",
                                                   {"stock_id": s.open.stock_id, "doses": 1}, who="city"), 422,
        "invalid_input", "stock_id"),
    Row("another clinic's doses", lambda s: json("POST", f"/clinic/campaigns/{s.campaign}/releases",
                                                 {"stock_id": s.full.stock_id, "doses": 1}, who="clinic"), 404,
        "unknown_stock"),
    Row("no doses", lambda s: json("POST", f"/clinic/campaigns/{s.campaign}/releases",
                                   {"stock_id": s.open.stock_id, "doses": 0}, who="city"), 422, "invalid_input", "doses"),
    Row("doses of no release", lambda _: json("PATCH", "/clinic/releases/1099511627776", REASON | {"doses": 1}, who="city"),
        404, "unknown_release"),
    Row("a clinic reads the report", lambda s: get(f"/admin/campaigns/{s.campaign}/releases", who="clinic"), 403,
        "forbidden"),
    Row("forecast of nothing", lambda _: get("/admin/campaigns/1099511627776/forecast", who="city"), 404,
        "unknown_campaign"),
]  # fmt: skip
ROWS = [*RESIDENTS, *STAFF]
