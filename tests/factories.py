"""Small worlds for tests: a clinic, a session with windows and stock, residents with one person each."""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from humiao.booking.models import Caller, HoldWish
from humiao.kit.crypto import Vault

DISTRICT = "310104"


@dataclass(frozen=True)
class World:
    """A published session."""

    clinic_id: int
    session_id: int
    window_ids: list[int]
    stock_id: int
    day: date  # in the city


async def make_clinic(connection: Any, *, hidden: bool = False) -> int:
    clinic_id = int.from_bytes(os.urandom(3), "big") + 1_000_000_000
    name = f"测试门诊{clinic_id}"
    await connection.execute(
        """INSERT INTO clinics (clinic_id, clinic_code, district_code, name, pinyin, pinyin_initials, address, phone,
                                latitude, longitude, opening_hours, kinds, hidden, origin)
           VALUES ($1, $2, $3, $4, 'ceshimenzhen', 'csmz', '漕溪北路1号', '021-00000000', 31.18, 121.43, '{}',
                   '{adult}', $5, 'rehearsal')""",
        clinic_id, str(clinic_id), DISTRICT, name, hidden,
    )  # fmt: skip
    return clinic_id


async def make_session(
    connection: Any,
    *,
    windows: int = 1,
    capacity: int = 10,
    quota: int | None = None,
    vials: int | None = None,
    vial_size: int = 1,
    vaccine: str = "IIV4",
    opens_in: timedelta = timedelta(hours=-1),
    no_new_vial_from: datetime | None = None,
    starts_in: timedelta = timedelta(days=1),
    clinic_id: int | None = None,
    channels: tuple[str, ...] = ("h5",),
) -> World:
    clinic_id = clinic_id or await make_clinic(connection)
    product = await connection.fetchval("SELECT min(product_id) FROM products WHERE vaccine_code = $1", vaccine)
    start = datetime.now(UTC) + starts_in
    session_id, day = await connection.fetchrow(
        """INSERT INTO clinic_sessions (clinic_id, session_date, title, published_by, origin)
           VALUES ($1, ($2::timestamptz AT TIME ZONE 'Asia/Shanghai')::date, '测试场次', 'test', 'rehearsal')
           RETURNING session_id, session_date""",
        clinic_id, start,
    )  # fmt: skip
    window_ids = []
    for i in range(windows):
        at = start + timedelta(minutes=30 * i)
        window_id = await connection.fetchval(
            """INSERT INTO windows (session_id, starts_at, ends_at, bookable_until, capacity)
               VALUES ($1, $2, $3, $2, $4) RETURNING window_id""",
            session_id, at, at + timedelta(minutes=30), capacity,
        )  # fmt: skip
        for channel in channels:
            await connection.execute(
                "INSERT INTO window_quotas (window_id, channel, quota, bookable_from) VALUES ($1, $2, $3, $4)",
                window_id, channel, capacity if quota is None else quota, datetime.now(UTC) + opens_in,
            )  # fmt: skip
        window_ids.append(window_id)
    stock_id = await connection.fetchval(
        """INSERT INTO session_stocks (session_id, product_id, vials, vial_size, no_new_vial_from)
           VALUES ($1, $2, $3, $4, $5) RETURNING stock_id""",
        session_id, product, capacity * windows if vials is None else vials, vial_size, no_new_vial_from,
    )  # fmt: skip
    return World(clinic_id, session_id, window_ids, stock_id, day)


async def make_residents(connection: Any, vault: Vault, count: int) -> list[UUID]:
    """Accounts with one person each; account and person share an id, which keeps tests short."""
    ids = [uuid4() for _ in range(count)]
    await connection.executemany(
        "INSERT INTO accounts (account_id, phone_sealed, phone_index, origin) VALUES ($1, $2, $3, 'rehearsal')",
        [(i, vault.seal("+8613800000000", row=i, field="phone"), i.bytes) for i in ids],
    )
    await connection.executemany(
        """INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date, sex,
                                origin) VALUES ($1, $2, 'passport', $3, $4, '1990-01-01', 'F', 'rehearsal')""",
        [(i, vault.seal("王小明", row=i, field="name"), vault.seal("E12345678", row=i, field="document"), i.bytes)
         for i in ids],
    )  # fmt: skip
    await connection.executemany(
        "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $1, 'self')", [(i,) for i in ids]
    )
    return ids


def hold_wish(
    resident: UUID, world: World, *, window: int = 0, key: str | None = None, channel: str = "h5", body: bytes = b"b"
) -> HoldWish:
    caller = Caller(f"account:{resident}", resident, "h5")
    return HoldWish(
        caller, resident, world.window_ids[window], channel, world.stock_id, key or uuid4().hex, body.ljust(32, b"\0")
    )


async def age_hold(connection: Any, claim_id: UUID | str, *, past_deadline: timedelta) -> None:
    """Drive the clock for one hold: as if it had been made so long ago that its deadline passed `past_deadline` ago.

    A hold's times never change; the guard that says so is off for this one statement.
    """
    async with connection.transaction():
        await connection.execute("ALTER TABLE claims DISABLE TRIGGER claims_moved")
        await connection.execute(
            """UPDATE claims SET held_at = held_at - (held_until - now() + $2::interval),
                                 held_until = now() - $2::interval WHERE claim_id = $1""",
            UUID(str(claim_id)), past_deadline,
        )  # fmt: skip
        await connection.execute("ALTER TABLE claims ENABLE TRIGGER claims_moved")
