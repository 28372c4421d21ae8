"""Rows about reminder settings."""

from typing import Any

from tests.api.bad_input.rows import Request, Row, get, json

PATH = "/resident/reminders"
ALL = {"due": True, "second_dose": True, "overdue": True, "appointment": True}


def choose(body: Any, **more: Any) -> Request:
    return json("PUT", PATH, body, **more)


ROWS = [
    Row("reminders as nobody", lambda _: get(PATH, who="nobody"), 401, "not_logged_in"),
    Row("reminders as staff", lambda _: get(PATH, who="city"), 401, "not_logged_in"),
    Row("choose reminders as nobody", lambda _: choose(ALL, who="nobody"), 401, "not_logged_in"),
    Row("choose reminders without a key", lambda _: choose(ALL, key=None), 400, "key_missing"),
    Row("a kind left out", lambda _: choose({"due": True}), 422, "invalid_input", "appointment"),
    Row("a kind that is none", lambda _: choose(ALL | {"birthday": True}), 422, "invalid_input", "birthday"),
    Row("a choice that is text", lambda _: choose(ALL | {"due": "perhaps"}), 422, "invalid_input", "due"),
    Row("choices that are a list", lambda _: choose([ALL]), 422, "invalid_input"),
]  # fmt: skip
