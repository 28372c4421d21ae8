"""The outbox against a real database: told once, told truly, tried again, given up."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from humiao.auth.accounts import ensure_account
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.messaging.outbox import TRIES_MAX, OutboxSender
from tests.factories import World, make_session


class ListGateway:
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, phone: str, text: str) -> None:
        await asyncio.sleep(0)
        self.sent.append((phone, text))


class DeafGateway:
    """Takes nothing, and its error repeats the phone."""

    async def send(self, phone: str, text: str) -> None:
        raise ConnectionError(f"cannot reach {phone}")


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return keys.vault()


@pytest.fixture(autouse=True)
async def nothing_owed(database: Database) -> None:
    """Other tests leave messages behind: call them sent."""
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE outbox_messages SET sent_at = now() WHERE sent_at IS NULL AND failed_at IS NULL"
        )


async def make_account(database: Database, vault: Vault) -> tuple[UUID, UUID, str]:
    """An account with one person (same id as the account) and its phone."""
    phone = f"135{uuid4().int % 10**8:08d}"
    async with database.transaction() as connection:
        account_id, _ = await ensure_account(connection, vault, phone, origin="rehearsal")
        await connection.execute(
            """INSERT INTO persons (person_id, name_sealed, document_type, document_sealed, document_index, birth_date,
                                    sex, origin) VALUES ($1, $2, 'passport', $3, $4, '1990-01-01', 'F', 'rehearsal')""",
            account_id, vault.seal("王小明", row=account_id, field="name"),
            vault.seal("E12345678", row=account_id, field="document"), account_id.bytes,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $1, 'self')", account_id
        )
    return account_id, account_id, phone


async def make_claim(database: Database, person_id: UUID, account_id: UUID | None, world: World) -> UUID:
    claim_id = uuid4()
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await connection.execute(
            """INSERT INTO claims (claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, held_at,
                                   held_until, changed_by, changed_from)
               VALUES ($1, $1, $2, $3, $4, 'h5', $5, $6, $7, 'sql', 'test')""",
            claim_id, person_id, account_id, world.window_ids[0], world.stock_id, now, now + timedelta(minutes=10),
        )  # fmt: skip
    return claim_id


async def move(database: Database, claim_id: UUID, assignment: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(f"UPDATE claims SET {assignment} WHERE claim_id = $1", claim_id)


CONFIRM = "state = 'confirmed', confirmed_at = now()"
CANCEL = "state = 'cancelled', ended_at = now()"


@pytest.mark.parametrize("booked_by", ["resident", "staff"])
async def test_confirmed_rescheduled_cancelled(database, vault, connection, booked_by):
    person_id, account_id, phone = await make_account(database, vault)
    world = await make_session(connection, windows=2)
    claim_id = await make_claim(database, person_id, account_id if booked_by == "resident" else None, world)
    gateway = ListGateway()
    sender = OutboxSender(database, vault, gateway)
    assert await sender.send_due() == 0  # a hold is not told
    for change in (CONFIRM, f"window_id = {world.window_ids[1]}", CANCEL):
        await move(database, claim_id, change)
        assert await sender.send_due() == 1
    assert [to for to, _ in gateway.sent] == [phone] * 3
    texts = [text for _, text in gateway.sent]
    assert [text[4:8] for text in texts] == ["预约成功", "改期成功", "预约已取"]
    assert all("*小明" in text and "王" not in text and "测试门诊" in text for text in texts)


async def test_what_no_longer_holds_is_not_told(database, vault, connection):
    person_id, account_id, _ = await make_account(database, vault)
    claim_id = await make_claim(database, person_id, account_id, await make_session(connection))
    await move(database, claim_id, CONFIRM)
    await move(database, claim_id, CANCEL)
    gateway = ListGateway()
    assert await OutboxSender(database, vault, gateway).send_due() == 1
    assert "预约已取消" in gateway.sent[0][1]
    error = await connection.fetchval(
        "SELECT last_error FROM outbox_messages WHERE subject = $1 AND failed_at IS NOT NULL", f"claim:{claim_id}"
    )
    assert error == "superseded"


async def test_many_senders_send_each_message_once(database, vault, connection):
    world = await make_session(connection, capacity=30)
    for _ in range(20):
        person_id, account_id, _ = await make_account(database, vault)
        await move(database, await make_claim(database, person_id, account_id, world), CONFIRM)
    gateway = ListGateway()
    sent = await asyncio.gather(*(OutboxSender(database, vault, gateway).send_due() for _ in range(4)))
    assert sum(sent) == 20
    assert set(Counter(phone for phone, _ in gateway.sent).values()) == {1}


async def test_a_failed_try_waits_and_the_last_gives_up(database, vault, connection):
    person_id, account_id, phone = await make_account(database, vault)
    claim_id = await make_claim(database, person_id, account_id, await make_session(connection))
    await move(database, claim_id, CONFIRM)
    subject = f"claim:{claim_id}"
    sender = OutboxSender(database, vault, DeafGateway())
    for tries in range(1, TRIES_MAX + 1):
        assert await sender.send_due() == 0
        row = await connection.fetchrow("SELECT * FROM outbox_messages WHERE subject = $1", subject)
        assert (row["tries"], row["sent_at"]) == (tries, None)
        assert row["last_error"] == "ConnectionError"  # a class, never the provider's words
        assert (row["failed_at"] is not None) == (tries == TRIES_MAX)
        await connection.execute("UPDATE outbox_messages SET next_try_at = now() WHERE subject = $1", subject)
    gateway = ListGateway()
    assert await OutboxSender(database, vault, gateway).send_due() == 0
    assert phone not in [to for to, _ in gateway.sent]


async def test_a_topic_nobody_knows_is_given_up(database, vault, connection):
    subject = f"test:{uuid4()}"
    await connection.execute("INSERT INTO outbox_messages (topic, subject) VALUES ('fax', $1)", subject)
    assert await OutboxSender(database, vault, ListGateway()).send_due() == 0
    row = await connection.fetchrow("SELECT failed_at, last_error FROM outbox_messages WHERE subject = $1", subject)
    assert row["failed_at"] is not None
    assert row["last_error"] == "unknown topic"
