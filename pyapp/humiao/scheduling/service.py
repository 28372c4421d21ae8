"""Use cases of clinics: publish a session, change capacity, quota and stock under load, close a session.

An edit is one conditional statement: the new limit is never below what is held and booked (P6), and the editor is told
what was kept back. The audit entry is in the same transaction; the cache copies the new counters right after it.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from humiao.auth.tokens import Staff
from humiao.booking.engine import BookingEngine
from humiao.booking.models import Counter
from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.audit import write_audit
from humiao.kit.database import Database
from humiao.kit.idempotency import once
from humiao.kit.sql import statement
from humiao.kit.web import body_hash
from humiao.scheduling.schemas import CapacityInput, QuotaChange, SessionInput, VialsInput

Edit = Callable[[Any, Any], Awaitable[Any]]


def _invalid(field: str, message: str) -> Refusal:
    return Refusal("invalid_input", extra={"errors": [{"field": field, "code": "implausible", "message": message}]})


def check_session(body: SessionInput, now: datetime) -> Refusal | None:
    """What the shapes cannot say: windows in order and within the day, shares within capacity. Pure."""
    for i, window in enumerate(body.windows):
        if window.starts_at >= window.ends_at:
            return _invalid(f"windows.{i}.ends_at", "结束时间必须晚于开始时间")
        if window.starts_at <= now:
            return Refusal("session_in_past")
        if window.bookable_until and window.bookable_until > window.ends_at:
            return _invalid(f"windows.{i}.bookable_until", "预约截止不能晚于时段结束")
        if len({q.channel for q in window.quotas}) < len(window.quotas):
            return _invalid(f"windows.{i}.quotas", "同一渠道只能填一次")
        if any(q.quota > window.capacity for q in window.quotas):
            return _invalid(f"windows.{i}.quotas", "渠道号源不能大于时段容量")
        if window.starts_at.astimezone(CITY_ZONE).date() != body.session_date:
            return _invalid(f"windows.{i}.starts_at", "时段必须在场次当天")
    in_order = sorted(enumerate(body.windows), key=lambda numbered: numbered[1].starts_at)
    for (_, before), (i, window) in pairwise(in_order):
        if window.starts_at < before.ends_at:
            return _invalid(f"windows.{i}.starts_at", "时段不能互相重叠")
    if len({s.product_id for s in body.stocks}) < len(body.stocks):
        return _invalid("stocks", "同一疫苗产品只能填一次")
    return None


class SchedulingService:
    """What staff may do with sessions. Reach (city, district, clinic) is asked inside the transaction."""

    def __init__(self, database: Database, engine: BookingEngine) -> None:
        self._database = database
        self._engine = engine

    async def _in_reach(self, connection: Any, me: Staff, clinic_id: int) -> bool:
        found = await connection.fetchval(
            statement("scheduling/clinic_in_reach"), clinic_id, me.role, me.clinic_id, me.district_code
        )
        return found is not None

    async def publish(self, me: Staff, body: SessionInput, key: str) -> dict[str, Any] | Refusal:
        """Publish a session with its windows, quotas and stock; all or nothing."""
        if refusal := check_session(body, datetime.now(UTC)):
            return refusal
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                if not await self._in_reach(connection, me, body.clinic_id):
                    return Refusal("unknown_clinic")
                session_id = await self._insert(connection, me, body)
                if isinstance(session_id, Refusal):
                    return session_id
                detail = {"clinic": body.clinic_id, "windows": len(body.windows)}
                await write_audit(
                    connection, me.actor, "desk", "session.published", f"session:{session_id}", detail=detail
                )
                return {"session_id": session_id}

            digest = body_hash("publish_session", body.model_dump(mode="json"))
            answer = await once(
                connection, actor=me.actor, key=key, operation="publish_session", body_hash=digest, work=work
            )
        if isinstance(answer, Refusal):
            return answer
        await self._engine.load([answer["session_id"]])
        return await self.show(me, answer["session_id"])

    async def _insert(self, connection: Any, me: Staff, body: SessionInput) -> int | Refusal:
        products = [s.product_id for s in body.stocks]
        known = await connection.fetchval(statement("scheduling/count_products"), products)
        if known < len(products):
            return Refusal("unknown_product")
        session_id: int = await connection.fetchval(
            statement("scheduling/publish_session"),
            body.clinic_id, body.session_date, body.title, body.kind, me.actor, "city",
        )  # fmt: skip
        rows = await connection.fetch(
            statement("scheduling/add_windows"),
            session_id,
            [w.starts_at for w in body.windows],
            [w.ends_at for w in body.windows],
            [w.bookable_until or w.starts_at for w in body.windows],
            [w.capacity for w in body.windows],
        )
        ids = {row["starts_at"]: row["window_id"] for row in rows}
        quotas = [(ids[w.starts_at], q.channel, q.quota, q.bookable_from) for w in body.windows for q in w.quotas]
        columns = [list(column) for column in zip(*quotas, strict=True)]
        await connection.execute(statement("scheduling/add_quotas"), *columns)
        await connection.fetch(
            statement("scheduling/add_stocks"),
            session_id,
            products,
            [s.vials for s in body.stocks],
            [s.vial_size for s in body.stocks],
            [s.no_new_vial_from for s in body.stocks],
        )
        return session_id

    async def show(self, me: Staff, session_id: int) -> dict[str, Any] | Refusal:
        """One session; out of reach it does not exist."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("scheduling/show_session"), session_id)
            if row is None or not await self._in_reach(connection, me, row["clinic_id"]):
                return Refusal("unknown_session")
        return dict(row)

    async def set_capacity(self, me: Staff, window_id: int, body: CapacityInput, key: str) -> Any:
        """Change a window's capacity while people are booking."""

        async def edit(connection: Any, owner: Any) -> Any:
            return await connection.fetchrow(statement("scheduling/set_capacity"), window_id, body.capacity)

        return await self._edit(
            me, key, "set_capacity", f"window:{window_id}", body.model_dump(mode="json"), body.reason,
            owner=("scheduling/owner_of_window", window_id, "unknown_window"), edit=edit, field=f"w:{window_id}",
        )  # fmt: skip

    async def set_quota(self, me: Staff, window_id: int, channel: str, body: QuotaChange, key: str) -> Any:
        """Change a channel's quota while people are booking."""

        async def edit(connection: Any, owner: Any) -> Any:
            return await connection.fetchrow(
                statement("scheduling/set_quota"), window_id, channel, body.quota, body.bookable_from
            )

        # free places go to the cache at once; the channel's opening time travels with a load
        return await self._edit(
            me, key, "set_quota", f"quota:{window_id}:{channel}", body.model_dump(mode="json"), body.reason,
            owner=("scheduling/owner_of_window", window_id, "unknown_window"), edit=edit,
            field=f"q:{window_id}:{channel}", load=True,
        )  # fmt: skip

    async def set_vials(self, me: Staff, stock_id: int, body: VialsInput, key: str) -> Any:
        """Change a stock in whole vials while people are booking."""
        touch_seal = "no_new_vial_from" in body.model_fields_set

        async def edit(connection: Any, owner: Any) -> Any:
            return await connection.fetchrow(
                statement("scheduling/set_vials"), stock_id, body.vials, body.no_new_vial_from, touch_seal
            )

        # vials and their seal travel to the cache with a load: `settle` copies free places only
        return await self._edit(
            me, key, "set_vials", f"stock:{stock_id}", body.model_dump(mode="json"), body.reason,
            owner=("scheduling/owner_of_stock", stock_id, "unknown_stock"), edit=edit, field=None, load=True,
        )  # fmt: skip

    async def _edit(
        self,
        me: Staff,
        key: str,
        operation: str,
        subject: str,
        body: dict[str, Any],
        reason: str,
        *,
        owner: tuple[str, int, str],
        edit: Edit,
        field: str | None,
        load: bool = False,
    ) -> dict[str, Any] | Refusal:
        """One edit of one counter: reach, state, change, audit and idempotency in one transaction; then the cache."""
        owner_statement, owner_id, missing = owner
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                found = await connection.fetchrow(statement(owner_statement), owner_id)
                if found is None or not await self._in_reach(connection, me, found["clinic_id"]):
                    return Refusal(missing)
                if found["state"] != "published":
                    return Refusal("session_already_closed")
                row = dict(await edit(connection, found))
                await write_audit(
                    connection, me.actor, "desk", operation, subject, reason=reason, detail=body | {"result": row}
                )
                return row | {"session_id": found["session_id"]}

            answer = await once(
                connection, actor=me.actor, key=key, operation=operation,
                body_hash=body_hash(operation, body | {"subject": subject}), work=work,
            )  # fmt: skip
        if isinstance(answer, Refusal):
            return answer
        session_id = answer.pop("session_id")
        if field is not None:
            await self._engine.settle([Counter(session_id, field, answer["version"], answer["free"])])
        if load:
            await self._engine.load([session_id])
        return answer

    async def close(self, me: Staff, session_id: int, reason: str, key: str) -> dict[str, Any] | Refusal:
        """Stop booking of a session; what is held or booked stays."""
        async with self._database.transaction() as connection:

            async def work() -> dict[str, Any] | Refusal:
                found = await connection.fetchrow(statement("scheduling/owner_of_session"), session_id)
                if found is None or not await self._in_reach(connection, me, found["clinic_id"]):
                    return Refusal("unknown_session")
                if found["state"] != "published":
                    return Refusal("session_already_closed")
                await connection.execute(statement("scheduling/close_session"), session_id)
                await write_audit(
                    connection, me.actor, "desk", "session.closed", f"session:{session_id}", reason=reason
                )
                return {"session_id": session_id}

            digest = body_hash("close_session", {"session": session_id, "reason": reason})
            answer = await once(
                connection, actor=me.actor, key=key, operation="close_session", body_hash=digest, work=work
            )
        if isinstance(answer, Refusal):
            return answer
        await self._engine.load([session_id])
        return await self.show(me, session_id)
