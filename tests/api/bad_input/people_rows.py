"""Rows about people: documents, names, phones, codes, logins."""

from base64 import b64encode, urlsafe_b64encode

import jwt
import orjson

from humiao.antiabuse.challenges import Challenges, solve
from tests.api.bad_input.rows import Request, Row, bearer, get, json, person
from tests.api.bad_input.stage import DEVICE, Stage

CODES, LOGIN = "/auth/codes", "/auth/login"
CHALLENGE = "/public/challenges?purpose="
# a solution is spent, the asking counted, the end of a day's budget noted for review
REFUSED_SEND = frozenset({"velocity_counters", "spent_challenges", "velocity_signals"})


def number(value: object) -> dict[str, object]:
    return {"document_number": value}


def _with(token: str, path: str = "/resident/people") -> Request:
    return get(path, who="nobody", headers=bearer(token))


def _part(value: dict[str, object]) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def forged(stage: Stage, how: str) -> str:
    """A token like mine that somebody made up: they know what is in it, but not the key."""
    head, mine, signature = stage.my_token.split(".")
    theirs = stage.other_token.split(".")[1]
    key_id = jwt.get_unverified_header(stage.my_token)["kid"]
    claims = jwt.decode(stage.my_token, options={"verify_signature": False})
    return {
        "without a signature": f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': key_id})}.{mine}.",
        "with another key": jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": key_id}),
        "with an unknown key id": jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": "made-up"}),
        "with no key id": jwt.encode(claims, "k" * 64, algorithm="HS256"),
        "with a key id that is a list": f"{_part({'alg': 'HS256', 'kid': [key_id]})}.{mine}.{signature}",
        "for somebody else": f"{head}.{theirs}.{signature}",
    }[how]


def _open_login(path: str, body: object, device: str | None = DEVICE) -> Request:
    headers = {} if device is None else {"Device-Id": device}
    return json("POST", path, body, who="nobody", key=None, headers=headers)


def _code(stage: Stage, how: str) -> Request:
    """Ask for a code with a challenge that something is wrong about."""
    return _open_login(CODES, {"phone": "13800009997", "challenge": shown(stage, how)})


def shown(stage: Stage, how: str) -> str:
    """A solution of a challenge, good or not."""
    secret = stage.keys.vault().blind_index("challenge", "signing key")
    ours, ended = Challenges(secret, cost=1, ttl_s=300), Challenges(secret, cost=1, ttl_s=-1)
    foreign = Challenges(b"somebody else's key", cost=1, ttl_s=300)
    issued = {
        "good": lambda: ours.issue("send_code", 0),
        "ended": lambda: ended.issue("send_code", 0),
        "foreign": lambda: foreign.issue("send_code", 0),
        "for logging in": lambda: ours.issue("log_in", 0),
    }
    return solve(issued[how]().model_dump(mode="json"))


def encoded(value: object) -> str:
    return b64encode(orjson.dumps(value)).decode()


DOCUMENTS = [
    Row("ID checksum", person(**number("310100199005120027")), 422, "invalid_input", "document_number"),
    Row("ID checksum X", person(**number("31010019900512002X")), 422, "invalid_input", "document_number"),
    Row("ID of 30 February", person(**number("310100199002300023")), 422, "invalid_input", "document_number"),
    Row("ID of month 13", person(**number("310100199013010020")), 422, "invalid_input", "document_number"),
    Row("ID of tomorrow", person(**number("310100209901010024")), 422, "invalid_input", "document_number"),
    Row("ID of 1799", person(**number("310100179901010023")), 422, "invalid_input", "document_number"),
    Row("ID of 17 digits", person(**number("31010019900512002")), 422, "invalid_input", "document_number"),
    Row("old ID of 30 February", person(**number("310100900230002")), 422, "invalid_input", "document_number"),
    Row("ID with letters", person(**number("3101001990051200AB")), 422, "invalid_input", "document_number"),
    Row("ID with control character", person(**number("31010019900512\u00070028")), 422, "invalid_input", "document_number"),
    Row("ID as number", person(**number(310100199005120028)), 422, "invalid_input", "document_number"),
    Row("ID missing", person(**number(None)), 422, "invalid_input", "document_number"),
    Row("ID of 4,000 characters", person(**number("3" * 4000)), 422, "invalid_input", "document_number"),
    Row("birth date against ID", person(birth_date="1991-05-12"), 422, "invalid_input", "birth_date"),
    Row("sex against ID", person(sex="M"), 422, "invalid_input", "sex"),
    Row("document of unknown type", person(document_type="library_card"), 422, "invalid_input", "document_type"),
    Row("passport without birth date", person(document_type="passport", document_number="E12345678"), 422,
        "invalid_input", "birth_date"),
    Row("birth date as a number", person(birth_date=0), 422, "invalid_input", "birth_date"),
    Row("birth date with a time", person(birth_date="1990-05-12T00:00:00"), 422, "invalid_input", "birth_date"),
    Row("ID in a list", person(**number(["310100199005120028"])), 422, "invalid_input", "document_number"),
    Row("ID of no digit", person(**number("〇〇〇〇〇〇〇〇〇〇〇〇〇〇〇〇〇〇")), 422, "invalid_input", "document_number"),
    Row("ID in full-width digits, wrong checksum", person(**number("３１０１００１９９００５１２００２７")), 422,
        "invalid_input", "document_number"),
    Row("impossible birth date", person(document_type="passport", document_number="E12345678",
                                        birth_date="2023-02-30", sex="M"), 422, "invalid_input", "birth_date"),
    Row("birth date in the future", person(document_type="passport", document_number="E12345678",
                                           birth_date="2099-01-01", sex="M"), 422, "invalid_input", "birth_date"),
]  # fmt: skip
NAMES = [
    Row("name of one character", person(name="王"), 422, "invalid_input", "name"),
    Row("name of 41 characters", person(name="王" * 41), 422, "invalid_input", "name"),
    Row("name with SQL", person(name="王'); DROP TABLE persons;--"), 422, "invalid_input", "name"),
    Row("name with digits", person(name="王小明3"), 422, "invalid_input", "name"),
    Row("name with NUL", person(name="王小\u0000明"), 422, "invalid_input", "name"),
    Row("name with line break", person(name="王小明\n"), 422, "invalid_input", "name"),
    Row("name written right to left", person(name="王\u202e小明"), 422, "invalid_input", "name"),
    Row("name with zero-width space", person(name="王\u200b小明"), 422, "invalid_input", "name"),
    Row("name with emoji", person(name="王小明😀"), 422, "invalid_input", "name"),
    Row("name of spaces", person(name="     "), 422, "invalid_input", "name"),
    Row("unknown relation", person(relation="boss"), 422, "invalid_input", "relation"),
    Row("unknown member", person(vip=True), 422, "invalid_input", "vip"),
]
PHONES = [
    Row(f"phone: {what}", lambda _, phone=phone: _open_login(CODES, {"phone": phone}), 422, "invalid_input", "phone")
    for what, phone in {
        "ten digits": "1380000000",
        "twelve digits": "138000000011",
        "landline": "02112345678",
        "of another country": "+12025550123",
        "prefix nobody has": "12800000001",
        "letters": "1380000000a",
        "SQL": "13800000001' OR 1=1",
        "empty": "",
        "a number": 13800000001,
        "null": None,
        "10,000 digits": "1" * 10_000,
    }.items()
]
LOGINS = [
    Row("code of five digits", lambda _: _open_login(LOGIN, {"phone": "13800009999", "code": "12345"}), 422,
        "invalid_input", "code"),
    Row("code with letters", lambda _: _open_login(LOGIN, {"phone": "13800009999", "code": "12345a"}), 422,
        "invalid_input", "code"),
    Row("code of full-width digits", lambda _: _open_login(LOGIN, {"phone": "13800009999", "code": "１２３４５６"}), 422,
        "invalid_input", "code"),
    Row("code that was never sent", lambda _: _open_login(LOGIN, {"phone": "13800009998", "code": "123456"}), 401,
        "code_expired", writes=frozenset({"velocity_counters"})),
    Row("code of another device", lambda s: _open_login(LOGIN, {"phone": s.phone, "code": "000000"}, "x" * 32), 401,
        "code_expired", writes=frozenset({"velocity_counters"})),
    Row("staff who is unknown", lambda _: _open_login("/auth/staff/login", {"username": "nobody", "password": "x" * 9}),
        401, "password_wrong"),
    Row("refresh token nobody has", lambda _: _open_login("/auth/refresh", {"refresh_token": "x" * 43}), 401,
        "not_logged_in"),
    Row("no token", lambda _: get("/resident/people", who="nobody"), 401, "not_logged_in"),
    Row("garbage for a token", lambda _: get("/resident/people", who="nobody", headers={"Authorization": "Bearer x.y.z"}),
        401, "not_logged_in"),
    *(
        Row(f"token {how}", lambda s, how=how: _with(forged(s, how)), 401, "not_logged_in")
        for how in ("without a signature", "with another key", "with an unknown key id", "with no key id",
                    "for somebody else", "with a key id that is a list")
    ),
    Row("token that has expired", lambda s: _with(s.expired_token), 401, "token_expired"),
    Row("token of a login that ended", lambda s: _with(s.logged_out_token), 401, "not_logged_in"),
    Row("token of a locked account", lambda s: _with(s.locked_token), 403, "account_locked"),
    Row("forged token on a staff route", lambda s: _with(forged(s, "without a signature"), "/clinic/sessions/1"), 401,
        "not_logged_in"),
    Row("token of 20,000 characters", lambda _: _with("x" * 20_000), 401, "not_logged_in"),
    Row("wrong code", lambda s: _open_login(LOGIN, {"phone": s.phone, "code": "000000"}), 401, "code_wrong",
        writes=frozenset({"login_codes", "velocity_counters"})),
    Row("another code at once", lambda s: _open_login(CODES, {"phone": s.phone, "challenge": shown(s, "good")}), 429,
        "too_many_codes", retry_at=True, writes=REFUSED_SEND),
    Row("code without a challenge", lambda s: _open_login(CODES, {"phone": s.phone}), 403, "challenge_needed"),
    *(
        Row(f"code with a challenge {how}", lambda s, how=how: _code(s, how), 403, code)
        for how, code in {"ended": "challenge_expired", "foreign": "challenge_invalid",
                          "for logging in": "challenge_invalid"}.items()
    ),
    *(
        Row(f"challenge: {what}", lambda _, text=text: _open_login(CODES, {"phone": "13800009997", "challenge": text}),
            403, "challenge_invalid")
        for what, text in {
            "no base64": "A" * 31, "no JSON": "AAAA" * 8, "null": encoded(None) + "====" * 3,
            "array": encoded([{"challenge": {}}]), "empty object": encoded({"challenge": {}, "solution": {}}),
            "parameters in a list": encoded({"challenge": {"parameters": []}, "solution": {}}),
            "text for the solution": encoded({"challenge": {"parameters": {}}, "solution": "counter"}),
        }.items()
    ),
    *(
        Row(f"challenge member: {what}", lambda _, value=value: _open_login(
            CODES, {"phone": "13800009997", "challenge": value}), 422, "invalid_input", "challenge")
        for what, value in {"a number": 7, "an object": {"challenge": {}}, "empty": "", "short": "e30=",
                            "SQL": "' OR 1=1 -- aaaaaaaaa", "3,000 characters": "A" * 3000,
                            "line breaks": "AAAA\nAAAA\nAAAA\nAAAA"}.items()
    ),
    *(
        Row(f"no device: {what}", lambda _, path=path, body=body: _open_login(path, body, None), 400, "device_missing")
        for what, path, body in (("code", CODES, {"phone": "13800009997"}),
                                 ("login", LOGIN, {"phone": "13800009997", "code": "123456"}))
    ),
    *(
        Row(f"device of {what}", lambda _, device=device: _open_login(CODES, {"phone": "13800009997"}, device), 400,
            "device_malformed")
        for what, device in {"15 characters": "d" * 15, "65 characters": "d" * 65, "none": "", "SQL": "' OR 1=1 --aaaaaaa",
                             "spaces": "device id of somebody"}.items()
    ),
    Row("challenge for nothing", lambda _: get("/public/challenges", who="nobody", headers={"Device-Id": DEVICE}), 422,
        "invalid_input", "purpose"),
    Row("challenge for what there is none", lambda _: get(f"{CHALLENGE}vote", who="nobody",
                                                          headers={"Device-Id": DEVICE}), 422, "invalid_input", "purpose"),
    Row("challenge without a device", lambda _: get(f"{CHALLENGE}log_in", who="nobody"), 400, "device_missing"),
    Row("signals as a resident", lambda _: get("/admin/signals"), 401, "not_logged_in"),
    Row("signals as clinic staff", lambda _: get("/admin/signals", who="clinic"), 403, "forbidden"),
    Row("signals as nobody", lambda _: get("/admin/signals", who="nobody"), 401, "not_logged_in"),
    Row("limits as a resident", lambda _: get("/admin/limits"), 401, "not_logged_in"),
    Row("limits as clinic staff", lambda _: get("/admin/limits", who="clinic"), 403, "forbidden"),
    Row("limits as nobody", lambda _: get("/admin/limits", who="nobody"), 401, "not_logged_in"),
    Row("signals of no days", lambda _: get("/admin/signals?days=0", who="city"), 422, "invalid_input", "days"),
    Row("signals of a century", lambda _: get("/admin/signals?days=36500", who="city"), 422, "invalid_input", "days"),
    Row("signals of some days", lambda _: get("/admin/signals?days=some", who="city"), 422, "invalid_input", "days"),
    Row("wrong password", lambda s: _open_login("/auth/staff/login", {"username": s.clerk, "password": "wrong one"}), 401,
        "password_wrong", writes=frozenset({"staff"})),
    Row("locked clerk", lambda s: _open_login("/auth/staff/login", {"username": s.locked_clerk,
                                                                     "password": "the right password"}), 403,
        "account_locked", retry_at=True),
    Row("username with NUL", lambda _: _open_login("/auth/staff/login", {"username": "clerk\u0000", "password": "x" * 9}),
        422, "invalid_input", "username"),
    Row("password of 129 characters", lambda s: _open_login("/auth/staff/login", {"username": s.clerk, "password": "x" * 129}),
        422, "invalid_input", "password"),
    Row("short refresh token", lambda _: _open_login("/auth/refresh", {"refresh_token": "x"}), 422, "invalid_input",
        "refresh_token"),
    Row("log out of nothing", lambda _: Request("POST", "/auth/logout", who="nobody", content_type=None, key=None), 401,
        "not_logged_in"),
    Row("unbind somebody with a hold", lambda s: Request("DELETE", f"/resident/people/{s.me}", content_type=None), 409,
        "person_has_claims"),
    Row("unbind another's person", lambda s: Request("DELETE", f"/resident/people/{s.other}", content_type=None), 404,
        "unknown_person"),
    Row("unbind without a key", lambda s: Request("DELETE", f"/resident/people/{s.me}", content_type=None, key=None), 400,
        "key_missing"),
    Row("basic authentication", lambda _: get("/resident/people", who="nobody", headers={"Authorization": "Basic eDp5"}),
        401, "not_logged_in"),
    Row("resident on a staff route", lambda s: get(f"/clinic/sessions/{s.open.session_id}"), 401, "not_logged_in"),
    Row("staff on a resident route", lambda _: get("/resident/people", who="city"), 401, "not_logged_in"),
    Row("another account's person", lambda s: get(f"/resident/people/{s.other}"), 404, "unknown_person"),
    Row("person id that is none", lambda _: get("/resident/people/1%27%20OR%201%3D1"), 404, "not_found"),
]  # fmt: skip


def districts(stage: Stage, *, person: object = None, **changes: object) -> Request:
    body = {"residence_district": "310104", "work_district": None} | changes
    return json("PUT", f"/resident/people/{person or stage.me}/districts", body)


DISTRICTS = [
    Row("district nobody knows", lambda s: districts(s, residence_district="310103"), 422, "invalid_input",
        "residence_district"),
    Row("district by name", lambda s: districts(s, work_district="徐汇区"), 422, "invalid_input", "work_district"),
    Row("district as a number", lambda s: districts(s, work_district=310104), 422, "invalid_input", "work_district"),
    Row("district of another's person", lambda s: districts(s, person=s.other), 404, "unknown_person"),
    Row("half of the districts", lambda s: json("PUT", f"/resident/people/{s.me}/districts", {"work_district": None}), 422,
        "invalid_input", "residence_district"),
    Row("districts without a key", lambda s: json("PUT", f"/resident/people/{s.me}/districts", {}, key=None), 400,
        "key_missing"),
]  # fmt: skip
ROWS = [*DISTRICTS, *DOCUMENTS, *NAMES, *PHONES, *LOGINS]
