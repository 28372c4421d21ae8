"""Rows about people: documents, names, phones, codes, logins."""

from tests.api.bad_input.rows import Request, Row, get, json, person

CODES, LOGIN = "/auth/codes", "/auth/login"


def number(value: object) -> dict[str, object]:
    return {"document_number": value}


def _open_login(path: str, body: object) -> Request:
    return json("POST", path, body, who="nobody", key=None)


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
        "code_expired"),
    Row("staff who is unknown", lambda _: _open_login("/auth/staff/login", {"username": "nobody", "password": "x" * 9}),
        401, "password_wrong"),
    Row("refresh token nobody has", lambda _: _open_login("/auth/refresh", {"refresh_token": "x" * 43}), 401,
        "not_logged_in"),
    Row("no token", lambda _: get("/resident/people", who="nobody"), 401, "not_logged_in"),
    Row("garbage for a token", lambda _: get("/resident/people", who="nobody", headers={"Authorization": "Bearer x.y.z"}),
        401, "not_logged_in"),
    Row("basic authentication", lambda _: get("/resident/people", who="nobody", headers={"Authorization": "Basic eDp5"}),
        401, "not_logged_in"),
    Row("resident on a staff route", lambda s: get(f"/clinic/sessions/{s.open.session_id}"), 401, "not_logged_in"),
    Row("staff on a resident route", lambda _: get("/resident/people", who="city"), 401, "not_logged_in"),
    Row("another account's person", lambda s: get(f"/resident/people/{s.other}"), 404, "unknown_person"),
    Row("person id that is none", lambda _: get("/resident/people/1%27%20OR%201%3D1"), 404, "not_found"),
]  # fmt: skip
ROWS = [*DOCUMENTS, *NAMES, *PHONES, *LOGINS]
