"""Residents of a measurement, each with what it shows at the gate, signed before the rush and in bulk."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from uuid import UUID

import orjson

from bench.town import Town
from humiao.auth.tokens import ISSUER, Pass, Resident, Tokens
from humiao.kit.keys import TokenKey

VACCINE = "IIV4"  # of the sessions that rush/make_session makes
TTL_S = 7200


def encoded(raw: bytes) -> bytes:
    """Base64 as tokens have it."""
    return urlsafe_b64encode(raw).rstrip(b"=")


class Signer:
    """Signs what `humiao.auth.tokens` signs, several times as fast: a header made once, one claim set per audience."""

    def __init__(self, key: TokenKey) -> None:
        self._secret = key.secret
        self._header = encoded(orjson.dumps({"alg": "HS256", "kid": key.kid, "typ": "JWT"})) + b"."
        now = int(time.time())
        self._common = {"iss": ISSUER, "iat": now, "exp": now + TTL_S, "gen": 0}

    def sign(self, audience: str, claims: dict[str, object]) -> bytes:
        message = self._header + encoded(orjson.dumps({"aud": audience, **claims, **self._common}))
        return message + b"." + encoded(hmac.digest(self._secret, message, hashlib.sha256))

    def headers(self, person: UUID) -> bytes:
        """The two header lines of a person whose account and login have the same id."""
        name = str(person)
        token = self.sign("resident", {"sub": name, "sid": name})
        leave = self.sign("pass", {"sub": name, "acc": name, "vac": VACCINE, "dose": None, "clinics": None})
        return b"Authorization: Bearer %b\r\nEligibility-Pass: %b\r\n" % (token, leave)


class People:
    """Residents in the ledger and their header lines, in the same order."""

    def __init__(self, ids: list[UUID], shown: list[bytes]) -> None:
        self.ids, self.shown = ids, shown

    @classmethod
    async def make(cls, town: Town, count: int) -> "People":
        ids = await town.residents(count)
        signer = Signer(town.keys.token_keys[0])
        shown = [signer.headers(person) for person in ids]
        for place in (0, -1):
            checked(town, ids[place], shown[place])
        return cls(ids, shown)


def checked(town: Town, person: UUID, shown: bytes) -> None:
    """The application reads what was signed here as its own."""
    tokens = Tokens(town.keys.token_keys, ttl_s=TTL_S)
    lines = dict(line.split(": ", 1) for line in shown.decode().strip().split("\r\n"))
    assert tokens.read_resident(lines["Authorization"].removeprefix("Bearer ")) == Resident(person, person)
    assert tokens.read_pass(lines["Eligibility-Pass"]) == Pass(person, person, VACCINE)
