"""Rows about what staff publish and change."""

from typing import Any

from tests.api.bad_input.rows import Request, Row, get, json, publish, publish_window
from tests.api.bad_input.stage import Stage


def change(path: str, body: dict[str, Any], **more: Any) -> Request:
    return json("PATCH", f"/clinic{path}", {"reason": "测试"} | body, **({"who": "clinic"} | more))


def capacity(stage: Stage, wanted: object, **more: Any) -> Request:
    return change(f"/windows/{stage.open.window_ids[1]}", {"capacity": wanted}, **more)


def quota(stage: Stage, wanted: object, channel: str = "h5", **more: Any) -> Request:
    return change(f"/windows/{stage.open.window_ids[1]}/quotas/{channel}", {"quota": wanted}, **more)


def vials(stage: Stage, wanted: object, **more: Any) -> Request:
    return change(f"/stocks/{stage.open.stock_id}", {"vials": wanted} | more)


WINDOW = {"starts_at": "2031-03-03T09:00:00+08:00", "ends_at": "2031-03-03T09:30:00+08:00", "capacity": 5,
          "quotas": [{"channel": "h5", "quota": 5}]}  # fmt: skip
STOCK = {"product_id": 1302, "vials": 5}

PUBLISHING = [
    Row("window in the past", publish_window(starts_at="2020-03-03T09:00:00+08:00", ends_at="2020-03-03T09:30:00+08:00"),
        422, "session_in_past"),
    Row("window that ends first", publish_window(ends_at="2031-03-03T08:30:00+08:00"), 422, "invalid_input",
        "windows.0.ends_at"),
    Row("window on another day", publish_window(starts_at="2031-03-04T09:00:00+08:00", ends_at="2031-03-04T09:30:00+08:00"),
        422, "invalid_input", "windows.0.starts_at"),
    Row("time as a number", publish_window(starts_at=1930352400), 422, "invalid_input", "windows.0.starts_at"),
    Row("time before all history", publish_window(starts_at="0001-01-01T00:00:00+14:00"), 422, "invalid_input",
        "windows.0.starts_at"),
    Row("time at the end of time", publish_window(ends_at="9999-12-31T23:59:59-14:00"), 422, "invalid_input",
        "windows.0.ends_at"),
    Row("bookable from before all history", publish_window(quotas=[
        {"channel": "h5", "quota": 1, "bookable_from": "0001-01-01T00:00:00+14:00"}]), 422, "invalid_input",
        "windows.0.quotas.0.bookable_from"),
    Row("seal at the end of time", publish(stocks=[STOCK | {"no_new_vial_from": "9999-12-31T23:59:59-14:00"}]), 422,
        "invalid_input", "stocks.0.no_new_vial_from"),
    Row("date as a number", publish(session_date=22341), 422, "invalid_input", "session_date"),
    Row("date with a time", publish(session_date="2031-03-03T00:00:00"), 422, "invalid_input", "session_date"),
    Row("window of no capacity", publish_window(capacity=0, quotas=[{"channel": "h5", "quota": 0}]), 422, "invalid_input",
        "windows.0.capacity"),
    Row("capacity true", publish_window(capacity=True), 422, "invalid_input", "windows.0.capacity"),
    Row("published capacity as text", publish_window(capacity="10"), 422, "invalid_input", "windows.0.capacity"),
    Row("product as text", publish(stocks=[STOCK | {"product_id": "1302"}]), 422, "invalid_input", "stocks.0.product_id"),
    Row("vial of 21 doses", publish(stocks=[STOCK | {"vial_size": 21}]), 422, "invalid_input", "stocks.0.vial_size"),
    Row("share below 0", publish_window(quotas=[{"channel": "h5", "quota": -1}]), 422, "invalid_input",
        "windows.0.quotas.0.quota"),
    Row("title of 61 characters", publish(title="专" * 61), 422, "invalid_input", "title"),
    Row("title written right to left", publish(title="专场\u202e"), 422, "invalid_input", "title"),
    Row("unknown kind", publish(kind="secret"), 422, "invalid_input", "kind"),
    Row("unknown member", publish(origin="demo"), 422, "invalid_input", "origin"),
    Row("time without a zone", publish_window(starts_at="2031-03-03T09:00:00"), 422, "invalid_input",
        "windows.0.starts_at"),
    Row("deadline after the end", publish_window(bookable_until="2031-03-03T10:00:00+08:00"), 422, "invalid_input",
        "windows.0.bookable_until"),
    Row("published capacity below 0", publish_window(capacity=-1), 422, "invalid_input", "windows.0.capacity"),
    Row("capacity beyond all people", publish_window(capacity=10**9), 422, "invalid_input", "windows.0.capacity"),
    Row("share above capacity", publish_window(quotas=[{"channel": "h5", "quota": 11}]), 422, "invalid_input",
        "windows.0.quotas"),
    Row("channel twice", publish_window(quotas=[{"channel": "h5", "quota": 1}] * 2), 422, "invalid_input",
        "windows.0.quotas"),
    Row("unknown channel", publish_window(quotas=[{"channel": "fax", "quota": 1}]), 422, "invalid_input",
        "windows.0.quotas.0.channel"),
    Row("no channel", publish_window(quotas=[]), 422, "invalid_input", "windows.0.quotas"),
    Row("no window", publish(windows=[]), 422, "invalid_input", "windows"),
    Row("201 windows", publish(windows=[WINDOW] * 201), 422, "invalid_input", "windows"),
    Row("windows that overlap", publish(windows=[WINDOW, WINDOW | {"starts_at": "2031-03-03T09:15:00+08:00",
                                                                   "ends_at": "2031-03-03T09:45:00+08:00"}]), 422,
        "invalid_input", "windows.1.starts_at"),
    Row("no stock", publish(stocks=[]), 422, "invalid_input", "stocks"),
    Row("product twice", publish(stocks=[STOCK, STOCK]), 422, "invalid_input", "stocks"),
    Row("product nobody knows", publish(stocks=[STOCK | {"product_id": 99}]), 422, "unknown_product"),
    Row("vial of no dose", publish(stocks=[STOCK | {"vial_size": 0}]), 422, "invalid_input", "stocks.0.vial_size"),
    Row("31 February", publish(session_date="2031-02-31"), 422, "invalid_input", "session_date"),
    Row("title of control characters", publish(title="专场\u0000"), 422, "invalid_input", "title"),
    Row("title of spaces", publish(title="   "), 422, "invalid_input", "title"),
    Row("clinic nobody knows", publish(clinic_id=7), 404, "unknown_clinic"),
    Row("another clinic", lambda s: publish(clinic_id=s.full.clinic_id)(s), 404, "unknown_clinic"),
    Row("resident publishes", lambda s: json("POST", "/clinic/sessions", {}, who="me"), 401, "not_logged_in"),
]  # fmt: skip
CHANGING = [
    Row("capacity below 0", lambda s: capacity(s, -1), 422, "invalid_input", "capacity"),
    Row("capacity as text", lambda s: capacity(s, "五"), 422, "invalid_input", "capacity"),
    Row("change without a reason", lambda s: change(f"/windows/{s.open.window_ids[1]}", {"capacity": 1, "reason": ""}),
        422, "invalid_input", "reason"),
    Row("another clinic's window", lambda s: change(f"/windows/{s.full.window_ids[0]}", {"capacity": 9}), 404,
        "unknown_window"),
    Row("unknown window", lambda _: change("/windows/1099511627776", {"capacity": 9}), 404, "unknown_window"),
    Row("quota below 0", lambda s: quota(s, -1), 422, "invalid_input", "quota"),
    Row("quota true", lambda s: quota(s, True), 422, "invalid_input", "quota"),
    Row("quota beyond all people", lambda s: quota(s, 10**9), 422, "invalid_input", "quota"),
    Row("quota that opens before all history", lambda s: change(
        f"/windows/{s.open.window_ids[1]}/quotas/h5", {"quota": 1, "bookable_from": "0001-01-01T00:00:00+14:00"}), 422,
        "invalid_input", "bookable_from"),
    Row("reason of 201 characters", lambda s: change(f"/windows/{s.open.window_ids[1]}", {"capacity": 1, "reason": "长" * 201}),
        422, "invalid_input", "reason"),
    Row("quota of an unknown channel", lambda s: quota(s, 1, "fax"), 404, "not_found"),
    Row("quota of a closed session", lambda s: change(f"/windows/{s.closed.window_ids[0]}/quotas/h5", {"quota": 1},
                                                      who="city"), 409, "session_already_closed"),
    Row("vials as a fraction", lambda s: vials(s, 1.5), 422, "invalid_input", "vials"),
    Row("another clinic's stock", lambda s: change(f"/stocks/{s.full.stock_id}", {"vials": 9}), 404, "unknown_stock"),
    Row("close twice", lambda s: json("POST", f"/clinic/sessions/{s.closed.session_id}/close", {"reason": "x"}, who="city"),
        409, "session_already_closed"),
    Row("close another clinic's", lambda s: json("POST", f"/clinic/sessions/{s.full.session_id}/close", {"reason": "x"},
                                                 who="clinic"), 404, "unknown_session"),
    Row("change without a key", lambda s: capacity(s, 5, key=None), 400, "key_missing"),
    Row("resident changes", lambda s: capacity(s, 5, who="me"), 401, "not_logged_in"),
    Row("nobody changes", lambda s: capacity(s, 5, who="nobody"), 401, "not_logged_in"),
    Row("look at another clinic's session", lambda s: get(f"/clinic/sessions/{s.full.session_id}", who="clinic"), 404,
        "unknown_session"),
]  # fmt: skip
ROWS = [*PUBLISHING, *CHANGING]
