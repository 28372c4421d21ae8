"""Class lists over HTTP: checked within reach, kept without naming a child, counted by each child's newest check."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from humiao.kit.keys import Keys
from humiao.schoolcheck.schemas import Counts
from tests.api.callers import Caller, staff_token
from tests.factories import DISTRICT
from tests.unit.schoolcheck.lists import id_number
from tests.unit.schoolcheck.test_service import add_dose, on_record
from tests.unit.schoolcheck.test_verdict import AT_FOUR, AUTUMN, BORN, records

Check = Callable[..., Awaitable[httpx.Response]]


def child(name: str, number: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "sex": "F", "birth_date": BORN.isoformat(), "document_type": "resident_id",
            "document_number": number, "class_name": "小一班"} | more  # fmt: skip


def a_list(school: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    place = {"district_code": DISTRICT, "name": school}
    return {"school": place, "stage": "kindergarten", "on": AUTUMN.isoformat(), "children": [*children]} | more


async def figures(caller: Caller, school: str) -> dict[str, Any]:
    answer = await caller.get("/admin/school-checks/statistics", since="2020-01-01", until="2029-12-31")
    assert answer.status_code == 200, answer.text
    found = [one for one in answer.json()["schools"] if one["name"] == school]
    return found[0] if found else {}


async def test_a_list_is_checked_kept_and_counted(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    school = f"第{uuid4().hex[:8]}幼儿园"
    complete = await on_record(connection, keys, "李小红", records(AT_FOUR))
    lacking = await on_record(connection, keys, "李小丽", records(AT_FOUR)[:-1])
    body = a_list(school, child("李小红", complete), child("李小丽", lacking), child("王小明", id_number(BORN, 998)),
                  child("赵四", id_number(BORN, 996)))  # fmt: skip
    answer = await clinic.post("/clinic/school-checks", body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert [(one["row"], one["result"]) for one in told["children"]] == [
        (1, "PASSED"), (2, "NEEDS_CATCH_UP"), (3, "NO_RECORD"), (4, "NO_RECORD"),
    ]  # fmt: skip
    (missing,) = told["children"][1]["missing"]
    assert (missing["series"], missing["number"]) == ("VAR", 2) and missing["rule"] and told["edition"]
    assert told["children"][1]["recheck_by"] == f"{AUTUMN.year}-12-31"
    assert "李小红" not in answer.text and lacking not in answer.text
    rows = await connection.fetch("SELECT * FROM school_check_children WHERE check_id = $1", UUID(told["check_id"]))
    assert len(rows) == 4 and "小红" not in str(rows) and lacking not in str(rows)
    city = Caller(client, await staff_token(connection, keys, "city_admin"))
    counted = await figures(city, school)
    assert [counted[name] for name in ("children", "passed", "needs_catch_up", "no_record")] == [4, 1, 1, 2]


async def test_the_newest_check_of_a_child_counts(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    school = f"第{uuid4().hex[:8]}幼儿园"
    city = Caller(client, await staff_token(connection, keys, "city_admin"))
    doses = records(AT_FOUR)
    number = await on_record(connection, keys, "李小丽", doses[:-1])
    await clinic.post("/clinic/school-checks", a_list(school, child("李小丽", number)))
    assert (await figures(city, school))["needs_catch_up"] == 1
    person = await connection.fetchval(
        "SELECT person_id FROM persons WHERE document_index = $1", keys.vault().blind_index("document", number)
    )
    await add_dose(connection, person, doses[-1])
    await clinic.post("/clinic/school-checks", a_list(school, child("李小丽", number)))
    counted = await figures(city, school)
    assert (counted["children"], counted["catch_up_completed"], counted["needs_catch_up"]) == (1, 1, 0)


async def test_bad_rows_are_named_and_nothing_is_kept(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    school = f"第{uuid4().hex[:8]}幼儿园"
    number = await on_record(connection, keys, "李小红", [])
    body = a_list(school, child("李小红", number), child("李小红", number), child("王", number, sex="M"))
    refused = await clinic.post("/clinic/school-checks", body)
    assert refused.status_code == 422 and number not in refused.text
    fields = [error["field"] for error in refused.json()["errors"]]
    assert fields == ["children.1.document_number", "children.2.sex", "children.2.document_number"]
    city = Caller(client, await staff_token(connection, keys, "city_admin"))
    assert await figures(city, school) == {}
    done = (await clinic.post("/clinic/school-checks", body | {"accept_good": True})).json()
    assert [one["row"] for one in done["children"]] == [1] and {one["row"] for one in done["errors"]} == {2, 3}


async def test_a_repeat_has_one_effect(connection: asyncpg.Connection, keys: Keys, clinic: Caller) -> None:
    number = await on_record(connection, keys, "李小红", [])
    body, key = a_list(f"第{uuid4().hex[:8]}幼儿园", child("李小红", number)), uuid4().hex
    first = await clinic.post("/clinic/school-checks", body, key=key)
    assert (await clinic.post("/clinic/school-checks", body, key=key)).json() == first.json()
    assert (await clinic.post("/clinic/school-checks", body | {"stage": "primary"}, key=key)).status_code == 422


async def test_districts_see_their_own(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    school = f"第{uuid4().hex[:8]}幼儿园"
    number = await on_record(connection, keys, "李小红", [])
    body = a_list(school, child("李小红", number))
    elsewhere = body | {"school": {"district_code": "310115", "name": school}}
    assert (await clinic.post("/clinic/school-checks", elsewhere)).json()["code"] == "unknown_district"
    await clinic.post("/clinic/school-checks", body)
    own = Caller(client, await staff_token(connection, keys, "district_admin", district=DISTRICT))
    other = Caller(client, await staff_token(connection, keys, "district_admin", district="310115"))
    assert (await figures(own, school))["children"] == 1 and await figures(other, school) == {}
    span = {"since": str(date(2026, 1, 1)), "until": str(date(2026, 12, 31))}
    assert (await clinic.get("/admin/school-checks/statistics", **span)).json()["code"] == "forbidden"
    sums = (await own.get("/admin/school-checks/statistics", since="2020-01-01", until="2029-12-31")).json()
    for name in Counts.model_fields:
        assert sum(one[name] for one in sums["schools"]) == sum(one[name] for one in sums["districts"])
