"""Which reminders an account wants. Nothing said means all of them."""

from typing import Any

from humiao.auth.tokens import Resident
from humiao.errors import Refusal
from humiao.kit.audit import write_audit
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.reminders.schemas import ReminderChoices, RemindersAnswer

KINDS = ("due", "second_dose", "overdue", "appointment")


class RemindersService:
    """Reads and changes the choices of the account that asks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, me: Resident) -> RemindersAnswer:
        """Return what the account wants."""
        async with self._database.read() as connection:
            rows = await connection.fetch(statement("reminders/optouts"), me.account_id)
        unwanted = {row["kind"] for row in rows}
        return RemindersAnswer(**{kind: kind not in unwanted for kind in KINDS})

    async def choose(self, me: Resident, choices: ReminderChoices, key: str) -> RemindersAnswer | Refusal:
        """Keep the choices, once per key; refused with `key_reused` for another body under the same key."""
        wanted = choices.model_dump()
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                await connection.execute(statement("residents/lock_account"), me.account_id)
                await connection.execute(
                    statement("reminders/forget_optouts"), me.account_id, [kind for kind in KINDS if wanted[kind]]
                )
                await connection.execute(
                    statement("reminders/keep_optouts"), me.account_id, [kind for kind in KINDS if not wanted[kind]]
                )
                await write_audit(
                    connection, me.actor, "h5", "reminders.chosen", f"account:{me.account_id}", detail=wanted
                )
                return wanted

            answer = await once(
                connection,
                actor=me.actor,
                key=key,
                operation="reminders.choose",
                body_hash=body_hash("reminders.choose", wanted),
                work=work,
            )
        return answer if isinstance(answer, Refusal) else RemindersAnswer(**answer)
