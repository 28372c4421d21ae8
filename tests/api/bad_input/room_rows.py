"""Rows about waiting rooms: whose they are, what they cover, how they are run."""

from collections.abc import Callable
from typing import Any

from tests.api.bad_input.booking_rows import NOWHERE
from tests.api.bad_input.rows import Request, Row, get, json
from tests.api.bad_input.stage import Stage

NO_ROOM = 2**40


def room_body(stage: Stage, **changes: Any) -> dict[str, Any]:
    """A room that could be opened."""
    body = {"scope": "session", "title": "大厅", "session_ids": [stage.open.session_id], "rate_per_minute": 60}
    return body | changes


def opening(**changes: Any) -> Callable[[Stage], Request]:
    """Open a room with something wrong about it."""
    return lambda stage: json("POST", "/admin/rooms", room_body(stage, **changes), who="city")


def changing(**changes: Any) -> Callable[[Stage], Request]:
    """Change a room with something wrong about the change."""
    return lambda _: json("PATCH", f"/admin/rooms/{NO_ROOM}", {"reason": "测试"} | changes, who="city")


DESK = {"channel": "desk", "name": "王小明", "document_type": "passport", "document_number": "E00000000"}


def desk(**changes: Any) -> Callable[[Stage], Request]:
    """Join somebody at the desk with something wrong about it."""
    return lambda _: json("POST", f"/clinic/rooms/{NO_ROOM}/entries", DESK | changes, who="clinic")


def bad(name: str, field: str, **changes: Any) -> Row:
    return Row(f"room {name}", opening(**changes), 422, "invalid_input", field=field)


def bad_change(name: str, field: str, **changes: Any) -> Row:
    return Row(f"room change {name}", changing(**changes), 422, "invalid_input", field=field)


PLACES = [
    Row("desk joins to a room that is not", desk(), 404, "unknown_room"),
    Row("desk joins a number that is none", desk(document_type="resident_id", document_number="1"), 422, "invalid_input",
        "document_number"),
    Row("desk joins by letter", desk(channel="letter"), 422, "invalid_input", "channel"),
    Row("desk joins nobody", desk(name=""), 422, "invalid_input", "name"),
    Row("desk joins more", desk(person_id=NOWHERE), 422, "invalid_input", "person_id"),
    Row("desk joins without a key", lambda _: json("POST", f"/clinic/rooms/{NO_ROOM}/entries", DESK, who="clinic",
                                                   key=None), 400, "key_missing"),
    Row("a resident at the desk", lambda _: json("POST", f"/clinic/rooms/{NO_ROOM}/entries", DESK), 401,
        "not_logged_in"),
    Row("place without a ticket", lambda _: get(f"/resident/rooms/{NO_ROOM}/place"), 403, "room_ticket_invalid"),
    Row("place with a ticket that is none", lambda _: get(f"/resident/rooms/{NO_ROOM}/place", headers={
        "Room-Ticket": NOWHERE}), 403, "room_ticket_invalid"),
    Row("place as nobody", lambda _: get(f"/resident/rooms/{NO_ROOM}/place", who="nobody"), 401, "not_logged_in"),
    Row("place as staff", lambda _: get(f"/resident/rooms/{NO_ROOM}/place", who="city"), 401, "not_logged_in"),
    Row("listening without a ticket", lambda _: get(f"/resident/rooms/{NO_ROOM}/place/events"), 403,
        "room_ticket_invalid"),
    Row("listening as nobody", lambda _: get(f"/resident/rooms/{NO_ROOM}/place/events", who="nobody"), 401,
        "not_logged_in"),
    Row("listening in room 07", lambda _: get("/resident/rooms/07/place/events"), 404, "not_found"),
    Row("place in room 07", lambda _: get("/resident/rooms/07/place"), 404, "not_found"),
    Row("place put", lambda _: Request("PUT", f"/resident/rooms/{NO_ROOM}/place", b"{}"), 405, "method_not_allowed"),
]  # fmt: skip
ROWS = [
    bad("of another scope", "scope", scope="city"),
    bad("without a title", "title", title=""),
    bad("over no session", "session_ids", session_ids=[]),
    bad("over session 0", "session_ids.0", session_ids=[0]),
    bad("over the service and a session", "session_ids", scope="service"),
    bad("closed from the beginning", "state", state="closed"),
    bad("by itself above nothing", "on_above", state="auto"),
    bad("that lets in fewer than nobody", "rate_per_minute", rate_per_minute=-1),
    bad("at a rate in words", "rate_per_minute", rate_per_minute="60"),
    bad("that opens without an offset", "opens_at", opens_at="2031-03-03T09:00:00"),
    bad("that admits for a second", "admit_ttl_s", admit_ttl_s=1),
    bad("with a member too many", "seed", seed="00"),
    Row("room over a session that is not", opening(session_ids=[2**40]), 404, "unknown_session"),
    Row("room over a closed session", lambda s: json("POST", "/admin/rooms", room_body(
        s, session_ids=[s.closed.session_id]), who="city"), 404, "unknown_session"),
    Row("room opened by a clinic", lambda s: json("POST", "/admin/rooms", room_body(s), who="clinic"), 403, "forbidden"),
    Row("room opened by a resident", lambda s: json("POST", "/admin/rooms", room_body(s)), 401, "not_logged_in"),
    Row("room opened without a key", lambda s: json("POST", "/admin/rooms", room_body(s), who="city", key=None), 400,
        "key_missing"),
    Row("rooms listed by a clinic", lambda _: get("/admin/rooms", who="clinic"), 403, "forbidden"),
    bad_change("without a reason", "reason", reason=""),
    bad_change("to another state", "state", state="open"),
    bad_change("paused in words", "paused", paused="yes"),
    Row("room change of a room that is not", changing(paused=True), 404, "unknown_room"),
    Row("room that is not", lambda _: get(f"/public/rooms/{NO_ROOM}", who="nobody"), 404, "unknown_room"),
    Row("room 0", lambda _: get("/public/rooms/0", who="nobody"), 404, "not_found"),
    Row("join a room that is not", lambda s: json("POST", f"/resident/rooms/{NO_ROOM}/entries",
        {"person_id": str(s.me)}), 404, "unknown_room"),
    Row("join for a person who is no id", lambda _: json("POST", f"/resident/rooms/{NO_ROOM}/entries",
        {"person_id": "me"}), 422, "invalid_input", field="person_id"),
    Row("join as nobody", lambda s: json("POST", f"/resident/rooms/{NO_ROOM}/entries", {"person_id": str(s.me)},
        who="nobody"), 401, "not_logged_in"),
    *PLACES,
    Row("leave without a ticket", lambda _: json("POST", f"/resident/rooms/{NO_ROOM}/leave", {}), 403,
        "room_ticket_invalid"),
]  # fmt: skip
