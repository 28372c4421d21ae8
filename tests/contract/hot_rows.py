"""Rows about the hot routes alone: whose token it is, which id is spelled, in which order questions are asked."""

import time
from collections.abc import Callable
from typing import Any

from tests.api.bad_input.booking_rows import NOWHERE
from tests.api.bad_input.pass_rows import forged
from tests.api.bad_input.rows import Request, Row, bearer, get, hold, hold_body, json
from tests.api.bad_input.stage import Stage
from tests.passes import pass_for

HOLDS = "/resident/holds"


def access(stage: Stage, **changes: Any) -> str:
    """An access token put together by hand, good unless `changes` make it otherwise."""
    return forged(stage, **({"aud": "resident", "sid": NOWHERE} | changes))


def shown(make: Callable[[Stage], str]) -> Callable[[Stage], Request]:
    """A hold that is good but for its Authorization header."""
    return lambda stage: hold(stage, stage.open, who="nobody", headers={"Authorization": make(stage)})


def token(name: str, code: str, **changes: Any) -> Row:
    return Row(f"token {name}", shown(lambda stage: f"Bearer {access(stage, **changes)}"), 401, code)


def altered(stage: Stage) -> str:
    """Somebody else's claims under the signature of a good token."""
    header, _, signature = stage.free_token.split(".")
    return f"{header}.{stage.other_token.split('.')[1]}.{signature}"


TOKENS = [
    Row("token put together by hand, taken as good", lambda s: hold(
        s, s.full, who="nobody", headers=bearer(access(s, sub=str(s.free_person)))), 409, "window_full", retry_at=True),
    token("with algorithm none", "not_logged_in", algorithm="none"),
    token("of another algorithm", "not_logged_in", algorithm="HS512"),
    token("signed with another key", "not_logged_in", secret=b"k" * 32),
    token("of an unknown key", "not_logged_in", kid="ffffffff"),
    token("whose key is a path", "not_logged_in", kid="../keys.json"),
    token("for staff", "not_logged_in", aud="staff"),
    token("for nobody", "not_logged_in", aud=None),
    token("of another issuer", "not_logged_in", iss="nobody"),
    token("that never ends", "not_logged_in", exp=None),
    token("that ends in words", "not_logged_in", exp="tomorrow"),
    token("that has ended", "token_expired", exp=int(time.time()) - 1),
    token("for staff that has ended", "not_logged_in", aud="staff", exp=int(time.time()) - 1),
    token("signed tomorrow", "not_logged_in", iat=int(time.time()) + 86_400),
    token("good from tomorrow", "not_logged_in", nbf=int(time.time()) + 86_400),
    token("of an old generation", "not_logged_in", gen=-1),
    token("of generation true", "not_logged_in", gen=True),
    token("of no account", "not_logged_in", sub=None),
    token("of an account that is no id", "not_logged_in", sub="nobody"),
    token("of no login", "not_logged_in", sid=None),
    Row("token with another's claims", shown(lambda s: f"Bearer {altered(s)}"), 401, "not_logged_in"),
    Row("token cut short", shown(lambda s: f"Bearer {s.free_token[:-1]}"), 401, "not_logged_in"),
    Row("token with a dot too many", shown(lambda s: f"Bearer {s.free_token}."), 401, "not_logged_in"),
    Row("token of 8,000 characters", shown(lambda _: "Bearer " + "a" * 8000), 401, "not_logged_in"),
    Row("token of dots", shown(lambda _: "Bearer .."), 401, "not_logged_in"),
    Row("no token after the word", shown(lambda _: "Bearer"), 401, "not_logged_in"),
    Row("no word before the token", shown(lambda s: s.free_token), 401, "not_logged_in"),
    Row("token of another scheme", shown(lambda s: f"Basic {s.free_token}"), 401, "not_logged_in"),
]  # fmt: skip
ORDER = [
    Row("nobody's broken JSON", lambda _: Request("POST", HOLDS, b"{", who="nobody"), 401, "not_logged_in"),
    Row("nobody's form", lambda _: Request("POST", HOLDS, b"a=1", who="nobody", content_type="text/plain"), 401,
        "not_logged_in"),
    Row("nobody's 70,000 bytes", lambda _: Request("POST", HOLDS, b" " * 70_000, who="nobody"), 401, "not_logged_in"),
    Row("form before no key", lambda _: Request("POST", HOLDS, b"a=1", key=None, content_type="text/plain"), 415,
        "wrong_content_type"),
    Row("no key before bad members", lambda _: Request("POST", HOLDS, b"{}", key=None), 400, "key_missing"),
    Row("another's pass before a window that is not", lambda s: hold(
        s, s.open, window_id=2**40, shown=pass_for(s.keys, s.other, account_id=s.free_person)), 401, "pass_invalid"),
    Row("stock of another session and vaccine", lambda s: hold(
        s, s.open, stock_id=s.full.stock_id, shown=pass_for(s.keys, s.free_person, vaccine="Hib")), 404,
        "no_such_stock"),
    Row("stock of another session, session closed", lambda s: hold(s, s.closed, stock_id=s.full.stock_id), 404,
        "no_such_stock"),
    Row("another's person at a full window", lambda s: hold(s, s.full, person_id=str(s.other)), 409, "window_full",
        retry_at=True),
    Row("type with a character set", lambda s: json("POST", HOLDS, hold_body(s, s.open, window_id=0), who="free",
        content_type="application/json; charset=utf-8"), 422, "invalid_input"),
    Row("type in capitals", lambda s: json("POST", HOLDS, hold_body(s, s.open, window_id=0), who="free",
        content_type="Application/JSON"), 422, "invalid_input"),
]  # fmt: skip


def status(name: str, hold_id: Callable[[Stage], str], code: str, http: int, **more: Any) -> Row:
    return Row(f"state of {name}", lambda s: get(f"{HOLDS}/{hold_id(s)}/status", **more), http, code)


SPELLINGS_OF_AN_ID: dict[str, Callable[[str], str]] = {
    "without dashes": lambda text: text.replace("-", ""),
    "in capitals": str.upper,
    "as a URN": "urn:uuid:{}".format,
    "in braces": "%7B{}%7D".format,
}

STATES = [
    status("another's hold", lambda s: s.other_hold.claim_id, "unknown_hold", 404),
    status("a hold that is not", lambda _: NOWHERE, "unknown_hold", 404),
    status("what is no id", lambda _: "hold", "not_found", 404),
    status("an id cut short", lambda s: s.my_hold.claim_id[:-1], "not_found", 404),
    status("a hold, asked by nobody", lambda s: s.my_hold.claim_id, "not_logged_in", 401, who="nobody"),
    status("a hold, asked by staff", lambda s: s.my_hold.claim_id, "not_logged_in", 401, who="clinic"),
    Row("state of a hold, with an old token", lambda s: get(f"{HOLDS}/{s.my_hold.claim_id}/status", who="nobody",
        headers=bearer(s.expired_token)), 401, "token_expired"),
    Row("state of a hold, with algorithm none", lambda s: get(f"{HOLDS}/{s.my_hold.claim_id}/status", who="nobody",
        headers=bearer(access(s, algorithm="none"))), 401, "not_logged_in"),
    *(
        status(f"another's hold, spelled {spelled}", lambda s, spell=spell: spell(str(s.other_hold.claim_id)),
               "unknown_hold", 404)
        for spelled, spell in SPELLINGS_OF_AN_ID.items()
    ),
    Row("state put", lambda s: Request("PUT", f"{HOLDS}/{s.my_hold.claim_id}/status", b"{}"), 405,
        "method_not_allowed"),
]  # fmt: skip


def session(name: str, spelling: str, code: str = "not_found", **more: Any) -> Row:
    path = f"/public/sessions/{spelling}/availability"
    return Row(f"session {name}", lambda _: get(path, who="nobody", **more), 404, code)


SESSIONS = [
    session("nobody knows", str(2**40), "unknown_session"),
    session("of 19 digits", str(2**63 - 1), "unknown_session"),
    session("beyond 64 bits", str(2**63)),
    session("of 31 digits", str(10**30)),
    session("0", "0"),
    session("-1", "-1"),
    session("with a zero before it", "07"),
    session("with a plus before it", "+7"),
    session("with a plus before it, encoded", "%2B7"),
    session("with a point", "7.0"),
    session("with an underscore", "1_0"),
    session("with spaces around it", "%207%20"),
    session("in hexadecimal", "0x7"),
    session("in Chinese digits", "%E4%B8%83"),
    session("in wide digits", "%EF%BC%97"),
    session("in words", "seven"),
    session("of bytes that are no text", "%FF"),
    session("of nothing", ""),
    session("within another", "7/7"),
    Row("session in capitals", lambda _: get("/public/Sessions/7/availability", who="nobody"), 404, "not_found"),
    Row("session posted", lambda _: Request("POST", "/public/sessions/7/availability", b"{}"), 405,
        "method_not_allowed"),
]  # fmt: skip
ROWS = [*TOKENS, *ORDER, *STATES, *SESSIONS]
