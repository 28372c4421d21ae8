"""Rows about booking: places, holds, reservations, keys."""

from base64 import urlsafe_b64encode
from uuid import uuid4

from tests.api.bad_input.rows import Request, Row, bearer, get, hold, json
from tests.api.bad_input.stage import Stage

NOWHERE = "00000000-0000-4000-8000-000000000000"


def confirm(stage: Stage, claim: object, token: str, **more: object) -> Request:
    return json("POST", f"/resident/holds/{getattr(claim, 'claim_id', claim)}/confirm", {"hold_token": token}, **more)


def move(stage: Stage, window: int, stock: int, claim: object = None) -> Request:
    claim_id = getattr(claim or stage.reserved, "claim_id", claim)
    return json("POST", f"/resident/reservations/{claim_id}/reschedule", {"window_id": window, "stock_id": stock})


def cancel(claim_id: str, body: object = None) -> Request:
    return json("POST", f"/resident/reservations/{claim_id}/cancel", body or {})


PLACES = [
    Row("unknown window", lambda s: hold(s, s.open, window_id=2**40), 404, "unknown_window"),
    Row("window 0", lambda s: hold(s, s.open, window_id=0), 422, "invalid_input", "window_id"),
    Row("window below 0", lambda s: hold(s, s.open, window_id=-1), 422, "invalid_input", "window_id"),
    Row("window beyond 64 bits", lambda s: hold(s, s.open, window_id=2**63), 422, "invalid_input", "window_id"),
    Row("window and a half", lambda s: hold(s, s.open, window_id=1.5), 422, "invalid_input", "window_id"),
    Row("window with SQL", lambda s: hold(s, s.open, window_id="1; DROP TABLE claims"), 422, "invalid_input", "window_id"),
    Row("window as text", lambda s: hold(s, s.open, window_id=str(s.open.window_ids[0])), 422, "invalid_input", "window_id"),
    Row("window true", lambda s: hold(s, s.open, window_id=True), 422, "invalid_input", "window_id"),
    Row("window with a point", lambda s: hold(s, s.open, window_id=1.0), 422, "invalid_input", "window_id"),
    Row("window null", lambda s: hold(s, s.open, window_id=None), 422, "invalid_input", "window_id"),
    Row("stock beyond 64 bits", lambda s: hold(s, s.open, stock_id=2**64 - 1), 422, "invalid_input", "stock_id"),
    Row("window as list", lambda s: hold(s, s.open, window_id=[1]), 422, "invalid_input", "window_id"),
    Row("closed session", lambda s: hold(s, s.closed), 409, "session_closed"),
    Row("session not yet open", lambda s: hold(s, s.not_open), 409, "not_yet_bookable", retry_at=True),
    Row("window past its deadline", lambda s: hold(s, s.ended), 409, "booking_ended"),
    Row("window that has begun", lambda s: hold(s, s.begun), 409, "booking_ended"),
    Row("wrong channel", lambda s: hold(s, s.desk_only), 422, "wrong_channel"),
    Row("no stock", lambda s: hold(s, s.no_stock), 409, "out_of_stock", retry_at=True),
    Row("full window", lambda s: hold(s, s.full), 409, "window_full", retry_at=True),
    Row("vial that is not begun", lambda s: hold(s, s.sealed), 409, "vial_not_opened", retry_at=True),
    Row("stock of another session", lambda s: hold(s, s.open, stock_id=s.full.stock_id), 404, "no_such_stock"),
    Row("unknown stock", lambda s: hold(s, s.open, stock_id=2**40), 404, "no_such_stock"),
    Row("second claim of a series", lambda s: hold(s, s.open, who="me", person_id=str(s.me)), 409, "duplicate_claim"),
    Row("another account's person", lambda s: hold(s, s.open, person_id=str(s.other)), 404, "unknown_person"),
    Row("person who does not exist", lambda s: hold(s, s.open, person_id=NOWHERE), 404, "unknown_person"),
    Row("person who is no id", lambda s: hold(s, s.open, person_id="王小明"), 422, "invalid_input", "person_id"),
    Row("unknown member", lambda s: hold(s, s.open, channel="desk"), 422, "invalid_input", "channel"),
    Row("nobody's hold", lambda s: hold(s, s.open, who="nobody"), 401, "not_logged_in"),
    Row("staff's hold", lambda s: hold(s, s.open, who="clinic"), 401, "not_logged_in"),
    Row("hold with an old token", lambda s: hold(s, s.open, who="nobody", headers=bearer(s.expired_token)), 401,
        "token_expired"),
    Row("hold of a locked account", lambda s: hold(s, s.open, who="nobody", headers=bearer(s.locked_token),
                                                   person_id=str(s.locked)), 404, "unknown_person"),
]  # fmt: skip
HOLDS = [
    Row("token of another hold", lambda s: confirm(s, s.my_hold, s.other_hold.token), 403, "wrong_hold_token"),
    Row("token nobody has", lambda s: confirm(s, s.my_hold, str(uuid4())), 403, "wrong_hold_token"),
    Row("token that is none", lambda s: confirm(s, s.my_hold, "token"), 422, "invalid_input", "hold_token"),
    Row("another's hold, with its token", lambda s: confirm(s, s.other_hold, s.other_hold.token), 404, "unknown_hold"),
    Row("hold that is not", lambda s: confirm(s, NOWHERE, s.my_hold.token), 404, "unknown_hold"),
    Row("hold id that is none", lambda s: confirm(s, "..%2f..%2fetc", s.my_hold.token), 404, "not_found"),
    Row("expired hold", lambda s: confirm(s, s.expired, s.expired.token), 409, "hold_expired"),
    Row("hold past its deadline", lambda s: confirm(s, s.overdue, s.overdue.token), 409, "hold_expired"),
    Row("reservation under another token", lambda s: confirm(s, s.reserved, s.my_hold.token), 403, "wrong_hold_token"),
    Row("released hold", lambda s: confirm(s, s.released, s.released.token), 409, "hold_ended"),
    Row("confirm without a token", lambda s: json("POST", f"/resident/holds/{s.my_hold.claim_id}/confirm", {}), 422,
        "invalid_input", "hold_token"),
    Row("release with a wrong token", lambda s: json("POST", f"/resident/holds/{s.my_hold.claim_id}/release",
                                                     {"hold_token": str(uuid4())}), 403, "wrong_hold_token"),
    Row("release of a reservation", lambda s: json("POST", f"/resident/holds/{s.reserved.claim_id}/release",
                                                   {"hold_token": s.reserved.token}), 409, "hold_ended"),
    Row("look at another's hold", lambda s: get(f"/resident/holds/{s.other_hold.claim_id}"), 404, "unknown_hold"),
]  # fmt: skip
RESERVATIONS = [
    Row("cancel another's", lambda s: cancel(s.other_hold.claim_id), 404, "unknown_reservation"),
    Row("cancel what is not", lambda s: cancel(NOWHERE), 404, "unknown_reservation"),
    Row("cancel a hold", lambda s: cancel(s.my_hold.claim_id), 409, "not_cancellable"),
    Row("cancel after it began", lambda s: cancel(s.begun_reservation.claim_id), 409, "window_begun"),
    Row("cancel with a long reason", lambda s: cancel(s.reserved.claim_id, {"reason": "长" * 201}), 422,
        "invalid_input", "reason"),
    Row("cancel with control characters", lambda s: cancel(s.reserved.claim_id, {"reason": "a\u0000b"}), 422,
        "invalid_input", "reason"),
    Row("move to the same window", lambda s: move(s, s.open.window_ids[0], s.open.stock_id), 409, "same_window"),
    Row("move to a full window", lambda s: move(s, s.full.window_ids[0], s.full.stock_id), 409, "window_full"),
    Row("move to a closed session", lambda s: move(s, s.closed.window_ids[0], s.closed.stock_id), 409, "session_closed"),
    Row("move to an unknown window", lambda s: move(s, 2**40, s.open.stock_id), 404, "unknown_window"),
    Row("move to a stock elsewhere", lambda s: move(s, s.open.window_ids[1], s.full.stock_id), 404, "no_such_stock"),
    Row("move past the deadline", lambda s: move(s, s.ended.window_ids[0], s.ended.stock_id), 409, "booking_ended"),
    Row("move before it opens", lambda s: move(s, s.not_open.window_ids[0], s.not_open.stock_id), 409,
        "not_yet_bookable", retry_at=True),
    Row("move to another channel's window", lambda s: move(s, s.desk_only.window_ids[0], s.desk_only.stock_id), 422,
        "wrong_channel"),
    Row("move another's", lambda s: move(s, s.open.window_ids[1], s.open.stock_id, s.other_hold), 404,
        "unknown_reservation"),
    Row("move a hold", lambda s: move(s, s.open.window_ids[1], s.open.stock_id, s.my_hold), 409, "not_reschedulable"),
    Row("move after it began", lambda s: move(s, s.open.window_ids[1], s.open.stock_id, s.begun_reservation), 409,
        "window_begun"),
    Row("look at another's", lambda s: get(f"/resident/reservations/{s.other_hold.claim_id}"), 404,
        "unknown_reservation"),
    Row("list from before all time", lambda _: get("/resident/reservations?cursor=" + urlsafe_b64encode(
        f"0001-01-01T00:00:00+23:59|{NOWHERE}".encode()).decode()), 422, "invalid_input", "cursor"),
    Row("list from a forged cursor", lambda _: get("/resident/reservations?cursor=%27%3B--"), 422, "invalid_input", "cursor"),
]  # fmt: skip
KEYS = [
    Row("no key", lambda s: hold(s, s.open, key=None), 400, "key_missing"),
    Row("key of seven characters", lambda s: hold(s, s.open, key="1234567"), 400, "key_malformed"),
    Row("key of 65 characters", lambda s: hold(s, s.open, key="k" * 65), 400, "key_malformed"),
    Row("key with SQL", lambda s: hold(s, s.open, key="key' OR 1=1;--"), 400, "key_malformed"),
    Row("key in Chinese", lambda s: hold(s, s.open, key="幂等键幂等键幂等键"), 400,
        "key_malformed"),
    Row("used key, another body", lambda s: hold(
        s, s.open, who="other", person_id=str(s.other), window_id=s.open.window_ids[1], key=s.used_key), 422, "key_reused"),
    Row("used key, another body, full window", lambda s: hold(
        s, s.full, who="other", person_id=str(s.other), key=s.used_key), 409, "window_full", retry_at=True),
    Row("used key, another operation", lambda s: json(
        "POST", f"/resident/holds/{s.other_hold.claim_id}/release", {"hold_token": s.other_hold.token}, who="other",
        key=s.used_key), 422, "key_reused"),
    Row("cancel without a key", lambda s: Request("POST", f"/resident/reservations/{s.reserved.claim_id}/cancel", b"{}",
                                                  key=None), 400, "key_missing"),
]  # fmt: skip
ROWS = [*PLACES, *HOLDS, *RESERVATIONS, *KEYS]
