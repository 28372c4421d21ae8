"""What people are told about campaigns and places, in words. Pure."""

from typing import Any

from humiao.errors import CITY_ZONE

STATE_LABELS = {
    "waiting": "排队中",
    "offered": "轮到您了，请答复",
    "accepted": "已接受，已预约",
    "declined": "已放弃",
    "expired": "未按时答复",
    "withdrawn": "已退出",
    "unserved": "活动结束时没有轮到",
    "done": "已到诊",
}
REASON_WORDS = {
    "earlier_tier": "前面一位属于更优先的档次",
    "earlier_in_draw": "前面一位与您同档，摇号结果在您之前",
    "joined_after_draw": "前面一位参加了摇号，您是摇号后登记的",
    "earlier_arrival": "前面一位与您同档，登记比您早",
}
SKIP_WORDS = {
    "inactive": "这位接种人的档案当时不可用",
    "duplicate_claim": "这位接种人当时已有同类疫苗的预约",
    "asked_before": "这次余苗已经问过您，您没有接受",
    "not_eligible_that_day": "到接种当天，这位接种人不在本次登记的范围内",
}


def reason_told(code: str) -> str:
    """Why the entry before is served first."""
    return REASON_WORDS[code]


def why_skipped(reason: str) -> str:
    """Why an entry was passed over."""
    return SKIP_WORDS[reason]


def phase_of(row: Any) -> str:
    """A campaign's state by the database's clock: announced before it opens, closed once its time is over."""
    if row["state"] != "published":
        return str(row["state"])
    if row["now"] < row["opens_at"]:
        return "announced"
    return "open" if row["now"] < row["closes_at"] else "closed"


def campaign_told(row: Any) -> dict[str, Any]:
    """A campaign as residents see it."""
    names = (
        "campaign_id", "title", "vaccine_code", "vaccine_name", "mode", "state", "paused", "opens_at", "closes_at",
        "eligible", "offer_minutes", "entropy_rule",
    )  # fmt: skip
    tiers = [{"tier": number, "label": tier["label"]} for number, tier in enumerate(row["tiers"])]
    return {name: row[name] for name in names} | {"phase": phase_of(row), "tiers": tiers}


def entry_told(row: Any, name_masked: str) -> dict[str, Any]:
    """An entry as its owner sees it."""
    offer = None
    if row["offer_id"] is not None:
        offer = {"offer_id": row["offer_id"], "state": row["offer_state"], "answer_by": row["answer_by"]}
    campaign = {name: row[name] for name in ("campaign_id", "title", "vaccine_code", "vaccine_name", "mode", "paused")}
    return {
        "entry_id": row["entry_id"],
        "ticket": row["ticket"],
        "campaign": campaign | {"state": row["campaign_state"], "closes_at": row["closes_at"]},
        "person": {"person_id": row["person_id"], "name_masked": name_masked},
        "state": row["state"],
        "state_label": STATE_LABELS[row["state"]],
        "tier": row["tier"],
        "tier_label": row["tier_reason"],
        "drawn_position": row["drawn_position"],
        "clinics": row["clinics"],
        "standby_district": row["standby_district"],
        "registered_at": row["registered_at"],
        "can_withdraw": row["state"] in ("waiting", "offered"),
        "can_change": row["state"] == "waiting",
        "offer": offer,
    }


def how_told(row: Any) -> list[str]:
    """How a place came about, one rule a line."""
    at = row["registered_at"].astimezone(CITY_ZONE)
    lines = []
    if row["tiers"] > 1:
        lines.append(f"先按档次：您在第 {row['tier'] + 1} 档（{row['tier_reason']}），共 {row['tiers']} 档。")
    if row["mode"] == "queue":
        lines.append(f"同档按登记先后：您于 {at.month}月{at.day}日{at:%H:%M:%S} 登记，登记号 {row['arrival']}。")
    elif row["drawn_position"] is not None:
        lines.append(f"同档按摇号：您的票号摇到第 {row['drawn_position']} 位，人人可以用公布的文件重新算出。")
    else:
        lines.append("同档按摇号：登记截止后摇号，登记早晚不影响名次。")
    return lines


def what_changes(row: Any) -> list[str]:
    """What moves a place, and what never does."""
    if row["state"] != "waiting":
        return []
    lines = ["前面的人接受、放弃、到期或退出，您就前移；名次定下以后没有人能插到您前面。"]
    if row["mode"] == "queue" and row["tiers"] > 1:
        lines = ["前面的人接受、放弃、到期或退出，您就前移；登记期间，更优先档次的人登记会排在您前面，同档不会。"]
    if row["clinics"]:
        lines.append("您选了门诊：别的门诊到苗时会先问后面的人。选“任意门诊”，轮到得更早；改门诊不影响名次。")
    lines.append("退出后再登记，从同档的末位重新排。")
    return lines
