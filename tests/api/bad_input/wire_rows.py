"""Rows about the wire: bodies, encodings, types, paths, queries."""

from collections.abc import Callable
from typing import Any

from tests.api.bad_input.rows import Request, Row, get, hold_body, json
from tests.api.bad_input.stage import Stage

HOLDS = "/resident/holds"


def raw(body: bytes, **more: Any) -> Callable[[Stage], Request]:
    return lambda _: Request("POST", HOLDS, body, **more)


def query(text: str, field: str, path: str = "/public/clinics") -> Row:
    return Row(
        f"{path.rsplit('/', 1)[1]}?{text[:24]}",
        lambda _: get(f"{path}?{text}", who="nobody"),
        422,
        "invalid_input",
        field,
    )


BODIES = [
    Row("body of 70,000 bytes", raw(b'{"x":"' + b"a" * 70_000 + b'"}'), 413, "body_too_large"),
    Row("body of a megabyte", raw(b" " * 1_000_000), 413, "body_too_large"),
    Row("broken JSON", raw(b'{"person_id": '), 400, "malformed_json"),
    Row("two documents", raw(b"{} {}"), 400, "malformed_json"),
    Row("JSON with NaN", raw(b'{"window_id": NaN}'), 422, "invalid_input", "window_id"),
    Row("JSON with Infinity", raw(b'{"window_id": -Infinity}'), 422, "invalid_input", "window_id"),
    Row("number of 5,000 digits", raw(b'{"window_id": ' + b"9" * 5000 + b"}"), 400, "malformed_json"),
    Row("nested 20,000 deep", raw(b"[" * 20_000 + b"]" * 20_000), 400, "malformed_json"),
    Row("array for an object", raw(b"[1, 2]"), 422, "invalid_input"),
    Row("null for an object", raw(b"null"), 422, "invalid_input"),
    Row("text for an object", raw(b'"hello"'), 422, "invalid_input"),
    Row("empty object", raw(b"{}"), 422, "invalid_input", "person_id"),
    Row("no body", lambda _: Request("POST", HOLDS, None, content_type=None), 422, "invalid_input"),
    Row("bad UTF-8", raw(b'{"person_id": "\xff\xfe"}'), 400, "bad_utf8"),
    Row("overlong UTF-8", raw(b'{"person_id": "\xc0\xaf"}'), 400, "bad_utf8"),
    Row("half a surrogate", raw(b'{"person_id": "\xed\xa0\x80"}'), 400, "bad_utf8"),
    Row("escaped half surrogate", lambda s: Request(
        "POST", f"/resident/reservations/{s.reserved.claim_id}/cancel", b'{"reason": "\\ud800"}'),
        422, "invalid_input", "reason"),
    Row("GB18030 text", raw('{"person_id": "王小明"}'.encode("gb18030")), 400, "bad_utf8"),
]  # fmt: skip
TYPES = [
    Row("form", raw(b"person_id=1", content_type="application/x-www-form-urlencoded"), 415, "wrong_content_type"),
    Row("multipart", raw(b"--x--", content_type="multipart/form-data; boundary=x"), 415, "wrong_content_type"),
    Row("plain text", raw(b"{}", content_type="text/plain"), 415, "wrong_content_type"),
    Row("XML", raw(b"<hold/>", content_type="application/xml"), 415, "wrong_content_type"),
    Row("no content type", raw(b"{}", content_type=None), 415, "wrong_content_type"),
    Row("JSON by another name", lambda s: json("POST", HOLDS, hold_body(s, s.open), content_type="application/jsonp"), 415,
        "wrong_content_type"),
    Row("PUT", lambda _: Request("PUT", HOLDS, b"{}"), 405, "method_not_allowed"),
    Row("DELETE", lambda _: Request("DELETE", "/public/clinics", content_type=None), 405, "method_not_allowed"),
    Row("unknown path", lambda _: get("/resident/everything"), 404, "not_found"),
    Row("path out of the tree", lambda _: get("/public/clinics/..%2f..%2fetc%2fpasswd"), 404, "not_found"),
]  # fmt: skip
QUERIES = [
    query("district=shanghai", "district"),
    query("district=31010400", "district"),
    query("vaccine=%00", "vaccine"),
    query("vaccine=" + "v" * 33, "vaccine"),
    query("q=%1b%5b31m", "q"),
    query("q=" + "q" * 41, "q"),
    query("lat=31.2", "lat"),
    query("lat=200&lng=121", "lat"),
    query("lat=31&lng=-181", "lng"),
    query("lat=nan&lng=121", "lat"),
    query("lat=31&lng=inf", "lng"),
    query("lat=north&lng=121", "lat"),
    query("limit=0", "limit"),
    query("limit=101", "limit"),
    query("limit=ten", "limit"),
    query("cursor=%27%20OR%201%3D1", "cursor"),
    query("date_from=2026-02-30", "date_from", "/public/clinics/310101001/windows"),
    Row("clinic 0", lambda _: get("/public/clinics/0", who="nobody"), 404, "not_found"),
    Row("clinic beyond 64 bits", lambda _: get(f"/public/clinics/{10**30}", who="nobody"), 404, "not_found"),
    Row("clinic nobody knows", lambda _: get("/public/clinics/77", who="nobody"), 404, "unknown_clinic"),
    Row("windows of no clinic", lambda _: get("/public/clinics/77/windows", who="nobody"), 404, "unknown_clinic"),
]
ROWS = [*BODIES, *TYPES, *QUERIES]
