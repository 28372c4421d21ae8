"""Attribution: every change by a person is on record, written by the transaction that makes it (P8)."""

from typing import Any

import orjson

from humiao.kit.sql import statement


async def write_audit(
    connection: Any,
    actor: str,
    source: str,
    action: str,
    subject: str,
    *,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append one entry to the audit chain, inside the caller's transaction.

    `actor` is account:<id>, staff:<id> or sql; `source` the channel; `subject` what was changed, such as session:<id>.
    `detail` must hold nothing that identifies a person.
    """
    text = orjson.dumps(detail or {}, default=str).decode()
    await connection.execute(statement("kit/write_audit"), actor, source, action, subject, reason, text)
