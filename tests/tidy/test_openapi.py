"""The API's description in the tree is the API's; the pages' types are generated from it."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from humiao.errors import PROBLEMS

WRITTEN = Path(__file__).resolve().parents[2] / "web" / "shared" / "api" / "openapi.json"
CHANGING = {"post", "put", "patch", "delete"}
UNKEYED = "/api/v1/auth/"  # logging in: limits, codes of one use and rotation make a repeat harmless


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
        assert 400 <= kind.status < 500 or code in {"busy", "outcome_unknown", "internal"}, code
