"""Records over HTTP: owner and guardian read, clinics write within their reach, every correction is another version."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest_asyncio

from humiao.kit.keys import Keys
from tests.api.callers import Caller, resident_token, staff_token
from tests.factories import make_clinic, make_residents
from tests.unit.immunizations.test_intake import BORN, somebody

DAY = "2023-06-08"


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(connection: asyncpg.Connection) -> int:
    return await make_clinic(connection)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: int) -> Caller:
    return Caller(client, await staff_token(connection, keys, "clinic_staff", clinic))


@pytest_asyncio.fixture(loop_scope="session")
async def child(connection: asyncpg.Connection, keys: Keys, me: Caller, person: UUID) -> tuple[UUID, str]:
    """A girl for whom `me` acts, and her ID number."""
    found = await somebody(connection, keys)
    await connection.execute(
        "INSERT INTO guardianships (account_id, person_id, relation) VALUES ($1, $2, 'child')", person, found[0]
    )
    return found


def dose(number: str, vaccine: str = "HepB", day: str = DAY, **more: Any) -> dict[str, Any]:
    return {"name": "李小红", "document_type": "resident_id", "document_number": number, "vaccine_code": vaccine,
            "given_on": day} | more  # fmt: skip


def doses(clinic: int, *found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"clinic_id": clinic, "source": "local", "doses": [*found]} | more


async def record(desk: Caller, clinic: int, number: str, **more: Any) -> UUID:
    answer = await desk.post("/clinic/immunizations/imports", doses(clinic, dose(number, **more)))
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["recorded"]
    return UUID(one["record_id"])


async def test_a_guardian_reads_what_a_clinic_wrote(
    desk: Caller, clinic: int, me: Caller, child: tuple[UUID, str]
) -> None:
    person, number = child
    await record(desk, clinic, number, lot="A1", site="left_arm", route="IM", tracing_code="8" * 20)
    answer = await me.get(f"/resident/people/{person}/immunizations")
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["items"]
    assert (one["vaccine_name"], one["lot"], one["site"], one["route"]) == (
        "重组乙型肝炎疫苗",
        "A1",
        "左上臂",
        "肌内注射",
    )
    assert one["place"].startswith("测试门诊") and one["verified"] and one["source_label"] == "本市接种"
    (counted,) = one["counted"]
    assert (counted["series"], counted["number"], counted["counts"]) == ("HepB", 1, True)
    assert counted["rule"] and "有效" in counted["explained"]


async def test_what_is_due_is_told_with_its_rule_and_day(
    desk: Caller, clinic: int, me: Caller, child: tuple[UUID, str]
) -> None:
    person, number = child
    await record(desk, clinic, number)
    told = (await me.get(f"/resident/people/{person}/recommendations")).json()
    hepatitis = next(one for one in told["items"] if one["series"] == "HepB")
    assert (hepatitis["status"], hepatitis["next_dose"], hepatitis["counted"]) == ("OVERDUE", 2, 1)
    assert "乙肝疫苗第2剂" in hepatitis["explained"][0]["text"] and hepatitis["explained"][0]["rule"]
    assert hepatitis["products"][0]["vaccine_code"] == "HepB"
    planned = [(one["series"], day["day"]) for day in told["calendar"] for one in day["doses"]]
    assert ("HepB", told["evaluated_on"]) in planned, "what is late is for today"
    assert [day for _, day in planned] == sorted(day for _, day in planned)
    assert all(one["kind"] in ("nip", "local") for one in told["items"][:5]), "what is owed comes first"


async def test_others_people_do_not_exist(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, me: Caller, child: tuple[UUID, str]
) -> None:
    person, _ = child
    (other,) = await make_residents(connection, keys.vault(), 1)
    stranger = Caller(client, await resident_token(connection, keys, other))
    for path in ("immunizations", "recommendations", "certificates"):
        assert (await stranger.get(f"/resident/people/{person}/{path}")).json()["code"] == "unknown_person"
        assert (await me.get(f"/resident/people/{uuid4()}/{path}")).json()["code"] == "unknown_person"
    await connection.execute("UPDATE guardianships SET ended_at = now() WHERE person_id = $1", person)
    assert (await me.get(f"/resident/people/{person}/immunizations")).status_code == 404


async def test_a_bad_row_is_named_and_nothing_is_written(
    desk: Caller, clinic: int, me: Caller, child: tuple[UUID, str]
) -> None:
    person, number = child
    body = doses(clinic, dose(number), dose(number, "Nothing"), dose(number, day="2099-01-01"))
    answer = await desk.post("/clinic/immunizations/imports", body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["doses.1.vaccine_code", "doses.2.given_on"]
    assert number not in answer.text
    assert (await me.get(f"/resident/people/{person}/immunizations")).json()["items"] == []
    done = await desk.post("/clinic/immunizations/imports", body | {"accept_good": True})
    told = done.json()
    assert [one["row"] for one in told["recorded"]] == [1] and [one["row"] for one in told["errors"]] == [2, 3]


async def test_a_repeat_has_one_effect(desk: Caller, clinic: int, child: tuple[UUID, str]) -> None:
    _, number = child
    body, key = doses(clinic, dose(number)), uuid4().hex
    first = await desk.post("/clinic/immunizations/imports", body, key=key)
    again = await desk.post("/clinic/immunizations/imports", body, key=key)
    assert first.json() == again.json() and len(first.json()["recorded"]) == 1
    other = await desk.post("/clinic/immunizations/imports", body)
    assert other.json()["recorded"] == [] and other.json()["duplicates"][0]["record_id"]
    changed = await desk.post("/clinic/immunizations/imports", doses(clinic, dose(number, "BCG")), key=key)
    assert changed.json()["code"] == "key_reused"


async def test_a_clinic_writes_for_itself_alone(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, desk: Caller, clinic: int,
    child: tuple[UUID, str],
) -> None:  # fmt: skip
    _, number = child
    elsewhere = await make_clinic(connection)
    refused = await desk.post("/clinic/immunizations/imports", doses(elsewhere, dose(number)))
    assert refused.json()["code"] == "unknown_clinic"
    record_id = await record(desk, clinic, number)
    other = Caller(client, await staff_token(connection, keys, "clinic_staff", elsewhere))
    assert (await other.get(f"/clinic/immunizations/{record_id}")).json()["code"] == "unknown_record"
    body = {"version": 1, "reason": "wrong_entry", "lot": "B2"}
    assert (await other.post(f"/clinic/immunizations/{record_id}/corrections", body)).status_code == 404
    for role, more in (("district_admin", {"district": "310104"}), ("city_admin", {})):
        sees = Caller(client, await staff_token(connection, keys, role, **more))
        assert (await sees.get(f"/clinic/immunizations/{record_id}")).status_code == 200
    far = Caller(client, await staff_token(connection, keys, "district_admin", district="310115"))
    assert (await far.get(f"/clinic/immunizations/{record_id}")).status_code == 404


async def test_a_correction_is_the_next_version(desk: Caller, clinic: int, me: Caller, child: tuple[UUID, str]) -> None:
    person, number = child
    record_id = await record(desk, clinic, number, lot="A1")
    path = f"/clinic/immunizations/{record_id}/corrections"
    done = await desk.post(path, {"version": 1, "reason": "wrong_entry", "given_on": "2023-06-09", "note": "登记有误"})
    assert [(one["version"], one["given_on"]) for one in done.json()["versions"]] == [(1, DAY), (2, "2023-06-09")]
    (one,) = (await me.get(f"/resident/people/{person}/immunizations")).json()["items"]
    assert (one["version"], one["given_on"], one["lot"]) == (2, "2023-06-09", "A1")
    late = await desk.post(path, {"version": 1, "reason": "wrong_entry", "lot": "C3"})
    assert (late.status_code, late.json()["code"]) == (409, "record_changed")
    await record(desk, clinic, number, day=DAY)
    taken = await desk.post(path, {"version": 2, "reason": "wrong_entry", "given_on": DAY})
    assert taken.json()["code"] == "duplicate_dose"
    early = await desk.post(path, {"version": 2, "reason": "wrong_entry", "given_on": str(date(BORN.year, 1, 1))})
    assert early.json()["errors"][0]["field"] == "given_on"
    bare = await desk.post(path, {"version": 2, "reason": "wrong_entry", "override": "valid"})
    assert bare.json()["errors"][0]["field"] == "override"
    gone = await desk.post(path, {"version": 2, "reason": "wrong_person", "void": True})
    assert gone.json()["versions"][-1]["void"] is True
    assert (await desk.post(path, {"version": 3, "reason": "wrong_entry", "lot": "D"})).json()[
        "code"
    ] == "unknown_record"


async def test_a_doctor_decides_against_the_rules(
    desk: Caller, clinic: int, me: Caller, child: tuple[UUID, str]
) -> None:
    person, number = child
    record_id = await record(desk, clinic, number)
    body = {"version": 1, "reason": "clinical_decision", "override": "invalid"}
    await desk.post(f"/clinic/immunizations/{record_id}/corrections", body)
    (one,) = (await me.get(f"/resident/people/{person}/immunizations")).json()["items"]
    assert one["counted"][0]["counts"] is False and "医生判定" in one["counted"][0]["explained"]
    lost = await desk.post(f"/clinic/immunizations/{record_id}/corrections", {"version": 2, "reason": "wrong_entry"})
    assert lost.json()["errors"][0]["code"] == "decision_stands", "a correction does not drop a decision unsaid"
    again = body | {"version": 2, "override": "valid", "lot": "B2"}
    assert (await desk.post(f"/clinic/immunizations/{record_id}/corrections", again)).status_code == 200
    (one,) = (await me.get(f"/resident/people/{person}/immunizations")).json()["items"]
    assert (one["counted"][0]["counts"], one["lot"], one["version"]) == (True, "B2", 3)
