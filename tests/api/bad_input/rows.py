"""What one row of the bad-input table is, and short ways to write one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import orjson

from tests.api.bad_input.stage import Stage
from tests.factories import World
from tests.passes import HEADER, pass_for

Who = Literal["me", "free", "other", "clinic", "city", "nobody"]
FRESH = "fresh"  # a key that nobody has used
GOOD = "good"  # a pass that fits


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire."""

    method: str
    path: str
    body: bytes | None = None
    who: Who = "me"
    key: str | None = FRESH
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A request and how it must be refused. `field` is the member of the input that must be named."""

    name: str
    make: Callable[[Stage], Request]
    status: int
    code: str
    field: str | None = None
    retry_at: bool = False
    writes: frozenset[str] = frozenset()  # tables that keep count of bad tries, and nothing else


def json(method: str, path: str, body: Any, **more: Any) -> Request:
    """A request with a JSON body."""
    return Request(method, path, orjson.dumps(body), **more)


def get(path: str, **more: Any) -> Request:
    """A request that reads."""
    return Request("GET", path, key=None, content_type=None, **more)


def hold_body(stage: Stage, world: World, **changes: Any) -> dict[str, Any]:
    """What a resident sends to hold a place of a world."""
    body = {"person_id": str(stage.free_person), "window_id": world.window_ids[0], "stock_id": world.stock_id}
    return body | changes


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def hold(
    stage: Stage,
    world: World,
    *,
    who: Who = "free",
    key: str | None = FRESH,
    headers: dict[str, str] | None = None,
    shown: str | None = GOOD,
    **changes: Any,
) -> Request:
    """A hold by somebody who has none, with a good pass unless another or none is shown."""
    body = hold_body(stage, world, **changes)
    if shown is GOOD:
        shown = good_pass(stage, who, body["person_id"])
    with_pass = {} if shown is None else {HEADER: shown}
    return json("POST", "/resident/holds", body, who=who, key=key, headers=with_pass | (headers or {}))


def good_pass(stage: Stage, who: Who, person: str) -> str:
    """What whoever asks would have been given, also for a person who is not theirs: the ledger asks once more."""
    accounts = {"me": stage.me, "free": stage.free_person, "other": stage.other}
    try:
        person_id = UUID(person)
    except ValueError:
        person_id = stage.free_person
    return pass_for(stage.keys, person_id, account_id=accounts.get(who))


def person_body(**changes: Any) -> dict[str, Any]:
    """A person who could be entered."""
    body = {
        "name": "王小明", "document_type": "resident_id", "document_number": "310100199005120028", "relation": "child",
    }  # fmt: skip
    return body | changes


def person(**changes: Any) -> Callable[[Stage], Request]:
    """Enter a person with something wrong about them."""
    return lambda _: json("POST", "/resident/people", person_body(**changes))


def session_body(stage: Stage, **changes: Any) -> dict[str, Any]:
    """A session that could be published."""
    window = {
        "starts_at": "2031-03-03T09:00:00+08:00", "ends_at": "2031-03-03T09:30:00+08:00", "capacity": 10,
        "quotas": [{"channel": "h5", "quota": 10}],
    }  # fmt: skip
    body = {
        "clinic_id": stage.open.clinic_id, "session_date": "2031-03-03", "title": "专场", "windows": [window],
        "stocks": [{"product_id": 1302, "vials": 10}],
    }  # fmt: skip
    return body | changes


def publish(**changes: Any) -> Callable[[Stage], Request]:
    """Publish a session with something wrong about it."""
    return lambda stage: json("POST", "/clinic/sessions", session_body(stage, **changes), who="clinic")


def publish_window(**changes: Any) -> Callable[[Stage], Request]:
    """Publish a session whose one window has something wrong about it."""

    def make(stage: Stage) -> Request:
        body = session_body(stage)
        body["windows"] = [body["windows"][0] | changes]
        return json("POST", "/clinic/sessions", body, who="clinic")

    return make
