"""The people an account acts for, over HTTP."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from humiao.auth.accounts import ensure_account
from humiao.kit.database import Database
from humiao.kit.keys import Keys
from humiao.residents.documents import check_character
from tests.codes import log_in
from tests.factories import make_session

PEOPLE = "/api/v1/resident/people"
_numbers = itertools.count(secrets.randbelow(10_000) * 1000)
_phones = itertools.count(secrets.randbelow(9000) * 10_000)


def document_number() -> str:
    """A valid resident ID that no other test uses; no card carries its place."""
    n = next(_numbers)
    first_17 = f"{100000 + n // 999}20000101{n % 999:03d}"
    return first_17 + check_character(first_17)


def new_person(**changes: object) -> dict:
    person = {
        "name": "王小明",
        "document_type": "resident_id",
        "document_number": document_number(),
        "relation": "child",
    }
    return person | changes


class Resident:
    """A logged-in client."""

    def __init__(self, client: httpx.AsyncClient, account_id: str, token: str) -> None:
        self._client = client
        self.account_id = UUID(account_id)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def add(self, person: dict, key: str | None = None) -> httpx.Response:
        headers = self._headers | {"Idempotency-Key": key or uuid4().hex}
        return await self._client.post(PEOPLE, json=person, headers=headers)

    async def unbind(self, person_id: str, key: str | None = None) -> httpx.Response:
        headers = self._headers | {"Idempotency-Key": key or uuid4().hex}
        return await self._client.delete(f"{PEOPLE}/{person_id}", headers=headers)

    async def get(self, person_id: str) -> httpx.Response:
        return await self._client.get(f"{PEOPLE}/{person_id}", headers=self._headers)

    async def people(self) -> list[dict]:
        return (await self._client.get(PEOPLE, headers=self._headers)).json()["items"]

    async def post(self, **keywords: object) -> httpx.Response:
        return await self._client.post(PEOPLE, **keywords, headers=self._headers)


async def logged_in(client: httpx.AsyncClient, last_sms) -> Resident:
    phone = f"137{next(_phones):08d}"
    tokens = await log_in(client, last_sms, phone)
    return Resident(client, tokens["account"]["account_id"], tokens["access_token"])


@pytest.fixture
async def resident(client, last_sms) -> AsyncIterator[Resident]:
    yield await logged_in(client, last_sms)


@pytest.fixture
async def neighbour(client, last_sms) -> AsyncIterator[Resident]:
    yield await logged_in(client, last_sms)


async def test_add_list_get_unbind(resident):
    number = document_number()
    added = await resident.add(new_person(document_number=number))
    assert added.status_code == 201, added.text
    person = added.json()
    assert person == {
        "person_id": person["person_id"],
        "name": "王小明",
        "name_masked": "*小明",
        "document_type": "resident_id",
        "document_masked": number[:3] + "*" * 11 + number[-4:],
        "birth_date": "2000-01-01",
        "sex": "M" if int(number[16]) % 2 else "F",
        "relation": "child",
        "residence_district": None,
        "work_district": None,
    }
    assert await resident.people() == [person]
    assert (await resident.get(person["person_id"])).json() == person
    assert (await resident.unbind(person["person_id"])).status_code == 204
    assert await resident.people() == []
    assert (await resident.get(person["person_id"])).json()["code"] == "unknown_person"
    assert (await resident.unbind(person["person_id"])).json()["code"] == "unknown_person"


async def test_another_accounts_person_does_not_exist(resident, neighbour):
    person_id = (await resident.add(new_person())).json()["person_id"]
    assert (await neighbour.get(person_id)).status_code == 404
    assert (await neighbour.unbind(person_id)).status_code == 404
    assert len(await resident.people()) == 1


async def test_a_wrong_document_says_what_is_wrong(resident):
    number = document_number()
    wrong = number[:17] + ("0" if number[17] != "0" else "1")
    answer = await resident.add(new_person(document_number=wrong))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    error = answer.json()["errors"][0]
    assert (error["field"], error["code"]) == ("document_number", "id_wrong_checksum")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "王"}, "name"),
        ({"name": "王小明1"}, "name"),
        ({"name": "王\x00明"}, "name"),
        ({"document_type": "library_card"}, "document_type"),
        ({"relation": "friend"}, "relation"),
        ({"birth_date": 0}, "birth_date"),
        ({"birth_date": "2000-02-30"}, "birth_date"),
        ({"sex": "X"}, "sex"),
        ({"document_type": "passport", "document_number": "E12345678", "sex": "F"}, "birth_date"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_wrong_input_names_its_field(resident, changes, field):
    answer = await resident.add(new_person(**changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert await resident.people() == []


async def test_a_change_needs_its_key(resident):
    answer = await resident.post(json=new_person())
    assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")
    assert (await resident.add(new_person(), key="a b")).json()["code"] == "key_malformed"


async def test_a_repeat_gets_the_first_answer(resident):
    person, key = new_person(document_type="passport", document_number=f"E{secrets.randbelow(10**8):08d}"), uuid4().hex
    person |= {"birth_date": "2020-02-29", "sex": "F"}
    answers = await asyncio.gather(*(resident.add(person, key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(await resident.people()) == 1
    reused = await resident.add(person | {"name": "王大明"}, key)
    assert (reused.status_code, reused.json()["code"]) == (422, "key_reused")

    key = uuid4().hex
    person_id = answers[0].json()["person_id"]
    assert [(await resident.unbind(person_id, key)).status_code for _ in range(2)] == [204, 204]


async def test_the_same_document_again_is_the_same_person(resident):
    person = new_person()
    first, second = await resident.add(person), await resident.add(person)
    assert first.json() == second.json()
    assert len(await resident.people()) == 1


async def test_a_document_bound_elsewhere_is_taken(resident, neighbour):
    person = new_person()
    await resident.add(person)
    answer = await neighbour.add(person)
    assert (answer.status_code, answer.json()["code"]) == (409, "document_taken")


async def test_two_accounts_at_once_bind_a_document_once(resident, neighbour):
    person = new_person()
    answers = await asyncio.gather(*(who.add(person) for who in (resident, neighbour) * 5))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (5, 5)
    assert len(await resident.people()) + len(await neighbour.people()) == 1


async def test_after_unbinding_the_number_alone_is_not_enough(resident, neighbour):
    person = new_person()
    person_id = (await resident.add(person)).json()["person_id"]
    await resident.unbind(person_id)
    assert (await neighbour.add(person | {"name": "李小红"})).json()["code"] == "document_taken"
    assert (await neighbour.add(person)).json()["person_id"] == person_id


async def test_a_misspelt_name_can_be_corrected_by_binding_again(resident):
    person = new_person(name="王小名")
    person_id = (await resident.add(person)).json()["person_id"]
    await resident.unbind(person_id)
    corrected = (await resident.add(person | {"name": "王小明"})).json()
    assert (corrected["person_id"], corrected["name"]) == (person_id, "王小明")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Mary-Ann O’Neil", "Mary-Ann O'Neil"),
        ("买买提•艾力", "买买提·艾力"),
        ("  欧阳  无双 ", "欧阳 无双"),
        ("José Ángel", "José Ángel"),
        ("李〇", "李〇"),
    ],
)
async def test_names_as_people_have_them(resident, written: str, kept: str):
    assert (await resident.add(new_person(name=written))).json()["name"] == kept


async def test_one_self(resident):
    assert (await resident.add(new_person(relation="self"))).status_code == 201
    second = await resident.add(new_person(relation="self"))
    assert second.json()["errors"][0]["code"] == "self_already_bound"


async def test_twelve_people_even_at_once(resident):
    answers = await asyncio.gather(*(resident.add(new_person()) for _ in range(15)))
    codes = [answer.json().get("code") for answer in answers]
    assert (codes.count(None), codes.count("too_many_people")) == (12, 3)
    assert len(await resident.people()) == 12


async def test_a_live_claim_keeps_the_binding(resident, connection, database: Database):
    person_id = (await resident.add(new_person())).json()["person_id"]
    world = await make_session(connection)
    claim_id = uuid4()
    now = datetime.now(UTC)
    await connection.execute(
        """INSERT INTO claims (claim_id, hold_token, person_id, account_id, window_id, channel, stock_id, held_at,
                               held_until, changed_by, changed_from)
           VALUES ($1, $1, $2, $3, $4, 'h5', $5, $6, $7, 'sql', 'test')""",
        claim_id, UUID(person_id), resident.account_id, world.window_ids[0], world.stock_id, now,
        now + timedelta(minutes=10),
    )  # fmt: skip
    refused = await resident.unbind(person_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "person_has_claims")
    await connection.execute(
        "UPDATE claims SET state = 'released', ended_at = now(), changed_by = 'sql' WHERE claim_id = $1", claim_id
    )
    assert (await resident.unbind(person_id)).status_code == 204


async def test_names_and_numbers_are_stored_sealed(resident, database: Database, keys: Keys):
    person = new_person(name="欧阳无双", document_number=document_number())
    await resident.add(person)
    async with database.read() as connection:
        for table in ("persons", "guardianships", "idempotency_keys", "audit_entries", "outbox_messages"):
            rows = await connection.fetch(f"SELECT to_jsonb(t)::text AS whole FROM {table} AS t")
            clear = (person["name"], person["document_number"])
            hidden = clear + tuple(secret.encode().hex() for secret in clear)
            assert not [row for row in rows if any(secret in row["whole"] for secret in hidden)], table


async def test_binding_is_on_record(resident, database: Database):
    person_id = (await resident.add(new_person())).json()["person_id"]
    await resident.unbind(person_id)
    async with database.read() as connection:
        rows = await connection.fetch(
            "SELECT actor, action FROM audit_entries WHERE subject = $1 ORDER BY at", f"person:{person_id}"
        )
    actor = f"account:{resident.account_id}"
    assert [tuple(row) for row in rows] == [(actor, "person.bound"), (actor, "person.unbound")]


async def test_a_locked_account_is_told_so(resident, database: Database, keys: Keys):
    async with database.transaction() as connection:
        await connection.execute("UPDATE accounts SET status = 'locked' WHERE account_id = $1", resident.account_id)
    answer = await resident.get(str(uuid4()))
    assert (answer.status_code, answer.json()["code"]) == (403, "account_locked")


async def test_an_account_is_made_once_for_a_phone(database: Database, keys: Keys):
    phone = f"136{next(_phones):08d}"
    async with database.transaction() as connection:
        first = await ensure_account(connection, keys.vault(), phone, origin="rehearsal")
        again = await ensure_account(connection, keys.vault(), phone, origin="rehearsal")
    assert (first[1], again) == (True, (first[0], False))
