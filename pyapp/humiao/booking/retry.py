"""When to come back after a refusal: said alike by the API, and by the gate, whose own words are in hold.rs."""

from datetime import UTC, datetime, timedelta

FULL = frozenset({"window_full", "channel_full", "out_of_stock", "vial_not_opened"})
UNDER_WAY_S = 1.0  # after `in_flight`: a request that is under way has its answer by then
SOON_S = 2.0  # after `busy` and `outcome_unknown`


def when_to_return(code: str, told: datetime | None, *, full_retry_s: float) -> datetime | None:
    """What the cache or the ledger told (an opening time), or what the code itself says; None: it will not help."""
    if told is not None:
        return told
    if code in FULL:
        wait_s = full_retry_s  # a place may have come back: released, expired, or a quota raised
    elif code == "in_flight":
        wait_s = UNDER_WAY_S
    elif code in ("busy", "outcome_unknown"):
        wait_s = SOON_S
    else:
        return None
    return datetime.now(UTC) + timedelta(seconds=wait_s)
