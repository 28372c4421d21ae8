"""Send what is owed (P9). A message is leased, sent outside any transaction, then marked: at least once, never lost.

A failed try waits longer each time; after eight the message is given up and kept with its last error. Errors are kept
by their class alone, since a provider's error text may repeat the phone. What no longer holds is not sent: a used or
expired code, the confirmation of a reservation that was cancelled since, the reminder of a dose that was given.
Reminders wait for the end of the quiet hours, and for an answer that is worked out from the records as they are.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from humiao.errors import CITY_ZONE
from humiao.kit.crypto import Unsealable, Vault
from humiao.kit.database import Database
from humiao.kit.masking import mask_name
from humiao.kit.sql import statement
from humiao.messaging import templates
from humiao.messaging.gateway import SmsGateway
from humiao.messaging.quiet import QuietHours

log = structlog.get_logger(__name__)
TRIES_MAX = 8
LEASE_S = 120
FIRST_WAIT_S = 5
WAIT_S_MAX = 600
STALE_WAIT = timedelta(minutes=1)

RESERVATION_TEXTS = {
    "reservation.confirmed": templates.reservation_confirmed,
    "reservation.rescheduled": templates.reservation_rescheduled,
    "reservation.cancelled": templates.reservation_cancelled,
}

# What becomes of a reminder that came up to be sent; `quiet_hours` and `stale` put it off, the last try may fail.
REMINDER_ENDINGS = ("sent", "withdrawn", "nobody_to_tell", "unreadable", "quiet_hours", "stale", "failed")

OFFER_TEXTS = {"offer.made": templates.offer_made, "offer.expired": templates.offer_expired}
OFFER_STATES = {"offer.made": "open", "offer.expired": "expired"}


@dataclass(frozen=True, slots=True)
class Sms:
    """One text for one phone."""

    phone: str
    text: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why a message will never be sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """From when on a message may be sent; waiting for that is no failed try."""

    at: datetime
    reason: str


def _city_now() -> datetime:
    return datetime.now(CITY_ZONE)


def wait_s(tries: int) -> int:
    """Seconds to wait after so many failed tries: 5, 10, 20, … at most 600."""
    return int(min(WAIT_S_MAX, FIRST_WAIT_S * 2 ** (tries - 1)))


class OutboxSender:
    """Sends due messages through a gateway. Any number may run beside each other."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        gateway: SmsGateway,
        on_try: Callable[[str], None] = lambda _: None,
        quiet: QuietHours = QuietHours(),
        now: Callable[[], datetime] = _city_now,
        on_reminder: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """`on_try` is told what became of every try: `sent`, `later`, `given_up`. `quiet` binds reminders.

        `on_reminder` is told what became of each reminder that came up, one of REMINDER_ENDINGS, and of which topic.
        """
        self._database = database
        self._vault = vault
        self._gateway = gateway
        self._on_try = on_try
        self._quiet, self._now = quiet, now
        self._on_reminder = on_reminder

    async def send_due(self, at_most: int = 50) -> int:
        """Send up to `at_most` messages that are due; returns how many were sent."""
        sent = 0
        for _ in range(at_most):
            # one lease for one message: a slow provider cannot outlast the lease of a whole batch
            async with self._database.transaction() as connection:
                row = await connection.fetchrow(statement("messaging/lease_due"), 1, LEASE_S)
            if row is None:
                break
            sent += await self._send(row)
        return sent

    async def _send(self, row: Any) -> bool:
        message_id = row["message_id"]
        try:
            sms = await self._compose(row)
            if isinstance(sms, NotSent):
                await self._mark("mark_failed", message_id, sms.reason)
                self._on_try("given_up")
                self._note(row["topic"], sms.reason.partition(":")[0].replace(" ", "_"))
                return False
            if isinstance(sms, Later):
                await self._mark("postpone", message_id, sms.at)
                self._note(row["topic"], sms.reason)
                return False
            await self._gateway.send(sms.phone, sms.text)
        except Exception as error:  # whatever a provider raises, the message stays owed
            name = type(error).__name__
            log.warning("message not sent", message_id=message_id, topic=row["topic"], tries=row["tries"], error=name)
            if row["tries"] >= TRIES_MAX:
                await self._mark("mark_failed", message_id, name)
                self._on_try("given_up")
                self._note(row["topic"], "failed")
            else:
                await self._mark("try_later", message_id, name, wait_s(row["tries"]))
                self._on_try("later")
            return False
        await self._mark("mark_sent", message_id)
        self._on_try("sent")
        self._note(row["topic"], "sent")
        return True

    def _note(self, topic: str, ending: str) -> None:
        if topic.startswith("reminder."):
            self._on_reminder(topic.removeprefix("reminder."), ending)

    async def _mark(self, name: str, *values: Any) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(statement(f"messaging/{name}"), *values)

    async def _compose(self, row: Any) -> Sms | NotSent | Later:
        try:
            if row["topic"] == "sms.login_code":
                return await self._login_code(row)
            if row["topic"] in RESERVATION_TEXTS:
                return await self._reservation(row["topic"], row["subject"])
            if row["topic"] in OFFER_TEXTS:
                return await self._offer(row["topic"], row["subject"])
            if row["topic"] in ("reminder.dose", "reminder.appointment"):
                return await self._reminder(row["topic"], row["subject"])
        except (Unsealable, KeyError, ValueError) as error:
            return NotSent(f"unreadable: {type(error).__name__}")
        return NotSent("unknown topic")

    async def _login_code(self, row: Any) -> Sms | NotSent:
        code_id = UUID(row["payload"]["row"])
        async with self._database.read() as connection:
            left_s = await connection.fetchval(statement("messaging/code_is_open"), code_id)
        if left_s is None:
            return NotSent("code no longer open")
        message = json.loads(self._vault.open(row["payload_sealed"] or b"", row=code_id, field="outbox"))
        return Sms(message["phone"], templates.login_code(message["code"], left_s))

    async def _reservation(self, topic: str, subject: str) -> Sms | NotSent:
        claim_id = UUID(subject.removeprefix("claim:"))
        async with self._database.read() as connection:
            facts = await connection.fetchrow(statement("messaging/reservation_facts"), claim_id)
        if facts is None:
            return NotSent("unknown claim")
        if (facts["state"] == "cancelled") != (topic == "reservation.cancelled"):
            return NotSent("superseded")
        if facts["account_id"] is None:
            return NotSent("nobody to tell")
        text = RESERVATION_TEXTS[topic](
            templates.ReservationFacts(
                name_masked=mask_name(self._vault.open(facts["name_sealed"], row=facts["person_id"], field="name")),
                vaccine_name=facts["vaccine_name"],
                clinic_name=facts["clinic_name"],
                clinic_address=facts["clinic_address"],
                starts_at=facts["starts_at"],
                ends_at=facts["ends_at"],
            )
        )
        return Sms(self._vault.open(facts["phone_sealed"], row=facts["account_id"], field="phone"), text)

    async def _offer(self, topic: str, subject: str) -> Sms | NotSent:
        offer_id = UUID(subject.removeprefix("offer:"))
        async with self._database.read() as connection:
            facts = await connection.fetchrow(statement("messaging/offer_facts"), offer_id)
        if facts is None:
            return NotSent("unknown offer")
        if facts["state"] != OFFER_STATES[topic]:
            return NotSent("superseded")
        if facts["account_id"] is None:
            return NotSent("nobody to tell")
        text = OFFER_TEXTS[topic](
            templates.OfferFacts(
                name_masked=mask_name(self._vault.open(facts["name_sealed"], row=facts["person_id"], field="name")),
                vaccine_name=facts["vaccine_name"],
                clinic_name=facts["clinic_name"],
                starts_at=facts["starts_at"],
                ends_at=facts["ends_at"],
                answer_by=facts["answer_by"],
                standby=facts["standby"],
            )
        )
        return Sms(self._vault.open(facts["phone_sealed"], row=facts["account_id"], field="phone"), text)

    async def _reminder(self, topic: str, subject: str) -> Sms | NotSent | Later:
        now = self._now()
        allowed_at = self._quiet.after(now)
        if allowed_at > now:
            return Later(allowed_at, "quiet_hours")
        notice_id = UUID(subject.removeprefix("reminder:"))
        async with self._database.read() as connection:
            if topic == "reminder.dose":
                today = now.astimezone(CITY_ZONE).date()
                facts = await connection.fetchrow(statement("messaging/reminder_dose_facts"), notice_id, today)
            else:
                facts = await connection.fetchrow(statement("messaging/reminder_appointment_facts"), notice_id)
        if facts is None:
            return NotSent("withdrawn")
        if facts["account_id"] is None:
            return NotSent("nobody to tell")
        name_masked = mask_name(self._vault.open(facts["name_sealed"], row=facts["person_id"], field="name"))
        phone = self._vault.open(facts["phone_sealed"], row=facts["account_id"], field="phone")
        if topic == "reminder.appointment":
            return self._of_appointment(facts, name_masked, phone, now)
        if facts["stale"]:
            return Later(now + STALE_WAIT, "stale")
        if not facts["names"]:
            return NotSent("withdrawn")
        return Sms(phone, templates.reminder_dose(facts["kind"], name_masked, facts["names"]))

    @staticmethod
    def _of_appointment(facts: Any, name_masked: str, phone: str, now: datetime) -> Sms | NotSent:
        if facts["state"] != "confirmed" or facts["starts_at"] <= now:
            return NotSent("withdrawn")
        return Sms(
            phone,
            templates.reminder_appointment(
                templates.ReservationFacts(
                    name_masked=name_masked,
                    vaccine_name=facts["vaccine_name"],
                    clinic_name=facts["clinic_name"],
                    clinic_address=facts["clinic_address"],
                    starts_at=facts["starts_at"],
                    ends_at=facts["ends_at"],
                )
            ),
        )
