"""Challenges: bound to a purpose, of one use, harder under pressure; what is made up is refused."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from humiao.antiabuse.challenges import LEVEL_MAX, Challenges, solve
from humiao.errors import Refusal
from tests.codes import CHALLENGES, CODES, DEVICE, ask_for_code, device_of, show_code, solution


async def ask(served: httpx.AsyncClient, phone: str, challenge: str | None) -> str:
    """Ask for a code with a solution; the code of the refusal, or "sent"."""
    body = {"phone": phone} | ({"challenge": challenge} if challenge else {})
    answer = await served.post(CODES, json=body, headers=device_of(phone))
    if answer.status_code == 202:
        return "sent"
    assert answer.json()["next_steps"][0]["action"] == "solve_challenge"
    return str(answer.json()["code"])


def changed(shown: str, **changes: Any) -> str:
    """A solution in which somebody changed parameters of the challenge."""
    payload = json.loads(base64.b64decode(shown))
    payload["challenge"]["parameters"] |= changes
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def test_no_code_without_work(served, phone):
    assert await ask(served, phone, None) == "challenge_needed"


async def test_a_solution_works_once(served, phone, phones):
    shown = await solution(served, device_of(phone))
    assert await ask(served, phone, shown) == "sent"
    assert await ask(served, f"138{next(phones):08d}", shown) == "challenge_used"


async def test_a_solution_for_logging_in_sends_no_code(served, phone):
    assert await ask(served, phone, await solution(served, device_of(phone), "log_in")) == "challenge_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"expiresAt": 4_102_444_800},
        {"keyPrefix": ""},
        {"nonce": "00" * 16},
        {"salt": "00" * 16},
        {"cost": 1.5},
        {"cost": "1"},
        {"algorithm": "SHA-256"},
        {"data": None},
        {"data": {"purpose": "send_code", "more": 1}},
        {"expiresAt": None},
        {"keyLength": 0},
    ],
    ids=str,
)
async def test_what_was_signed_cannot_be_changed(served, phone, change):
    shown = await solution(served, device_of(phone))
    assert await ask(served, phone, changed(shown, **change)) == "challenge_invalid"
    assert await ask(served, phone, shown) == "sent", "the control: unchanged it is good"


async def test_a_counter_that_solves_nothing(served, phone):
    payload = json.loads(base64.b64decode(await solution(served, device_of(phone))))
    payload["solution"]["counter"] += 1
    shown = base64.b64encode(json.dumps(payload).encode()).decode()
    assert await ask(served, phone, shown) == "challenge_invalid"


async def test_a_challenge_of_another_key(served, phone):
    foreign = Challenges(b"another key of thirty-two bytes!", cost=1, ttl_s=300).issue("send_code", 0)
    assert await ask(served, phone, solve(foreign.model_dump(mode="json"))) == "challenge_invalid"


async def test_a_challenge_ends():
    challenges = Challenges(b"k" * 32, cost=1, ttl_s=-1)
    shown = solve(challenges.issue("send_code", 0).model_dump(mode="json"))
    assert await challenges.check(shown, "send_code", 0) == Refusal("challenge_expired")


async def test_each_level_doubles_the_work_and_an_easier_one_is_not_enough():
    challenges = Challenges(b"k" * 32, cost=10, ttl_s=60)
    issued = [challenges.issue("send_code", level) for level in range(LEVEL_MAX + 3)]
    assert [one.parameters.cost for one in issued] == [10, 20, 40, 80, 80, 80]
    shown = [solve(one.model_dump(mode="json")) for one in issued]
    for level, one in enumerate(shown[: LEVEL_MAX + 1]):
        assert not isinstance(await challenges.check(one, "send_code", level), Refusal)
        if level < LEVEL_MAX:
            assert await challenges.check(one, "send_code", level + 1) == Refusal("challenge_needed")


async def test_the_answer_is_for_nobody_to_keep_and_bound(served, phone):
    answer = await served.get(CHALLENGES, params={"purpose": "log_in"}, headers=device_of(phone))
    parameters = answer.json()["parameters"]
    assert answer.headers["cache-control"] == "no-store"
    assert parameters["data"] == {"purpose": "log_in"}
    assert 290 <= parameters["expiresAt"] - datetime.now(UTC).timestamp() <= 300


async def test_a_busy_device_works_harder_for_the_next_code(served, phones):
    device = {DEVICE: f"busy-device-{next(phones):08d}"}

    async def cost() -> int:
        issued = await served.get(CHALLENGES, params={"purpose": "send_code"}, headers=device)
        return int(issued.json()["parameters"]["cost"])

    costs = []
    for _ in range(9):
        costs.append(await cost())
        assert (await ask_for_code(served, f"138{next(phones):08d}", device)).status_code == 202
    assert costs == [1, 1, 1, 2, 2, 4, 4, 4, 8], "a family notices nothing, a bot pays"


async def test_an_easy_solution_kept_for_later_is_refused_under_pressure(served, phones):
    device = {DEVICE: f"hoarding-device-{next(phones):08d}"}
    kept = await solution(served, device)
    for _ in range(3):
        assert (await ask_for_code(served, f"138{next(phones):08d}", device)).status_code == 202
    body = {"phone": f"138{next(phones):08d}", "challenge": kept}
    answer = await served.post(CODES, json=body, headers=device)
    assert (answer.status_code, answer.json()["code"]) == (403, "challenge_needed")
    body["challenge"] = await solution(served, device)
    assert (await served.post(CODES, json=body, headers=device)).status_code == 202


async def test_after_ten_failures_of_a_device_logging_in_takes_work_and_then_goes_on(served, last_sms, phone):
    for _ in range(10):
        assert (await show_code(served, phone, "000000")).json()["code"] == "code_expired"
    assert (await ask_for_code(served, phone)).status_code == 202
    code = await last_sms(phone)
    stopped = await show_code(served, phone, code)
    assert (stopped.status_code, stopped.json()["code"]) == (403, "challenge_needed")
    wrong_kind = await show_code(served, phone, code, challenge=await solution(served, device_of(phone)))
    assert wrong_kind.json()["code"] == "challenge_invalid"
    shown = await solution(served, device_of(phone), "log_in")
    assert (await show_code(served, phone, code, challenge=shown)).status_code == 200
    again = await show_code(served, phone, code, challenge=shown)
    assert again.json()["code"] == "challenge_used"
