"""Rows about the wire: bodies, encodings, types, paths, queries."""

from collections.abc import Callable
from typing import Any

import orjson

from tests.api.bad_input.rows import Request, Row, Who, get, hold_body, json
from tests.api.bad_input.stage import Stage

HOLDS = "/resident/holds"


def raw(body: bytes, **more: Any) -> Callable[[Stage], Request]:
    return lambda _: Request("POST", HOLDS, body, **more)


def query(text: str, field: str, path: str = "/public/clinics", who: Who = "nobody") -> Row:
    return Row(
        f"{path.rsplit('/', 1)[1]}?{text[:24]}",
        lambda _: get(f"{path}?{text}", who=who),
        422,
        "invalid_input",
        field,
    )


BODIES = [
    Row("body of 70,000 bytes", raw(b'{"x":"' + b"a" * 70_000 + b'"}'), 413, "body_too_large"),
    Row("body of a megabyte", raw(b" " * 1_000_000), 413, "body_too_large"),
    Row("broken JSON", raw(b'{"person_id": '), 400, "malformed_json"),
    Row("two documents", raw(b"{} {}"), 400, "malformed_json"),
    Row("JSON with NaN", raw(b'{"window_id": NaN}'), 400, "malformed_json"),
    Row("JSON with Infinity", raw(b'{"window_id": -Infinity}'), 400, "malformed_json"),
    Row("member named twice", lambda s: Request("POST", HOLDS, b'{"stock_id": 1, %s' % orjson.dumps(hold_body(s, s.open))[1:],
                                                who="free"), 400, "malformed_json"),
    Row("byte order mark", raw(b"\xef\xbb\xbf{}"), 400, "malformed_json"),
    Row("UTF-16", raw('{"window_id": 1}'.encode("utf-16-le")), 400, "malformed_json"),
    Row("trailing comma", raw(b'{"window_id": 1,}'), 400, "malformed_json"),
    Row("comment", raw(b'{"window_id": 1} // one'), 400, "malformed_json"),
    Row("ID number as a member", raw(b'{"310100199005120028": 1}'), 422, "invalid_input", "?"),
    Row("name as a member", raw('{"王小明": 1}'.encode()), 422, "invalid_input", "?"),
    Row("member of 60,000 characters", raw(b'{"' + b"a" * 60_000 + b'": 1}'), 422, "invalid_input", "?"),
    Row("5,000 members", raw(b"{" + b",".join(b'"m%d": 1' % n for n in range(5000)) + b"}"), 422, "invalid_input", "?"),
    Row("half a surrogate as a member", raw(b'{"\\ud800": 1}'), 422, "invalid_input"),
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
    Row("length that is none", raw(b"{}", headers={"Content-Length": "abc"}), 413, "body_too_large"),
    Row("length that is a lie", raw(b"{}", headers={"Content-Length": "70000"}), 413, "body_too_large"),
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
    query("cursor=LTE=", "cursor"),  # -1
    query("cursor=" + "A" * 33, "cursor"),
    query("date_from=2026-02-30", "date_from", "/public/clinics/310101001/windows"),
    query("date_from=9999-12-31", "date_from", "/public/clinics/310101001/windows"),
    query("date_to=0001-01-01", "date_to", "/public/clinics/310101001/windows"),
    query("date_to=20261124", "date_to", "/public/clinics/310101001/windows"),
    query("date_to=86400", "date_to", "/public/clinics/310101001/windows"),
    query("vaccine=IIV4%e2%80%ae", "vaccine", "/public/clinics/310101001/windows"),
    query("q=%07", "q", "/public/vaccines"),
    query("q=" + "q" * 41, "q", "/public/vaccines"),
    query("state=lost", "state", "/resident/reservations", who="me"),
    query("cursor=%e4%b8%ad", "cursor", "/resident/reservations", who="me"),
    query("cursor=" + "A" * 129, "cursor", "/resident/reservations", who="me"),
    query("cursor=MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMHx4", "cursor", "/resident/reservations", who="me"),
    Row("NUL in a path", lambda _: get("/public/clinics/%00", who="nobody"), 404, "not_found"),
    Row("path that is not UTF-8", lambda _: get("/public/clinics/%ff%fe", who="nobody"), 404, "not_found"),
    Row("clinic 0", lambda _: get("/public/clinics/0", who="nobody"), 404, "not_found"),
    Row("clinic beyond 64 bits", lambda _: get(f"/public/clinics/{10**30}", who="nobody"), 404, "not_found"),
    Row("clinic nobody knows", lambda _: get("/public/clinics/77", who="nobody"), 404, "unknown_clinic"),
    Row("windows of no clinic", lambda _: get("/public/clinics/77/windows", who="nobody"), 404, "unknown_clinic"),
]
ROWS = [*BODIES, *TYPES, *QUERIES]
