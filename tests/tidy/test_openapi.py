"""The API's description in the tree is the API's; the pages' types are generated from it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from humiao.errors import PROBLEMS, SMALL_BYTES_MAX, Refusal, problem_body, steps_by_code

API = Path(__file__).resolve().parents[2] / "web" / "shared" / "api"
WRITTEN = API / "openapi.json"
FAILURES = {"busy", "outcome_unknown", "internal", "upstream_away", "upstream_timeout"}
CHANGING = {"post", "put", "patch", "delete"}
UNKEYED = (
    "/api/v1/auth/",  # logging in: limits, codes of one use and rotation make a repeat harmless
    "/api/v1/public/certificates/verify",  # a question that may be too long for an address; changes nothing
    "/api/v1/resident/passes",  # a pass is signed and changes nothing
    "/api/v1/resident/rooms/",  # a person has one place, told again to who asks again; a ticket ends once
)


def written() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(WRITTEN.read_text(encoding="utf-8"))
    return document


def operations() -> list[Any]:
    return [
        pytest.param(path, verb, operation, id=operation["operationId"])
        for path, verbs in written()["paths"].items()
        for verb, operation in verbs.items()
    ]


def chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


async def test_the_description_is_what_is_served(app: FastAPI) -> None:
    assert written() == json.loads(json.dumps(app.openapi())), "write it anew: make openapi"


@pytest.mark.parametrize(("path", "verb", "operation"), operations())
def test_an_operation_is_explained_and_tells_its_problems(path: str, verb: str, operation: dict[str, Any]) -> None:
    assert operation["summary"] and operation["description"]
    refusals = {status: answer for status, answer in operation["responses"].items() if not status.startswith("2")}
    assert refusals and all(list(answer["content"]) == ["application/problem+json"] for answer in refusals.values())
    if verb in CHANGING and not path.startswith(UNKEYED):
        keys = [p for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]
        assert [key["required"] for key in keys] == [True]


def test_every_problem_is_told_in_chinese_with_a_status_of_its_kind() -> None:
    for code, kind in PROBLEMS.items():
        assert chinese(kind.title) and chinese(kind.detail), code
        assert 400 <= kind.status < 500 or code in FAILURES, code


def test_the_pages_know_what_to_do_next_for_every_code() -> None:
    written_steps = json.loads((API / "problems.json").read_text(encoding="utf-8"))
    assert written_steps == steps_by_code(), "write it anew: make openapi"


@pytest.mark.parametrize("code", [code for code, kind in PROBLEMS.items() if kind.small])
def test_what_the_rush_tells_is_small_with_its_time(code: str) -> None:
    _, body = problem_body(Refusal(code, retry_at=datetime(2026, 12, 31, 23, 59, 59, 999000, UTC)))
    assert list(body) == ["code", "status", "title", "detail", "retry_at"]
    assert len(orjson.dumps(body)) <= SMALL_BYTES_MAX < 200
