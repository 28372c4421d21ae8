"""A resident at 9:00:00: looks at the window, wants a place, asks with one key until the answer is final, confirms."""

import time
from uuid import uuid4

from locust import FastHttpUser, constant, task
from locust.exception import StopUser

from loadtest.shared import stage, told, waiting

ASK_AGAIN = {"busy", "outcome_unknown", "in_flight"}
PATIENCE_S = 60.0


class RushingResident(FastHttpUser):
    """Plays one waiting resident after the other, until all have raced."""

    wait_time = constant(0)
    weight = 4

    @task
    def race(self) -> None:
        if not waiting:
            raise StopUser
        self.person, shown = waiting.pop()
        self.headers = shown | {"Content-Type": "application/json"}
        hold = self._hold()
        if hold is None:
            return
        told[self.person] = hold["hold_id"]
        with self.client.post(
            f"/api/v1/resident/holds/{hold['hold_id']}/confirm", name="confirm",
            json={"hold_token": hold["hold_token"]}, headers=self._keyed(), catch_response=True,
        ) as answer:  # fmt: skip
            if answer.status_code != 200:
                answer.failure(f"a hold could not be confirmed: {answer.text}")

    def _keyed(self) -> dict[str, str]:
        return self.headers | {"Idempotency-Key": uuid4().hex}

    def _hold(self) -> dict[str, str] | None:
        goal, headers, deadline = stage["goal"], self._keyed(), time.monotonic() + PATIENCE_S
        body = {"person_id": self.person, "window_id": goal["window_id"], "stock_id": goal["stock_id"]}
        while time.monotonic() < deadline:
            with self.client.post(
                "/api/v1/resident/holds", name="hold", json=body, headers=headers, catch_response=True
            ) as answer:
                told_json = answer.json() if answer.text else {}
                code = "granted" if answer.status_code == 201 else told_json.get("code")
                if code == "granted" or answer.status_code == 409:
                    answer.success()  # "full" is an answer, not a failure
                if code not in ASK_AGAIN and answer.status_code != 0:
                    return told_json if code == "granted" else None
            time.sleep(0.5)
        return None
