"""Rows about the eligibility pass: of a hold, and of asking for one."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson

from tests.api.bad_input.booking_rows import NOWHERE
from tests.api.bad_input.rows import Request, Row, bearer, good_pass, hold, json
from tests.api.bad_input.stage import Stage
from tests.passes import pass_for


def encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")


def forged(
    stage: Stage, *, secret: bytes | None = None, kid: str | None = None, algorithm: str = "HS256", **changes: Any
) -> str:
    """A pass put together by hand; `changes` are claims, None takes one away."""
    (key, *_) = stage.keys.token_keys
    now = int(time.time())
    claims = {
        "iss": "humiao", "aud": "pass", "sub": str(stage.free_person), "acc": str(stage.free_person), "vac": "IIV4",
        "dose": None, "clinics": None, "gen": 2**31 - 1, "iat": now, "exp": now + 3600,
    }  # fmt: skip
    claims = {name: value for name, value in (claims | changes).items() if name not in changes or value is not None}
    header = {"alg": algorithm, "kid": kid or key.kid, "typ": "JWT"}
    text = f"{encoded(orjson.dumps(header))}.{encoded(orjson.dumps(claims))}"
    if algorithm == "none":
        return f"{text}."
    digest = hmac.new(secret or key.secret, text.encode(), f"sha{algorithm[2:]}").digest()
    return f"{text}.{encoded(digest)}"


def altered(stage: Stage) -> str:
    """A pass for another person under the signature of a good one."""
    header, _, signature = good_pass(stage, "free", str(stage.free_person)).split(".")
    _, claims, _ = good_pass(stage, "free", str(stage.other)).split(".")
    return f"{header}.{claims}.{signature}"


def mine(stage: Stage, **what: Any) -> str:
    return pass_for(stage.keys, stage.free_person, **what)


DAY = timedelta(days=1)


def showing(make: Callable[[Stage], str | None], **more: Any) -> Callable[[Stage], Request]:
    """A hold that is good but for its pass."""
    return lambda stage: hold(stage, stage.open, shown=make(stage), **more)


SHOWN = [
    Row("pass put together by hand, taken as good", lambda s: hold(s, s.full, shown=forged(s)), 409, "window_full"),
    Row("no pass", showing(lambda _: None), 401, "pass_missing"),
    Row("empty pass", showing(lambda _: ""), 401, "pass_missing"),
    Row("pass that is none", showing(lambda _: "pass"), 401, "pass_invalid"),
    Row("pass of dots", showing(lambda _: ".."), 401, "pass_invalid"),
    Row("pass with SQL", showing(lambda _: "' OR 1=1;--"), 401, "pass_invalid"),
    Row("pass of 8,000 characters", showing(lambda _: "a" * 8000), 401, "pass_invalid"),
    Row("pass with algorithm none", showing(lambda s: forged(s, algorithm="none")), 401, "pass_invalid"),
    Row("pass of another algorithm", showing(lambda s: forged(s, algorithm="HS512")), 401, "pass_invalid"),
    Row("pass signed with another key", showing(lambda s: forged(s, secret=b"k" * 32)), 401, "pass_invalid"),
    Row("pass of an unknown key", showing(lambda s: forged(s, kid="ffffffff")), 401, "pass_invalid"),
    Row("pass with another's claims", showing(altered), 401, "pass_invalid"),
    Row("expired pass", showing(lambda s: mine(s, ttl_s=-1)), 401, "pass_expired"),
    Row("pass that never ends", showing(lambda s: forged(s, exp=None)), 401, "pass_invalid"),
    Row("pass of another issuer", showing(lambda s: forged(s, iss="nobody")), 401, "pass_invalid"),
    Row("pass for another audience", showing(lambda s: forged(s, aud="resident")), 401, "pass_invalid"),
    Row("access token for a pass", showing(lambda s: s.free_token), 401, "pass_invalid"),
    Row("pass for an access token", showing(mine, headers=None, who="nobody"), 401, "not_logged_in"),
    Row("pass as bearer", lambda s: hold(s, s.open, who="nobody", headers=bearer(mine(s))), 401, "not_logged_in"),
    Row("revoked pass", showing(lambda s: mine(s, generation=-1)), 401, "pass_invalid"),
    Row("pass of generation true", showing(lambda s: forged(s, gen=True)), 401, "pass_invalid"),
    Row("pass for another person", showing(lambda s: pass_for(s.keys, s.other, account_id=s.free_person)), 401,
        "pass_invalid"),
    Row("pass of another account", showing(lambda s: mine(s, account_id=s.other)), 401, "pass_invalid"),
    Row("pass for nobody", showing(lambda s: forged(s, sub="nobody")), 401, "pass_invalid"),
    Row("pass without an account", showing(lambda s: forged(s, acc=None)), 401, "pass_invalid"),
    Row("pass without a vaccine", showing(lambda s: forged(s, vac=None)), 401, "pass_invalid"),
    Row("pass with a dose in words", showing(lambda s: forged(s, dose="two")), 401, "pass_invalid"),
    Row("pass with clinics in words", showing(lambda s: forged(s, clinics="all")), 401, "pass_invalid"),
    Row("pass for another vaccine", showing(lambda s: mine(s, vaccine="Hib")), 403, "pass_not_valid_here"),
    Row("pass for other clinics", showing(lambda s: mine(s, clinics=(s.full.clinic_id,))), 403, "pass_not_valid_here"),
    Row("pass for no clinic", showing(lambda s: mine(s, clinics=())), 403, "pass_not_valid_here"),
    Row("pass for this day alone, taken as good", lambda s: hold(
        s, s.full, shown=mine(s, since=s.full.day, before=s.full.day + DAY)), 409, "window_full"),
    Row("pass for a later day", showing(lambda s: mine(s, since=s.open.day + DAY)), 403, "pass_not_valid_here"),
    Row("pass for days before", showing(lambda s: mine(s, since=s.open.day - DAY, before=s.open.day)), 403,
        "pass_not_valid_here"),
    Row("pass for the day in another spelling", showing(lambda s: forged(s, day=f"{s.open.day:%Y%m%d}")), 401,
        "pass_invalid"),
    Row("pass for a day that is not", showing(lambda s: forged(s, day="2027-02-29")), 401, "pass_invalid"),
    Row("pass until a number", showing(lambda s: forged(s, bef=20_991_231)), 401, "pass_invalid"),
    Row("pass by rules that are a number", showing(lambda s: forged(s, rul=2026)), 401, "pass_invalid"),
]  # fmt: skip
ORDER = [
    Row("old token before no pass", lambda s: hold(s, s.open, who="nobody", headers=bearer(s.expired_token), shown=None),
        401, "token_expired"),
    Row("no key before no pass", showing(lambda _: None, key=None), 400, "key_missing"),
    Row("bad body before no pass", showing(lambda _: None, window_id=0), 422, "invalid_input", "window_id"),
    Row("no pass before a window that is not", showing(lambda _: None, window_id=2**40), 401, "pass_missing"),
    Row("window that is not before another vaccine", showing(lambda s: mine(s, vaccine="Hib"), window_id=2**40), 404,
        "unknown_window"),
    Row("stock that is not before another clinic", showing(lambda s: mine(s, clinics=()), stock_id=2**40), 404,
        "no_such_stock"),
    Row("later day before a window that is full", lambda s: hold(s, s.full, shown=mine(s, since=s.full.day + DAY)), 403,
        "pass_not_valid_here"),
    Row("another vaccine before a window that is full", lambda s: hold(s, s.full, shown=mine(s, vaccine="Hib")), 403,
        "pass_not_valid_here"),
]  # fmt: skip


def ask(**changes: Any) -> Callable[[Stage], Request]:
    """Ask for a pass with something wrong about it."""

    def make(stage: Stage) -> Request:
        body = {"person_id": str(stage.free_person), "vaccine_code": "IIV4"} | changes
        return json("POST", "/resident/passes", body, who="free", key=None)

    return make


def ask_as(who: Any, **headers: str) -> Callable[[Stage], Request]:
    body = {"person_id": NOWHERE, "vaccine_code": "IIV4"}
    return lambda _: json("POST", "/resident/passes", body, who=who, key=None, headers=headers)


ASKED = [
    Row("asked by nobody", ask_as("nobody"), 401, "not_logged_in"),
    Row("asked by staff", ask_as("clinic"), 401, "not_logged_in"),
    Row("asked for nobody", ask(person_id=NOWHERE), 404, "unknown_person"),
    Row("asked for another's person", lambda s: ask(person_id=str(s.other))(s), 404, "unknown_person"),
    Row("asked for who is no id", ask(person_id="王小明"), 422, "invalid_input", "person_id"),
    Row("asked by who has logged out", lambda s: json("POST", "/resident/passes", {
        "person_id": str(s.me), "vaccine_code": "IIV4"}, who="nobody", key=None, headers=bearer(s.logged_out_token)),
        401, "not_logged_in"),
    Row("asked by a locked account", lambda s: json("POST", "/resident/passes", {
        "person_id": str(s.locked), "vaccine_code": "IIV4"}, who="nobody", key=None, headers=bearer(s.locked_token)),
        403, "account_locked"),
    Row("asked for a vaccine that is not", ask(vaccine_code="IIV5"), 404, "unknown_vaccine"),
    Row("asked for a vaccine of the past", ask(vaccine_code="tOPV"), 404, "unknown_vaccine"),
    Row("asked for no vaccine", ask(vaccine_code=" "), 422, "invalid_input", "vaccine_code"),
    Row("asked for a vaccine of 33 letters", ask(vaccine_code="V" * 33), 422, "invalid_input", "vaccine_code"),
    Row("asked for a dose", ask(dose=2), 422, "invalid_input", "dose"),
    Row("asked for a child's vaccine", ask(vaccine_code="EV71"), 409, "not_eligible"),
    Row("asked for an old person's vaccine", ask(vaccine_code="RZV"), 409, "not_eligible"),
]  # fmt: skip
ROWS = [*SHOWN, *ORDER, *ASKED]
