"""A documented medical reason: the next check says so, a proof shows it without vaccine or diagnosis, it can end."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from humiao.certificates.payload import Certificate, check_certificate
from humiao.kit.keys import Keys
from humiao.kit.signed import public_keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.api.schoolcheck.test_school_checks import a_list, child
from tests.factories import make_clinic, make_residents
from tests.unit.schoolcheck.test_service import add_dose, on_record
from tests.unit.schoolcheck.test_verdict import AT_FOUR, records

GROUNDS = "儿科医院2026年8月20日诊断证明"
UNTIL = date(2199, 3, 1)


async def checked(connection: asyncpg.Connection, keys: Keys, clinic: Caller) -> tuple[str, str]:
    """A child on record that lacks a varicella dose, checked today: its number and the check's path."""
    number = await on_record(connection, keys, "李小丽", records(AT_FOUR)[:-1])
    body = a_list(f"第{uuid4().hex[:8]}幼儿园", child("李小丽", number), on=None)
    answer = (await clinic.post("/clinic/school-checks", body)).json()
    assert answer["children"][0]["result"] == "NEEDS_CATCH_UP"
    return number, f"/clinic/school-checks/{answer['check_id']}"


async def parent_of(
    connection: asyncpg.Connection, keys: Keys, client: httpx.AsyncClient, number: str
) -> tuple[Caller, Any]:
    index = keys.vault().blind_index("document", number)
    person = await connection.fetchval("SELECT person_id FROM persons WHERE document_index = $1", index)
    (parent,) = await make_residents(connection, keys.vault(), 1)
    await connection.execute(
        "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", parent, person
    )
    return Caller(client, await resident_token(connection, keys, parent)), person


async def proof(
    parent: Caller, person: Any, client: httpx.AsyncClient, keys: Keys
) -> tuple[dict[str, Any], Certificate]:
    """A proof of today, verified as a school does, and what was signed."""
    body = {"kind": "school_check", "stage": "kindergarten"}
    made = (await parent.post(f"/resident/people/{person}/certificates", body)).json()
    verified = await client.post("/api/v1/public/certificates/verify", json={"shown": made["text"]})
    signed = check_certificate(made["text"], public_keys(keys.certificate_keys))
    assert isinstance(signed, Certificate)
    pdf = await parent.get(f"/resident/certificates/{made['certificate_id']}/pdf")
    assert pdf.content.startswith(b"%PDF-")
    return verified.json(), signed


async def test_a_child_is_exempt_until_it_ends(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    number, path = await checked(connection, keys, clinic)
    parent, person = await parent_of(connection, keys, client, number)
    told, _ = await proof(parent, person, client, keys)
    assert told["check"]["result"] == "NEEDS_CATCH_UP" and "补种" in told["check"]["reason"]

    wish, key = {"series": "VAR", "until": str(UNTIL), "grounds": GROUNDS}, uuid4().hex
    made = [await clinic.post(f"{path}/children/1/exemptions", wish, key=key) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201] and made[0].json() == made[1].json()
    (shown,) = (await clinic.get(path)).json()["items"]
    assert [(one["series"], one["until"]) for one in shown["exemptions"]] == [("VAR", str(UNTIL))]
    assert shown["result"] == "NEEDS_CATCH_UP", "a check that was made stays as it was"

    again = (await clinic.post(f"{path}/rechecks", None)).json()
    assert (again["changed"], again["check"]["exempt"], again["check"]["recheck_by"]) == (1, 1, str(UNTIL))
    told, signed = await proof(parent, person, client, keys)
    assert (told["check"]["result"], told["doses"]) == ("EXEMPT", [])
    assert "2199年3月1日" in told["check"]["reason"] and signed.check and signed.check.day == UNTIL
    assert not any(word in str(told) for word in ("水痘", "VAR", "儿科", "诊断"))

    exemption = made[0].json()["exemption_id"]
    stranger = Caller(client, await staff_token(connection, keys, "clinic_staff", await make_clinic(connection)))
    ended = f"/clinic/school-checks/exemptions/{exemption}/end"
    assert (await stranger.post(ended, None)).json()["code"] == "unknown_exemption"
    assert (await clinic.post(ended, None)).status_code == 204
    assert (await clinic.post(ended, None)).json()["code"] == "unknown_exemption"
    told, _ = await proof(parent, person, client, keys)
    assert told["check"]["result"] == "NEEDS_CATCH_UP"
    sealed = await connection.fetchval("SELECT grounds_sealed FROM medical_exemptions WHERE person_id = $1", person)
    assert "儿科".encode() not in sealed
    actions = await connection.fetch("SELECT action FROM audit_entries WHERE subject = $1", f"exemption:{exemption}")
    assert sorted(row["action"] for row in actions) == ["exemption.ended", "exemption.recorded"]


async def test_who_was_exempt_for_good_is_asked_again_when_that_ends(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    _, path = await checked(connection, keys, clinic)
    made = await clinic.post(f"{path}/children/1/exemptions", {"series": "VAR", "until": None, "grounds": GROUNDS})
    again = (await clinic.post(f"{path}/rechecks", None)).json()
    assert (again["check"]["exempt"], again["check"]["recheck_by"]) == (1, None)
    await clinic.post(f"/clinic/school-checks/exemptions/{made.json()['exemption_id']}/end", None)
    again = (await clinic.post(f"{path}/rechecks", None)).json()
    assert (again["changed"], again["check"]["needs_catch_up"]) == (1, 1) and again["check"]["recheck_by"]
    deadlines = "SELECT count(*) FROM school_deadlines WHERE check_id = $1"
    assert await connection.fetchval(deadlines, UUID(path.rsplit("/", 1)[1])) == 1


async def test_checks_again_beside_each_other_make_one_version(
    connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    number, path = await checked(connection, keys, clinic)
    index = keys.vault().blind_index("document", number)
    person = await connection.fetchval("SELECT person_id FROM persons WHERE document_index = $1", index)
    await add_dose(connection, person, records(AT_FOUR)[-1])
    answers = await asyncio.gather(*(clinic.post(f"{path}/rechecks", None) for _ in range(4)))
    assert sorted(answer.json()["changed"] for answer in answers) == [0, 0, 0, 1]


async def test_a_completed_catch_up_is_proved(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    number, _ = await checked(connection, keys, clinic)
    parent, person = await parent_of(connection, keys, client, number)
    await add_dose(connection, person, records(AT_FOUR)[-1])
    told, signed = await proof(parent, person, client, keys)
    assert told["check"]["result"] == "CATCH_UP_COMPLETED" and "曾需补种" in told["check"]["reason"]
    assert signed.check and signed.check.result == "CATCH_UP_COMPLETED"


async def test_what_is_wrong_with_an_exemption(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    _, path = await checked(connection, keys, clinic)
    wish = {"series": "VAR", "until": None, "grounds": GROUNDS}
    past = str(date(2020, 1, 1) + timedelta(days=1))
    stranger = Caller(client, await staff_token(connection, keys, "clinic_staff", await make_clinic(connection)))
    for who, to, body, code in (
        (clinic, 2, wish, "unknown_child"),
        (stranger, 1, wish, "unknown_check"),
        (clinic, 1, wish | {"until": past}, "invalid_input"),
        (clinic, 1, wish | {"series": "HPV"}, "invalid_input"),
        (clinic, 1, wish | {"grounds": " "}, "invalid_input"),
    ):
        answer = await who.post(f"{path}/children/{to}/exemptions", body)
        assert answer.json()["code"] == code, answer.text
