"""What stands between a request and a message that costs money: challenge first, then budgets, and signals on the way.

Everything takes the connection of the caller's transaction where it writes, so that what was counted is committed with
the message it was counted for, and with a refusal too.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from humiao.antiabuse import budgets, signals
from humiao.antiabuse.budgets import CITY, Ended, Scope, What
from humiao.antiabuse.challenges import Challenges, Purpose, Solved
from humiao.antiabuse.schemas import ChallengeAnswer, VelocityAnswer
from humiao.antiabuse.signals import Signal
from humiao.antiabuse.source import Origin, Source, origin_of
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.sql import statement

log = structlog.get_logger(__name__)
SIGNALS_SHOWN = 200


def _silent(_: Ended) -> None:
    """Where no metric is wired."""


class AntiAbuseService:
    """Challenges, budgets and signals. `on_breaker` is called once for each opening of the city's breaker seen here."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        challenge_cost: int,
        challenge_ttl_s: int,
        on_breaker: Callable[[Ended], None] = _silent,
    ) -> None:
        self._database = database
        self._vault = vault
        # a key of its own, derived from the key file: a signature of a challenge is good for nothing else
        secret = vault.blind_index("challenge", "signing key")
        self._challenges = Challenges(secret, cost=challenge_cost, ttl_s=challenge_ttl_s)
        self._on_breaker = on_breaker
        self._alarmed_until: datetime | None = None

    def origin(self, source: Source) -> Origin:
        """Where a request comes from, as it is counted."""
        return origin_of(self._vault, source)

    async def _pressure(self, what: What, origin: Origin) -> list[Any]:
        async with self._database.read() as connection:
            rows: list[Any] = await connection.fetch(
                statement("antiabuse/pressure"), what, origin.device, origin.network
            )
        return rows

    async def _level(self, purpose: Purpose, origin: Origin) -> int | None:
        """How hard a challenge has to be now; None: none is needed."""
        if purpose == "send_code":
            rows = await self._pressure("sms_code", origin)
            return budgets.level_before_sending((row["seen"], row["most"]) for row in rows)
        rows = await self._pressure("failed_login", origin)
        return budgets.level_after_failures((row["seen"], row["most"]) for row in rows)

    async def issue(self, purpose: Purpose, source: Source) -> ChallengeAnswer:
        """A challenge as hard as it has to be for whoever asks."""
        return self._challenges.issue(purpose, await self._level(purpose, self.origin(source)) or 0)

    async def admit(self, purpose: Purpose, origin: Origin, solution: str | None) -> Solved | Refusal | None:
        """Judge the solution that was sent along; None where none is needed. What is admitted has still to be spent."""
        level = await self._level(purpose, origin)
        return None if level is None else await self._challenges.check(solution, purpose, level)

    async def spend(self, connection: Any, solved: Solved, origin: Origin) -> Refusal | None:
        """Spend a solved challenge; `challenge_used` where it was spent before, which is noted."""
        if await connection.fetchval(statement("antiabuse/spend_challenge"), solved.nonce, solved.expires_at):
            return None
        reason = "同一个安全验证结果被重复提交"
        await signals.note(
            connection, Signal("challenge_replayed", "device", origin.device, origin.device_label, reason)
        )
        return Refusal("challenge_used")

    async def take_code(
        self, connection: Any, origin: Origin, phone: tuple[bytes, str], account_id: UUID | None
    ) -> Refusal | None:
        """Count a code before it is written; the refusal names the budget. `phone` is (digest, masked)."""
        labels: dict[Scope, tuple[bytes, str]] = {
            "phone": phone,
            "device": (origin.device, origin.device_label),
            "network": (origin.network, origin.network_label),
            "city": (CITY, "全市"),
        }
        if account_id:
            labels = {"account": (account_id.bytes, phone[1]), **labels}
        subjects = [(scope, digest) for scope, (digest, _) in labels.items()]
        ended = await budgets.take(connection, "sms_code", subjects)
        if ended is None:
            return None
        signal = signals.of_ended(ended, *labels[ended.scope])
        if signal:
            await signals.note(connection, signal)
        if ended.scope == "city":
            self._alarm(ended)
        return budgets.refusal_of(ended)

    def _alarm(self, ended: Ended) -> None:
        """Once for each opening: under attack there are thousands of refusals a second."""
        if self._alarmed_until and ended.ends_at <= self._alarmed_until:
            return
        self._alarmed_until = ended.ends_at
        log.error("sms breaker open", window_s=ended.window_s, most=ended.most, until=ended.ends_at.isoformat())
        self._on_breaker(ended)

    async def note_spread(self, connection: Any, origin: Origin, phone: tuple[bytes, str]) -> None:
        """After a code was written: note a device with many phones, a phone with many devices."""
        row = await connection.fetchrow(statement("antiabuse/spread"), phone[0], origin.device)
        for signal in signals.of_spread(row["phones"], row["devices"], (origin.device, origin.device_label), phone):
            await signals.note(connection, signal)

    async def count_failure(self, connection: Any, origin: Origin) -> None:
        """Count a login that failed; from the budget's end on the next needs a challenge, and a reviewer is told."""
        await budgets.take(connection, "failed_login", [("device", origin.device), ("network", origin.network)])
        labels: dict[str, tuple[Scope, bytes, str]] = {
            "device": ("device", origin.device, origin.device_label),
            "network": ("network", origin.network, origin.network_label),
        }
        for row in await connection.fetch(
            statement("antiabuse/pressure"), "failed_login", origin.device, origin.network
        ):
            if row["seen"] >= row["most"]:
                reason = f"{budgets.window_text(row['window_s'])}内登录失败 {row['seen']} 次，已要求安全验证"
                await signals.note(connection, Signal("many_failures", *labels[row["scope"]], reason))

    async def review(self, *, days: int) -> VelocityAnswer:
        """What the back office is shown."""
        async with self._database.read() as connection:
            return await signals.review(connection, days=days, at_most=SIGNALS_SHOWN)
