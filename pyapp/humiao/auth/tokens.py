"""Access tokens: short-lived, signed (HS256, fixed), with key id and audience. Checked without a round trip.

Claims: sub (account or staff id), sid (login session), aud ("resident" or "staff"), iat, exp; role and place for staff.
RFC 8725 practice: one algorithm, keys by id from an allow-list, audience and expiry always required.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from humiao.errors import Refusal
from humiao.kit.keys import TokenKey

ISSUER = "humiao"


@dataclass(frozen=True, slots=True)
class Resident:
    """The resident who asks: an account logged in by SMS code."""

    account_id: UUID
    login_session_id: UUID

    @property
    def actor(self) -> str:
        """How audit and idempotency name this caller."""
        return f"account:{self.account_id}"


@dataclass(frozen=True, slots=True)
class Staff:
    """The member of staff who asks."""

    staff_id: int
    login_session_id: UUID
    role: str
    clinic_id: int | None
    district_code: str | None

    @property
    def actor(self) -> str:
        """How audit and idempotency name this caller."""
        return f"staff:{self.staff_id}"


class Tokens:
    """Signs with the first key, verifies with any of them."""

    def __init__(self, keys: tuple[TokenKey, ...], *, ttl_s: int) -> None:
        self._keys = {key.kid: key.secret for key in keys}
        self._signing = keys[0]
        self.ttl_s = ttl_s

    def _sign(self, claims: dict[str, Any]) -> str:
        now = datetime.now(UTC)
        claims |= {"iss": ISSUER, "iat": now, "exp": now + timedelta(seconds=self.ttl_s)}
        return jwt.encode(claims, self._signing.secret, algorithm="HS256", headers={"kid": self._signing.kid})

    def for_resident(self, resident: Resident) -> str:
        """Sign an access token for a resident; valid `ttl_s` seconds."""
        return self._sign({"sub": str(resident.account_id), "sid": str(resident.login_session_id), "aud": "resident"})

    def for_staff(self, staff: Staff) -> str:
        """Sign an access token for a member of staff; valid `ttl_s` seconds."""
        return self._sign(
            {
                "sub": str(staff.staff_id),
                "sid": str(staff.login_session_id),
                "aud": "staff",
                "role": staff.role,
                "clinic": staff.clinic_id,
                "district": staff.district_code,
            }
        )

    def _read(self, token: str, audience: str) -> dict[str, Any] | Refusal:
        try:
            secret = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if secret is None:
                return Refusal("not_logged_in")
            return dict(
                jwt.decode(
                    token,
                    secret,
                    algorithms=["HS256"],
                    audience=audience,
                    issuer=ISSUER,
                    options={"require": ["exp", "iat", "aud", "sub", "iss"]},
                )
            )
        except jwt.ExpiredSignatureError:
            return Refusal("token_expired")
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return Refusal("not_logged_in")

    def read_resident(self, token: str) -> Resident | Refusal:
        """Verify a resident's token: signature, key id, audience, expiry."""
        claims = self._read(token, "resident")
        if isinstance(claims, Refusal):
            return claims
        return Resident(UUID(claims["sub"]), UUID(claims["sid"]))

    def read_staff(self, token: str) -> Staff | Refusal:
        """Verify a staff token: signature, key id, audience, expiry."""
        claims = self._read(token, "staff")
        if isinstance(claims, Refusal):
            return claims
        return Staff(int(claims["sub"]), UUID(claims["sid"]), claims["role"], claims["clinic"], claims["district"])
