"""Rows about the programme's drafts."""

from typing import Any

from tests.api.bad_input.rows import Request, Row, get, json

DRAFTS = "/admin/programme/drafts"
DRAFT = {"document": "edition: X", "title": "测试", "reason": "测试"}
NONE = f"{DRAFTS}/999999999"
DIGEST = {"digest": "0" * 64}
REVIEW = DIGEST | {"verdict": "publish", "note": "看过"}


def draft(*, who: Any = "city", key: str | None = "fresh", **changes: Any) -> Request:
    return json("POST", DRAFTS, DRAFT | changes, who=who, key=key)


def move(path: str, body: dict[str, str], **changes: str) -> Request:
    return json("POST", path, body | changes, who="city")


ROWS = [
    Row("editions as a resident", lambda _: get("/admin/programme/editions"), 401, "not_logged_in"),
    Row("the newest text as clinic staff", lambda _: get("/admin/programme/newest", who="clinic"), 403, "forbidden"),
    Row("drafts as nobody", lambda _: get(DRAFTS, who="nobody"), 401, "not_logged_in"),
    Row("drafts as clinic staff", lambda _: get(DRAFTS, who="clinic"), 403, "forbidden"),
    Row("a draft as a resident", lambda _: draft(who="me"), 401, "not_logged_in"),
    Row("a draft as clinic staff", lambda _: draft(who="clinic"), 403, "forbidden"),
    Row("a draft without a key", lambda _: draft(key=None), 400, "key_missing"),
    Row("a draft of nothing", lambda _: draft(document=""), 422, "invalid_input", "document"),
    Row("a draft with a bell in it", lambda _: draft(document="a: \x07"), 422, "invalid_input", "document"),
    Row("a draft without a reason", lambda _: draft(reason="  "), 422, "invalid_input", "reason"),
    Row("a draft that is no YAML", lambda _: draft(document="a: [b"), 422, "programme_mistakes", "document:1"),
    Row("a draft that is no programme", lambda _: draft(), 422, "programme_mistakes", "document:1"),
    Row("no such draft", lambda _: get(NONE, who="city"), 404, "unknown_draft"),
    Row("a preview of no draft", lambda _: get(f"{NONE}/preview", who="city"), 404, "unknown_draft"),
    Row("a count of no draft", lambda _: get(f"{NONE}/count", who="city"), 404, "unknown_draft"),
    Row("a count to begin of no draft", lambda _: move(f"{NONE}/count", {}), 404, "unknown_draft"),
    Row("a count to cancel of no draft", lambda _: move(f"{NONE}/count/cancel", {}), 404, "unknown_draft"),
    Row("a count as clinic staff", lambda _: get(f"{NONE}/count", who="clinic"), 403, "forbidden"),
    Row("a draft of 1.3 megabytes", lambda _: draft(document="a" * 1_300_000), 413, "body_too_large"),
    Row("no such draft to submit", lambda _: move(f"{NONE}/submit", DIGEST), 404, "unknown_draft"),
    Row("no such draft to review", lambda _: move(f"{NONE}/review", REVIEW), 404, "unknown_draft"),
    Row("no such draft to withdraw", lambda _: move(f"{NONE}/withdraw", {}), 404, "unknown_draft"),
    Row("a digest that is none", lambda _: move(f"{NONE}/submit", DIGEST, digest="x"), 422, "invalid_input", "digest"),
    Row("no verdict", lambda _: move(f"{NONE}/review", REVIEW, verdict="?"), 422, "invalid_input", "verdict"),
    Row("a review of no words", lambda _: move(f"{NONE}/review", REVIEW, note=" "), 422, "invalid_input", "note"),
]
