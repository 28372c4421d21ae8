"""Loads the demo city: clinics, the clinic sessions of the coming days, and a campaign for scarce vaccine.

Idempotent: a second run, on the same day or a later one, adds the days that are missing and leaves every
session that is there as it is, with its bookings and edits. Each day is one transaction: a stop in the middle
leaves whole days.
Needs the reference data (`humiao.vaccines.load.load_catalogue`) to be loaded first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from humiao.clinics.pinyin import spell
from humiao.demo.city import Clinic, parse_clinics
from humiao.demo.generate import DAYS_AHEAD, DEFAULT_SEED, SessionPlan, Shelf, sessions_of_day
from humiao.kit.sql import SQL_ROOT, statement
from humiao.vaccines.load import Catalogue, read_catalogue, read_yaml

CLINICS_FILE = SQL_ROOT / "seed" / "demo" / "clinics.yaml"

OnProgress = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, what was done)."""


@dataclass(frozen=True, slots=True)
class DemoLoaded:
    """Clinics of the city, and the sessions, windows and stocks that this run added."""

    clinics: int
    sessions: int
    windows: int
    stocks: int


def read_clinics() -> tuple[Clinic, ...]:
    """Read the clinics of the demo city; raises `CatalogueError` on bad data."""
    return parse_clinics(read_yaml(CLINICS_FILE))


async def load_demo(
    connection: Any,
    on_progress: OnProgress | None = None,
    *,
    first_day: date | None = None,
    days: int = DAYS_AHEAD,
    seed: int = DEFAULT_SEED,
    catalogue: Catalogue | None = None,
) -> DemoLoaded:
    """Load the clinics and `days` days of sessions from `first_day` (by default the city's today).

    `connection` must not be inside a transaction. Returns what was added. Raises `CatalogueError` on bad data
    and asyncpg's ForeignKeyViolationError when the reference data is not loaded.
    """
    clinics = read_clinics()
    shelf = Shelf((catalogue or read_catalogue()).products)
    tell = on_progress or (lambda _done, _all, _what: None)
    steps = days + 1

    await _load_clinics(connection, clinics)
    tell(1, steps, f"{len(clinics)} 家门诊")

    first_day = first_day or await connection.fetchval(statement("demo/today"))
    last_day = first_day + timedelta(days=days - 1)
    rows = await connection.fetch(statement("demo/days_present"), first_day, last_day)
    present = {(row["clinic_id"], row["session_date"]) for row in rows}

    sessions = windows = stocks = 0
    for offset in range(days):
        day = first_day + timedelta(days=offset)
        plans = [
            plan
            for clinic in clinics
            if (clinic.clinic_id, day) not in present
            for plan in sessions_of_day(clinic, day, shelf, seed=seed)
        ]
        if plans:
            added = await _publish(connection, plans)
            sessions, windows, stocks = sessions + added[0], windows + added[1], stocks + added[2]
        tell(offset + 2, steps, day.isoformat())
    await connection.fetchval(statement("demo/add_campaign"))
    return DemoLoaded(clinics=len(clinics), sessions=sessions, windows=windows, stocks=stocks)


async def _load_clinics(connection: Any, clinics: Sequence[Clinic]) -> None:
    spelled = [spell(clinic.name) for clinic in clinics]
    await connection.execute(
        statement("demo/load_clinics"),
        [c.clinic_id for c in clinics],
        [c.code for c in clinics],
        [c.district_code for c in clinics],
        [c.name for c in clinics],
        [s.full for s in spelled],
        [s.initials for s in spelled],
        [c.address for c in clinics],
        [c.phone for c in clinics],
        [c.latitude for c in clinics],
        [c.longitude for c in clinics],
        [_hours_as_json(c) for c in clinics],
        [",".join(sorted(c.kinds)) for c in clinics],
    )


def _hours_as_json(clinic: Clinic) -> str:
    hours = {
        weekday: [[f"{s.opens:%H:%M}", f"{s.closes:%H:%M}"] for s in stretches]
        for weekday, stretches in clinic.opening_hours.items()
    }
    return orjson.dumps(hours).decode()


async def _publish(connection: Any, plans: Sequence[SessionPlan]) -> tuple[int, int, int]:
    """Publish the sessions that are not there; returns how many sessions, windows and stocks were added."""
    async with connection.transaction():
        rows = await connection.fetch(
            statement("demo/add_sessions"),
            [p.origin_key for p in plans],
            [p.clinic_id for p in plans],
            [p.session_date for p in plans],
            [p.title for p in plans],
            [p.kind for p in plans],
        )
        # Only what this run inserted gets children: another run may have published the rest meanwhile.
        id_of = {row["origin_key"]: row["session_id"] for row in rows}
        made = [(id_of[p.origin_key], p) for p in plans if p.origin_key in id_of]
        windows = [(session_id, window) for session_id, plan in made for window in plan.windows]
        rows = await connection.fetch(
            statement("demo/add_windows"),
            [session_id for session_id, _ in windows],
            [w.starts_at for _, w in windows],
            [w.ends_at for _, w in windows],
            [w.bookable_until for _, w in windows],
            [w.capacity for _, w in windows],
        )
        window_id_of = {(row["session_id"], row["starts_at"]): row["window_id"] for row in rows}
        quotas = [
            (window_id_of[session_id, window.starts_at], quota)
            for session_id, window in windows
            for quota in window.quotas
        ]
        await connection.execute(
            statement("demo/add_quotas"),
            [window_id for window_id, _ in quotas],
            [q.channel for _, q in quotas],
            [q.quota for _, q in quotas],
            [q.bookable_from for _, q in quotas],
        )
        stocks = [(session_id, stock) for session_id, plan in made for stock in plan.stocks]
        await connection.execute(
            statement("demo/add_stocks"),
            [session_id for session_id, _ in stocks],
            [s.product_id for _, s in stocks],
            [s.vials for _, s in stocks],
            [s.vial_size for _, s in stocks],
            [s.no_new_vial_from for _, s in stocks],
        )
    return len(made), len(windows), len(stocks)
