"""What the gate is given to say is what the API says, byte for byte, with the time to come back and without."""

from datetime import UTC, datetime

import orjson
import pytest

from humiao.errors import PROBLEMS, SMALL_BYTES_MAX, Refusal, problem_body
from humiao.gate.run import vocabulary

AT = datetime(2026, 11, 24, 1, 0, 0, 123000, UTC)
TOLD = '"retry_at":"2026-11-24T09:00:00.123+08:00"'


@pytest.mark.parametrize(("code", "status", "head", "tail"), vocabulary(), ids=[code for code, *_ in vocabulary()])
def test_the_gates_words_are_the_apis(code: str, status: int, head: str, tail: str) -> None:
    for retry_at, told in ((None, ""), (AT, f",{TOLD}")):
        body = problem_body(Refusal(code, retry_at))
        text = f"{head}{told}{tail}}}"
        assert (status, text) == (body[0], orjson.dumps(body[1]).decode())
        assert not PROBLEMS[code].small or len(text.encode()) <= SMALL_BYTES_MAX


def test_nothing_is_missing() -> None:
    assert [code for code, *_ in vocabulary()] == list(PROBLEMS)
