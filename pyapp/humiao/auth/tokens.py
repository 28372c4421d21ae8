"""Signed tokens: short-lived, HS256 and nothing else, with key id and audience. Checked without a round trip.

Access tokens ("resident", "staff"): sub (account or staff id), sid (login session); role and place for staff.
Eligibility passes ("pass"): sub (person), acc (account), vac (vaccine), dose, clinics, rul (edition of the rules),
day and bef (appointments from that day, before that day); see `Pass`.
Room tickets ("room"): sub (person), acc (account), room, tkt (the entry); see `RoomTicket`.
All: iss, aud, iat, exp, gen (generation of the audience at signing; absent: 0).
RFC 8725 practice: one algorithm, keys by id from an allow-list, audience and expiry always required.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from humiao.errors import Refusal
from humiao.kit.keys import TokenKey

ISSUER = "humiao"
CLOCK_SKEW_S = 5  # how far the clock of the process that signed may be ahead; as in booking-gate/src/token.rs
NEVER_REVOKED: Mapping[str, int] = {}


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


@dataclass(frozen=True, slots=True)
class Pass:
    """资格凭证: this account may book this dose of this vaccine for this person.

    `dose` None: whichever is due. `clinics` None: at any clinic. `rules`: the edition of the programme that decided.
    Good for appointments from `since` on and before `before`; None: no bound. `generation`: at signing.
    """

    person_id: UUID
    account_id: UUID
    vaccine_code: str
    dose: int | None = None
    clinics: tuple[int, ...] | None = None
    rules: str | None = None
    since: date | None = None
    before: date | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class RoomTicket:
    """排队凭证: this account may show this entry of a waiting room for this person."""

    room_id: int
    ticket: UUID
    person_id: UUID
    account_id: UUID


class Tokens:
    """Signs with the first key, verifies with any of them.

    `generations` says below which generation an audience's tokens are refused; it may change while this lives.
    """

    def __init__(
        self, keys: tuple[TokenKey, ...], *, ttl_s: int, generations: Mapping[str, int] = NEVER_REVOKED
    ) -> None:
        self._keys = {key.kid: key.secret for key in keys}
        self._signing = keys[0]
        self._generations = generations
        self.ttl_s = ttl_s

    def _sign(self, audience: str, claims: dict[str, Any], expires_at: datetime | None = None) -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "iat": now,
            "exp": expires_at or now + timedelta(seconds=self.ttl_s),
            "gen": self._generations.get(audience, 0),
        } | claims
        return jwt.encode(claims, self._signing.secret, algorithm="HS256", headers={"kid": self._signing.kid})

    def for_resident(self, resident: Resident) -> str:
        """Sign an access token for a resident; valid `ttl_s` seconds."""
        return self._sign("resident", {"sub": str(resident.account_id), "sid": str(resident.login_session_id)})

    def for_staff(self, staff: Staff) -> str:
        """Sign an access token for a member of staff; valid `ttl_s` seconds."""
        return self._sign(
            "staff",
            {
                "sub": str(staff.staff_id),
                "sid": str(staff.login_session_id),
                "role": staff.role,
                "clinic": staff.clinic_id,
                "district": staff.district_code,
            },
        )

    def for_pass(self, granted: Pass, *, expires_at: datetime, generation: int | None = None) -> str:
        """Sign an eligibility pass; `generation` is that of the audience where the signer knows it better."""
        claims: dict[str, Any] = {
            "sub": str(granted.person_id),
            "acc": str(granted.account_id),
            "vac": granted.vaccine_code,
            "dose": granted.dose,
            "clinics": None if granted.clinics is None else list(granted.clinics),
        }
        more = {"rul": granted.rules, "day": granted.since, "bef": granted.before}
        claims |= {name: str(value) for name, value in more.items() if value is not None}
        if generation is not None:
            claims["gen"] = generation
        return self._sign("pass", claims, expires_at)

    def for_room(self, ticket: RoomTicket, *, expires_at: datetime) -> str:
        """Sign a ticket of a waiting room."""
        claims = {"sub": str(ticket.person_id), "acc": str(ticket.account_id), "room": ticket.room_id}
        return self._sign("room", claims | {"tkt": str(ticket.ticket)}, expires_at)

    def _read(self, token: str, audience: str, *, unusable: str, expired: str) -> dict[str, Any] | Refusal:
        try:
            secret = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if secret is None:
                return Refusal(unusable)
            claims = dict(
                jwt.decode(
                    token,
                    secret,
                    algorithms=["HS256"],
                    audience=audience,
                    issuer=ISSUER,
                    # Times are asked below, after whose token it is: a foreign one is no expired one of ours.
                    options={
                        "require": ["exp", "iat", "aud", "sub", "iss"],
                        "verify_iat": False,
                        "verify_nbf": False,
                        "verify_exp": False,
                    },
                )
            )
            issued, ends = claims["iat"], claims["exp"]
            begins = claims.get("nbf", issued)
            if any(type(moment) is not int for moment in (issued, ends, begins)):
                return Refusal(unusable)
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return Refusal(unusable)
        now = time.time()
        if ends <= now:
            return Refusal(expired)
        if max(issued, begins) > now + CLOCK_SKEW_S:
            return Refusal(unusable)
        generation = claims.get("gen", 0)
        if type(generation) is not int or generation < self._generations.get(audience, 0):
            return Refusal(unusable)
        return claims

    def read_resident(self, token: str) -> Resident | Refusal:
        """Verify a resident's token: signature, key id, audience, expiry, generation."""
        claims = self._read(token, "resident", unusable="not_logged_in", expired="token_expired")
        if isinstance(claims, Refusal):
            return claims
        try:
            return Resident(UUID(claims["sub"]), UUID(claims["sid"]))
        except (KeyError, ValueError, TypeError, AttributeError):
            return Refusal("not_logged_in")

    def read_staff(self, token: str) -> Staff | Refusal:
        """Verify a staff token: signature, key id, audience, expiry, generation."""
        claims = self._read(token, "staff", unusable="not_logged_in", expired="token_expired")
        if isinstance(claims, Refusal):
            return claims
        return Staff(int(claims["sub"]), UUID(claims["sid"]), claims["role"], claims["clinic"], claims["district"])

    def read_pass(self, token: str) -> Pass | Refusal:
        """Verify an eligibility pass: signature, key id, audience, expiry, generation, and that it is one."""
        claims = self._read(token, "pass", unusable="pass_invalid", expired="pass_expired")
        if isinstance(claims, Refusal):
            return claims
        try:
            return _pass_of(claims)
        except (KeyError, ValueError, TypeError, AttributeError):
            return Refusal("pass_invalid")

    def read_room_ticket(self, token: str) -> RoomTicket | Refusal:
        """Verify a ticket of a waiting room: `room_ticket_invalid` for whatever is none, or none any more."""
        claims = self._read(token, "room", unusable="room_ticket_invalid", expired="room_ticket_invalid")
        if isinstance(claims, Refusal):
            return claims
        try:
            room_id = claims["room"]
            if type(room_id) is not int:
                return Refusal("room_ticket_invalid")
            return RoomTicket(room_id, _id_of(claims["tkt"]), _id_of(claims["sub"]), _id_of(claims["acc"]))
        except (KeyError, ValueError, TypeError, AttributeError):
            return Refusal("room_ticket_invalid")


def _id_of(text: str) -> UUID:
    """An id as it is written into tokens; no other spelling, as the gate reads it."""
    if len(text) != 36:
        raise ValueError("not an id as tokens spell it")
    return UUID(text)


def _pass_of(claims: Mapping[str, Any]) -> Pass:
    """The pass that claims spell out; raises where they are of another kind."""
    vaccine, dose, clinics = claims["vac"], claims["dose"], claims["clinics"]
    numbers = [*([] if dose is None else [dose]), *([] if clinics is None else clinics)]
    if not isinstance(vaccine, str) or any(type(number) is not int for number in numbers):
        raise TypeError("not the claims of a pass")
    rules = claims.get("rul")
    if rules is not None and not isinstance(rules, str):
        raise TypeError("not the claims of a pass")
    since, before = (None if claims.get(name) is None else _day_of(claims[name]) for name in ("day", "bef"))
    where = None if clinics is None else tuple(clinics)
    generation = claims.get("gen", 0)
    return Pass(UUID(claims["sub"]), UUID(claims["acc"]), vaccine, dose, where, rules, since, before, generation)


def _day_of(text: str) -> date:
    """A day as it is written into passes, `2027-01-30` and no other spelling of ISO 8601; as the gate reads it."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError("not the claims of a pass")
    return day
