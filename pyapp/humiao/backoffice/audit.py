"""Verifying the audit chain: every link recomputed from its entries, the first that does not fit is named."""

from dataclasses import dataclass
from typing import Any

from humiao.kit.sql import statement


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification saw."""

    links: int
    entries: int
    finding: str
    sound: bool


async def verify(connection: Any) -> AuditReport:
    """Recompute the whole chain in one snapshot of the database."""
    row = await connection.fetchrow(statement("backoffice/audit_verify"))
    return AuditReport(row["links"], int(row["entries"]), row["finding"] or "完整", row["finding"] is None)
