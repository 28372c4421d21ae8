"""Callers of the API with tokens of their own: residents and staff who are logged in without an SMS."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from humiao.auth.tokens import Resident, Staff
from humiao.kit.keys import Keys
from tests.passes import HEADER, VACCINE, lasting_tokens

API = "/api/v1"


class Caller:
    """Sends requests with a token; a change gets a fresh key unless one is given."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self.token = token
        self._passes: dict[tuple[str, str], str] = {}

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        if method != "GET":
            headers["Idempotency-Key"] = key or uuid4().hex
        if body is not None:
            more["json"] = body
        return await self._client.request(method, API + path, headers=headers, **more)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.send("GET", path, params=query)

    async def post(self, path: str, body: Any, *, key: str | None = None) -> httpx.Response:
        return await self.send("POST", path, body, key=key)

    async def pass_for(self, person: UUID | str, vaccine: str = VACCINE) -> str:
        """A pass for one of the caller's people, asked for once."""
        wanted = str(person), vaccine
        if wanted not in self._passes:
            answer = await self.post("/resident/passes", {"person_id": str(person), "vaccine_code": vaccine})
            assert answer.status_code == 201, answer.text
            self._passes[wanted] = answer.json()["pass"]
        return self._passes[wanted]

    async def hold_place(
        self, person: UUID | str, window_id: int, stock_id: int, *, vaccine: str = VACCINE, key: str | None = None
    ) -> httpx.Response:
        """Hold a place with a pass."""
        headers = {HEADER: await self.pass_for(person, vaccine)}
        body = {"person_id": str(person), "window_id": window_id, "stock_id": stock_id}
        return await self.send("POST", "/resident/holds", body, key=key, headers=headers)

    async def patch(self, path: str, body: Any, *, key: str | None = None) -> httpx.Response:
        return await self.send("PATCH", path, body, key=key)


async def resident_token(
    connection: Any, keys: Keys, account_id: UUID, *, ttl_s: int = 3600, logged_out: bool = False
) -> str:
    """Log an account in (and out again)."""
    login = uuid4()
    await connection.execute(
        """INSERT INTO login_sessions (login_session_id, account_id, refresh_digest, expires_at, revoked_at)
           VALUES ($1, $2, $3, now() + interval '1 hour', CASE WHEN $4 THEN now() END)""",
        login, account_id, login.bytes, logged_out,
    )  # fmt: skip
    return lasting_tokens(keys, ttl_s=ttl_s).for_resident(Resident(account_id, login))


async def staff_token(
    connection: Any, keys: Keys, role: str, clinic_id: int | None = None, *, district: str | None = None
) -> str:
    """Make a member of staff and log them in."""
    login = uuid4()
    staff_id = await connection.fetchval(
        """INSERT INTO staff (username, display_name, password_digest, role, clinic_id, district_code)
           VALUES ($1, '测试员工', '!', $2, $3, $4) RETURNING staff_id""",
        f"test-{login.hex[:12]}", role, clinic_id, district,
    )  # fmt: skip
    await connection.execute(
        """INSERT INTO login_sessions (login_session_id, staff_id, refresh_digest, expires_at)
           VALUES ($1, $2, $3, now() + interval '1 hour')""",
        login, staff_id, login.bytes,
    )  # fmt: skip
    return lasting_tokens(keys).for_staff(Staff(staff_id, login, role, clinic_id, district))
