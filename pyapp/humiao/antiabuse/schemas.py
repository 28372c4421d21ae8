"""Shapes of challenges, as ALTCHA spells them, and of what reviewers are shown."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from humiao.kit.shapes import Answer, CityTime

# What ALTCHA sends back: base64 of a JSON document of some 400 bytes.
Solution = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/=]+$", min_length=16, max_length=2048)]


class ChallengePurpose(Answer):
    """What a challenge is for; signed with it."""

    purpose: Literal["send_code", "log_in"]


class ChallengeParameters(Answer):
    """The work: find a counter for which the key derived from nonce, counter and salt begins with the prefix."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)

    algorithm: str
    nonce: str
    salt: str
    cost: int
    key_length: int
    key_prefix: str
    expires_at: Annotated[int, Field(description="seconds since 1970")]
    data: ChallengePurpose


class ChallengeAnswer(Answer):
    """A challenge of ALTCHA, version 2; the signature covers every parameter."""

    parameters: ChallengeParameters
    signature: str


class SignalAnswer(Answer):
    """Something noticed, for a person to judge; the subject is masked."""

    signal_id: int
    kind: Literal["many_phones", "many_devices", "many_failures", "budget_ended", "breaker_open", "challenge_replayed"]
    scope: Literal["account", "phone", "device", "network", "city"]
    label: str
    reason: str
    seen: int
    first_at: CityTime
    last_at: CityTime


class BreakerAnswer(Answer):
    """One window of the city's budget for codes; `open_until`: until when nothing is sent, null where it is."""

    window_s: int
    most: int
    used: int
    open_until: CityTime | None


class VelocityAnswer(Answer):
    """The breaker, and what was noticed of late, newest first."""

    breaker: list[BreakerAnswer]
    items: list[SignalAnswer]
