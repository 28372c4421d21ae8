"""The stage for bad input: one of everything that a request can be wrong about."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher

from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.booking.models import ConfirmWish, HoldWish
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from tests.api.callers import resident_token, staff_token
from tests.factories import World, age_hold, hold_wish, make_residents, make_session
from tests.waitlists import enter, make_campaign

DEVICE = "device-of-the-bad-input-table"


@dataclass(frozen=True)
class Claim:
    """A claim of somebody."""

    claim_id: str
    token: str


@dataclass(frozen=True)
class Stage:
    """Who there is, what they have, and places of every kind."""

    me: UUID
    free_person: UUID  # of the same account as nobody's claims: may book
    other: UUID
    my_token: str
    free_token: str
    other_token: str
    clinic_token: str
    city_token: str
    expired_token: str
    locked: UUID
    locked_token: str
    logged_out_token: str
    clerk: str  # a username
    locked_clerk: str
    open: World
    closed: World
    not_open: World
    ended: World
    begun: World
    desk_only: World
    no_stock: World
    full: World
    sealed: World
    my_hold: Claim
    expired: Claim
    released: Claim
    other_hold: Claim
    reserved: Claim
    begun_reservation: Claim
    overdue: Claim  # past its deadline and grace, and no worker has come by yet
    campaign: int
    campaign_draft: int
    campaign_ahead: int
    my_entry: int
    keys: Keys  # to sign what nobody would sign
    used_key: str = "key-that-was-used"
    phone: str = "13800000001"  # a code is on its way to it


async def build(connection: Any, database: Database, engine: BookingEngine, keys: Keys) -> Stage:
    """Set the stage. Everybody has one claim, each of another person, so that series do not meet."""
    vault = keys.vault()
    people = await make_residents(connection, vault, 10)
    me, free, other, late, quick, holder, begun_person, full_person, locked, slow = people
    for person in (late, quick, holder, begun_person, slow):
        # all of them are bound to my account too: their claims are mine to act on
        await connection.execute(
            "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'other')", me, person
        )
    worlds = {
        "open": await make_session(connection, windows=2, capacity=8),
        "closed": await make_session(connection),
        "not_open": await make_session(connection, opens_in=timedelta(hours=3)),
        "ended": await make_session(connection),
        "begun": await make_session(connection),
        "desk_only": await make_session(connection, channels=("desk",)),
        "no_stock": await make_session(connection, vials=0),
        "full": await make_session(connection, capacity=1),
        "sealed": await make_session(connection, vials=2, vial_size=2, no_new_vial_from=_ago(1)),
    }
    ledger = Ledger(database, hold_ttl_ms=600_000, grace_ms=0)
    fleeting = Ledger(database, hold_ttl_ms=1, grace_ms=0)

    async def hold(person: UUID, world: World, by: Ledger = ledger, key: str | None = None) -> Claim:
        wish: HoldWish = hold_wish(person, world, key=key)
        (decision,) = (await by.hold_many([wish])).decisions
        assert decision.answer, decision.code
        return Claim(decision.answer["hold_id"], decision.answer["hold_token"])

    async def confirmed(person: UUID, world: World) -> Claim:
        claim = await hold(person, world)
        caller = hold_wish(person, world).caller
        wish = ConfirmWish(caller, UUID(claim.claim_id), UUID(claim.token), uuid4().hex, b"c" * 32)
        (decision,) = (await ledger.confirm_many([wish])).decisions
        assert decision.code == "confirmed"
        return claim

    expired = await hold(late, worlds["open"], fleeting)
    await fleeting.expire_due(at_most=100)
    claims = {
        "my_hold": await hold(me, worlds["open"]),
        "expired": expired,
        "released": await hold(quick, worlds["open"]),
        "other_hold": await hold(other, worlds["open"], key=Stage.used_key),
        "reserved": await confirmed(holder, worlds["open"]),
        "begun_reservation": await confirmed(begun_person, worlds["begun"]),
        "overdue": await hold(slow, worlds["open"]),
    }
    await age_hold(connection, claims["overdue"].claim_id, past_deadline=timedelta(minutes=1))
    await hold(full_person, worlds["full"])
    await connection.execute(
        """UPDATE claims SET state = 'released', ended_at = now(), changed_by = 'sql', changed_from = 'sql'
           WHERE claim_id = $1""",
        UUID(claims["released"].claim_id),
    )
    await connection.execute(
        "UPDATE clinic_sessions SET state = 'closed', closed_at = now() WHERE session_id = $1",
        worlds["closed"].session_id,
    )
    for name, what in (("ended", "bookable_until"), ("begun", "starts_at"), ("begun", "bookable_until")):
        await connection.execute(
            f"UPDATE windows SET {what} = now() - interval '1 minute' WHERE session_id = $1", worlds[name].session_id
        )
    campaign = await make_campaign(connection)
    campaigns = {
        "campaign": campaign,
        "campaign_draft": await make_campaign(connection, state="draft"),
        "campaign_ahead": await make_campaign(connection, opens_in=timedelta(minutes=30)),
        "my_entry": await enter(connection, campaign, me),
    }
    await engine.load([world.session_id for world in worlds.values()])
    await add_login_code(connection, vault, Stage.phone)
    locked_token = await resident_token(connection, keys, locked)
    await connection.execute("UPDATE accounts SET status = 'locked' WHERE account_id = $1", locked)
    return Stage(
        me=me, free_person=free, other=other, locked=locked, locked_token=locked_token,
        logged_out_token=await resident_token(connection, keys, me, logged_out=True),
        expired_token=await resident_token(connection, keys, me, ttl_s=-1),
        clerk=await add_clerk(connection), locked_clerk=await add_clerk(connection, locked=True),
        my_token=await resident_token(connection, keys, me),
        free_token=await resident_token(connection, keys, free),
        other_token=await resident_token(connection, keys, other),
        clinic_token=await staff_token(connection, keys, "clinic_staff", worlds["open"].clinic_id),
        city_token=await staff_token(connection, keys, "city_admin"),
        **worlds, **claims, **campaigns, keys=keys,
    )  # fmt: skip


async def add_login_code(connection: Any, vault: Vault, phone: str) -> None:
    """A code was sent to a phone and device a moment ago, the fifth of today; nobody knows it."""
    await connection.execute(
        """INSERT INTO login_codes (code_id, phone_index, purpose, device_index, code_digest, tries_left, expires_at)
           VALUES (gen_random_uuid(), $1, 'login', $2, 'unknown', 5, now() + interval '5 minutes')""",
        vault.blind_index("phone", phone), vault.blind_index("device", DEVICE),
    )  # fmt: skip
    await connection.execute(
        """INSERT INTO velocity_counters (what, scope, subject, window_s, started_at, used, times)
           VALUES ('sms_code', 'phone', $1, 86400, now(), 5, array_fill(now(), ARRAY[5]))
           ON CONFLICT (what, scope, subject, window_s) DO UPDATE SET times = excluded.times""",
        vault.blind_index("phone", phone),
    )


async def add_clerk(connection: Any, *, locked: bool = False) -> str:
    """A member of staff with a password; returns the username."""
    username = f"clerk-{uuid4().hex[:12]}"
    await connection.execute(
        """INSERT INTO staff (username, display_name, password_digest, role, failures, locked_until)
           VALUES ($1, '测试员工', $2, 'city_admin', 0, CASE WHEN $3 THEN now() + interval '20 minutes' END)""",
        username, PasswordHasher().hash("the right password"), locked,
    )  # fmt: skip
    return username


def _ago(hours: int) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)
