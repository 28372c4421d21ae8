"""A resident with a phone, over HTTP: logs in by the code that was sent, books the first place there is."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from humiao.antiabuse.challenges import solve
from tests.codes import device_of
from tests.faults.city import RunningCity, eventually
from tests.passes import HEADER

DEMO_PHONE = "13800000001"


class PhoneResident:
    """Works against the city wherever it listens now; asks again while the city is coming back."""

    def __init__(self, city: RunningCity, phone: str = DEMO_PHONE) -> None:
        self._city = city
        self._phone = phone
        self._token = ""

    def _send(self, method: str, path: str, *, shown: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers |= shown or {}
        if method != "GET":
            headers["Idempotency-Key"] = uuid4().hex

        def answered() -> httpx.Response | None:
            try:
                answer = httpx.request(method, f"{self._city.url}/api/v1{path}", headers=headers, timeout=10, **more)
            except (httpx.HTTPError, KeyError):
                return None
            return None if answer.status_code == 503 else answer

        return eventually(answered, f"{method} {path} is answered")  # type: ignore[no-any-return]

    def _codes(self) -> list[str]:
        file: Path = self._city.home / "sms.jsonl"
        messages = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
        mine = [m["text"] for m in messages if m["phone"].endswith(self._phone) and "验证码" in m["text"]]
        return ["".join(c for c in text.split("验证码")[1] if c.isdigit())[:6] for text in mine]

    def log_in(self) -> "PhoneResident":
        """Solve a challenge, ask for a code, wait until the worker sent it, log in."""
        device = device_of(self._phone)
        before = len(self._codes())
        issued = self._send("GET", "/public/challenges?purpose=send_code", shown=device)
        body = {"phone": self._phone, "challenge": solve(issued.json())}
        asked = self._send("POST", "/auth/codes", json=body, shown=device)
        assert asked.status_code == 202, asked.text
        code = eventually(lambda: self._codes()[before:], "the code is sent")[-1]
        answer = self._send("POST", "/auth/login", json={"phone": self._phone, "code": code}, shown=device)
        assert answer.status_code == 200, answer.text
        self._token = answer.json()["access_token"]
        return self

    def family(self) -> dict[str, str]:
        """The people of the account: relation to person id."""
        items = self._send("GET", "/resident/people").json()["items"]
        return {person["relation"]: person["person_id"] for person in items}

    def first_place(self, vaccine: str) -> tuple[int, int]:
        """A window that can be booked now, and the stock of that vaccine."""
        clinics = self._send("GET", f"/public/clinics?vaccine={vaccine}").json()["items"]
        for clinic in clinics:
            seen = self._send("GET", f"/public/clinics/{clinic['clinic_id']}/windows?vaccine={vaccine}").json()
            for session in seen["sessions"]:
                stock = next(v for v in session["stocks"] if v["vaccine_code"] == vaccine)
                for window in session["windows"]:
                    if window["state"] == "open" and window["free"] > 0:
                        return window["window_id"], stock["stock_id"]
        raise AssertionError(f"no place for {vaccine}")

    def book(self, person_id: str, vaccine: str) -> dict[str, Any]:
        """Hold and confirm; returns the reservation."""
        window_id, stock_id = self.first_place(vaccine)
        body = {"person_id": person_id, "window_id": window_id, "stock_id": stock_id}
        asked = {"person_id": person_id, "vaccine_code": vaccine}
        issued = self._send("POST", "/resident/passes", json=asked)
        assert issued.status_code == 201, issued.text
        held = self._send("POST", "/resident/holds", json=body, shown={HEADER: issued.json()["pass"]})
        assert held.status_code == 201, held.text
        hold = held.json()
        confirmed = self._send(
            "POST", f"/resident/holds/{hold['hold_id']}/confirm", json={"hold_token": hold["hold_token"]}
        )
        assert confirmed.status_code == 200, confirmed.text
        reservation: dict[str, Any] = confirmed.json()
        return reservation

    def reservation(self, reservation_id: str) -> dict[str, Any]:
        """How a reservation stands now."""
        shown: dict[str, Any] = self._send("GET", f"/resident/reservations/{reservation_id}").json()
        return shown

    def cancel(self, reservation_id: str) -> None:
        answer = self._send("POST", f"/resident/reservations/{reservation_id}/cancel", json={})
        assert answer.status_code == 200, answer.text
