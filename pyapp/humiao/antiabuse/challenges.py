"""Proof of work (ALTCHA): a signed challenge that costs a person a second unseen, and a bot as much for every try.

A challenge is bound to a purpose and expires; its solution works once. Issuing costs one HMAC, so asking for challenges
burdens nobody; checking costs one key derivation, and only where the signature is ours. Each level doubles the work.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from altcha import Challenge, Payload, create_challenge, solve_challenge, verify_solution

from humiao.antiabuse.schemas import ChallengeAnswer, ChallengeParameters
from humiao.errors import Refusal

Purpose = Literal["send_code", "log_in"]
ALGORITHM = "PBKDF2/SHA-256"
KEY_PREFIX = "00"  # one key in 256 begins so: that many derivations on average
LEVEL_MAX = 3
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def solve(challenge: dict[str, Any]) -> str:
    """Do the work of a challenge as it came over the wire; returns what is sent back.

    For scripts; pages do it in a worker. Raises ValueError for what is no challenge.
    """
    try:
        asked = Challenge.from_dict(challenge)
        found = solve_challenge(asked)
    except MALFORMED as error:
        raise ValueError("not a challenge") from error
    if found is None:
        raise ValueError("not solved in time")
    return Payload(asked, found).to_base64()


@dataclass(frozen=True, slots=True)
class Solved:
    """A challenge that was solved, and has still to be spent."""

    nonce: bytes
    expires_at: datetime


class Challenges:
    """Makes challenges and judges solutions; keeps nothing. `cost` is the derivation's iterations at level 0."""

    def __init__(self, secret: bytes, *, cost: int, ttl_s: int) -> None:
        self._secret = secret
        self._cost = cost
        self._ttl_s = ttl_s

    def issue(self, purpose: Purpose, level: int) -> ChallengeAnswer:
        """A new challenge for a purpose; a level is at most LEVEL_MAX."""
        expires_at = datetime.now(UTC) + timedelta(seconds=self._ttl_s)
        made = create_challenge(
            ALGORITHM,
            self._cost << min(level, LEVEL_MAX),
            key_prefix=KEY_PREFIX,
            expires_at=expires_at,
            data={"purpose": purpose},
            hmac_secret=self._secret,
        )
        return ChallengeAnswer(
            parameters=ChallengeParameters.model_validate(made.parameters.to_dict()), signature=str(made.signature)
        )

    async def check(self, solution: str | None, purpose: Purpose, level: int) -> Solved | Refusal:
        """Judge a solution (base64 of ALTCHA's JSON) for a purpose and the level that is asked for now.

        Refused with `challenge_needed` (none, or too easy a one by now), `challenge_expired` or `challenge_invalid`.
        """
        if solution is None:
            return Refusal("challenge_needed")
        try:
            payload = Payload.from_base64(solution)
            parameters = payload.challenge.parameters
            bound = parameters.data == {"purpose": purpose} and parameters.algorithm == ALGORITHM
            if not bound:
                return Refusal("challenge_invalid")
            if parameters.cost < self._cost << min(level, LEVEL_MAX):
                return Refusal("challenge_needed")
            verdict = await asyncio.to_thread(verify_solution, payload, self._secret)
            if verdict.expired:
                return Refusal("challenge_expired")
            if not verdict.verified or parameters.expires_at is None:
                return Refusal("challenge_invalid")
            return Solved(bytes.fromhex(parameters.nonce), datetime.fromtimestamp(parameters.expires_at, UTC))
        except MALFORMED:
            return Refusal("challenge_invalid")
