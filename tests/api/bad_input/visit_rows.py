"""Rows about visits: who may check whom in, and how a visit may end."""

from typing import Any

from tests.api.bad_input.rows import FRESH, Request, Row, Who, get, json
from tests.api.bad_input.stage import Stage

NOBODYS = "00000000-0000-4000-8000-000000000000"


def check_in(claim_id: str, *, who: Who = "clinic", key: str | None = FRESH) -> Request:
    return json("POST", f"/clinic/reservations/{claim_id}/check-in", {}, who=who, key=key)


def outcome(stage: Stage, body: dict[str, Any], *, who: Who = "clinic", claim_id: str | None = None) -> Request:
    claim_id = claim_id or stage.reserved.claim_id
    return json("POST", f"/clinic/reservations/{claim_id}/outcome", body, who=who)


def book(stage: Stage, *, who: Who = "clinic", key: str | None = FRESH, **changes: Any) -> Request:
    body = {
        "channel": "desk", "quota": "desk", "name": "王小明", "document_type": "passport", "document_number": "E00000000",
        "window_id": stage.open.window_ids[0], "stock_id": stage.open.stock_id,
    }  # fmt: skip
    return json("POST", "/clinic/reservations", body | changes, who=who, key=key)


ROWS = [
    Row("book for nobody on record", book, 404, "unknown_person"),
    Row("book at another clinic", lambda s: book(s, window_id=s.full.window_ids[0]), 404, "unknown_window"),
    Row("book another clinic's stock", lambda s: book(s, stock_id=2**40), 404, "no_such_stock"),
    Row("book by a number that is none", lambda s: book(s, document_number="E0"), 422, "invalid_input",
        "document_number"),
    Row("book from places of a campaign", lambda s: book(s, quota="campaign"), 422, "invalid_input", "quota"),
    Row("book by pigeon", lambda s: book(s, channel="pigeon"), 422, "invalid_input", "channel"),
    Row("book at the desk as a resident", lambda s: book(s, who="me"), 401, "not_logged_in"),
    Row("book at the desk without a key", lambda s: book(s, key=None), 400, "key_missing"),
    Row("who comes to another clinic", lambda s: get(f"/clinic/windows/{s.full.window_ids[0]}/reservations", who="clinic"),
        404, "unknown_window"),
    Row("who comes to no window", lambda _: get("/clinic/windows/1099511627776/reservations", who="city"), 404,
        "unknown_window"),
    Row("who comes, asked by a resident", lambda s: get(f"/clinic/windows/{s.open.window_ids[0]}/reservations"), 401,
        "not_logged_in"),
    Row("check in a day early", lambda s: check_in(s.reserved.claim_id), 409, "visit_too_early", retry_at=True),
    Row("check a hold in", lambda s: check_in(s.my_hold.claim_id), 409, "not_a_reservation"),
    Row("check in what was released", lambda s: check_in(s.released.claim_id), 409, "not_a_reservation"),
    Row("check in at another clinic", lambda s: check_in(s.begun_reservation.claim_id), 404, "unknown_reservation"),
    Row("check nobody in", lambda _: check_in(NOBODYS), 404, "unknown_reservation"),
    Row("check in by what is no id", lambda _: check_in("7"), 404, "not_found"),
    Row("check oneself in", lambda s: check_in(s.reserved.claim_id, who="me"), 401, "not_logged_in"),
    Row("check in without a key", lambda s: check_in(s.reserved.claim_id, key=None), 400, "key_missing"),
    Row("dose for who was not checked in", lambda s: outcome(s, {"outcome": "given"}), 409, "not_checked_in"),
    Row("not given without a reason", lambda s: outcome(s, {"outcome": "not_given"}), 422, "invalid_input", "reason"),
    Row("given with a reason", lambda s: outcome(s, {"outcome": "given", "reason": "好"}), 422, "invalid_input",
        "reason"),
    Row("not given for an endless reason", lambda s: outcome(s, {"outcome": "not_given", "reason": "热" * 201}), 422,
        "invalid_input", "reason"),
    Row("unknown outcome", lambda s: outcome(s, {"outcome": "half"}), 422, "invalid_input", "outcome"),
    Row("outcome at another clinic", lambda s: outcome(s, {"outcome": "given"}, claim_id=s.begun_reservation.claim_id),
        404, "unknown_reservation"),
    Row("outcome by a resident", lambda s: outcome(s, {"outcome": "given"}, who="me"), 401, "not_logged_in"),
]  # fmt: skip
