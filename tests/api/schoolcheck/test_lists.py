"""Class lists as xlsx over HTTP: bad rows named, the rest kept only when asked, a masked report, a re-check at once."""

import asyncio
import io
import random
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import openpyxl
import pytest
from fastapi import FastAPI

from humiao.errors import Refusal
from humiao.kit.keys import Keys
from humiao.kit.large import XLSX
from humiao.schoolcheck.reading import ListReader
from humiao.settings import Settings
from tests.api.callers import API, Caller, staff_token
from tests.contract.faces import gate_before, served
from tests.factories import DISTRICT, make_clinic
from tests.unit.schoolcheck.lists import good_rows, id_number, xlsx
from tests.unit.schoolcheck.test_class_list import chinese, other_check_digit
from tests.unit.schoolcheck.test_service import add_dose, on_record
from tests.unit.schoolcheck.test_verdict import AT_FOUR, AUTUMN, BORN, records

LISTS = f"{API}/clinic/school-checks/lists"


def school_name() -> str:
    return f"第{uuid4().hex[:8]}小学"


async def send(
    client: httpx.AsyncClient, me: Caller, data: bytes, *, key: str | None = None, kind: str = XLSX, **query: Any
) -> httpx.Response:
    query = {"district_code": DISTRICT, "school": "实验小学", "stage": "kindergarten", "on": str(AUTUMN)} | query
    headers = {"Authorization": f"Bearer {me.token}", "Idempotency-Key": key or uuid4().hex, "Content-Type": kind}
    return await client.post(LISTS, params=query, content=data, headers=headers)


def spoilt(count: int, bad: int) -> tuple[list[list[Any]], list[int]]:
    """Rows of a list and the numbers of those that were spoilt."""
    rows = good_rows(count)
    places = sorted(random.Random(30).sample(range(1, count), bad))
    spoil: list[Callable[[list[Any]], None]] = [
        lambda row: row.__setitem__(0, ""),
        lambda row: row.__setitem__(1, "女" if row[1] == "男" else "男"),
        lambda row: row.__setitem__(2, "2021-12-31"),
        lambda row: row.__setitem__(3, other_check_digit(row[3])),
        lambda row: row.__setitem__(3, rows[0][3]),
    ]
    for n, i in enumerate(places):
        spoil[n % len(spoil)](rows[i])
    return rows, [i + 2 for i in places]


def stored(data: bytes) -> bytes:
    """The same file uncompressed: ten times as large."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return out.getvalue()


async def test_2000_rows_with_30_bad_ones_through_the_gate(
    app: FastAPI, settings: Settings, connection: asyncpg.Connection, clinic: Caller
) -> None:
    rows, bad = spoilt(2000, 30)
    data, school = stored(xlsx(rows)), school_name()
    assert len(data) > settings.max_body_bytes
    async with (
        served(app) as api,
        gate_before(settings, api.url) as gate,
        httpx.AsyncClient(base_url=gate.url, timeout=60) as client,
    ):
        told = await send(client, clinic, data, school=school)
        assert told.status_code == 200, told.text
        only_read = told.json()
        assert only_read["bad_rows"] == bad == sorted({error["row"] for error in only_read["errors"]})
        assert (only_read["rows"], only_read["good"], only_read["check_id"]) == (2000, 1970, None)
        assert all(chinese(error["message"]) and error["column"] for error in only_read["errors"])
        assert await connection.fetchval("SELECT count(*) FROM schools WHERE name = $1", school) == 0
        kept = await send(client, clinic, data, school=school, **{"import": "true"})
        # Told before the body was read, and heard all the same.
        elsewhere = await send(client, clinic, data, district_code="999999")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "unknown_district")
        stranger = await send(client, Caller(client, "nobody"), data)
        assert (stranger.status_code, stranger.json()["code"]) == (401, "not_logged_in")
        assert (await send(client, clinic, xlsx(good_rows(1)))).status_code == 200
    assert kept.status_code == 200, kept.text
    check_id = UUID(kept.json()["check_id"])
    assert kept.json() == only_read | {"check_id": str(check_id)}
    count = await connection.fetchval("SELECT count(*) FROM school_check_children WHERE check_id = $1", check_id)
    assert count == 1970
    for name in ("王小明", rows[1][3]):
        assert name not in kept.text and name not in told.text


async def test_the_report_masks_and_the_desk_pages(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    number = await on_record(connection, keys, "李小丽", records(AT_FOUR)[:-1])
    stranger = id_number(BORN, 996)
    rows = [["李小丽", "女", BORN, number, "小一班"], ["", "女", BORN, id_number(BORN, 994), "小一班"],
            ["=王", "女", BORN, id_number(BORN, 992), "小二班"], ["赵四", "女", BORN, stranger, "小二班"]]  # fmt: skip
    kept = (await send(client, clinic, xlsx(rows), school=school_name(), **{"import": "true"})).json()
    assert kept["bad_rows"] == [3, 4]
    path = f"/clinic/school-checks/{kept['check_id']}"
    shown = (await clinic.get(path)).json()
    assert [(one["row"], one["name_masked"], one["result"]) for one in shown["items"]] == [
        (2, "*小丽", "NEEDS_CATCH_UP"), (5, "*四", "NO_RECORD"),
    ]  # fmt: skip
    assert shown["next_after"] is None and shown["check"]["bad_rows"] == [3, 4]
    assert [one["row"] for one in (await clinic.get(path, result="NO_RECORD")).json()["items"]] == [5]
    assert [one["row"] for one in (await clinic.get(path, after=1)).json()["items"]] == [5]
    answer = await clinic.get(f"{path}/report")
    assert answer.headers["content-type"] == XLSX and answer.headers["cache-control"] == "private, no-store"
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert [row[2] for row in cells] == ["姓名", "*小丽", "*四"] and cells[1][4] == "需补种" and "水痘" in cells[1][5]
    for secret in ("李小丽", number, stranger):
        assert secret not in str(cells) and secret not in str(shown)
    sealed = await connection.fetchval(
        "SELECT roll_sealed FROM school_check_rolls WHERE check_id = $1", UUID(kept["check_id"])
    )
    assert "小丽".encode() not in sealed


async def test_who_caught_up_is_checked_again_at_once(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    doses = records(AT_FOUR)
    number = await on_record(connection, keys, "李小丽", doses[:-1])
    data = xlsx([["李小丽", "女", BORN, number, "小一班"]])
    kept = (await send(client, clinic, data, school=school_name(), **{"import": "true"})).json()
    path, key = f"/clinic/school-checks/{kept['check_id']}", uuid4().hex
    before = (await clinic.post(f"{path}/rechecks", None)).json()
    assert (before["looked_at"], before["changed"]) == (1, 0), "nothing changed, so there is no new version"
    index = keys.vault().blind_index("document", number)
    person = await connection.fetchval("SELECT person_id FROM persons WHERE document_index = $1", index)
    await add_dose(connection, person, doses[-1])
    again = [(await clinic.post(f"{path}/rechecks", None, key=key)).json() for _ in range(2)]
    assert again[0] == again[1] and (again[0]["looked_at"], again[0]["changed"]) == (1, 1)
    assert again[0]["check"]["needs_catch_up"] == 0 and again[0]["check"]["recheck_by"] is None
    (child,) = (await clinic.get(path)).json()["items"]
    assert (child["version"], child["missing"], child["recheck_by"]) == (2, [], None)
    assert child["result"] == "CATCH_UP_COMPLETED" and "曾需补种" in child["explained"]
    assert (await clinic.post(f"{path}/rechecks", None)).json()["looked_at"] == 0, "who has completed it is done"


async def test_others_do_not_see_a_check(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, clinic: Caller
) -> None:
    school = school_name()
    kept = (await send(client, clinic, xlsx(good_rows(3)), school=school, **{"import": "true"})).json()
    path = f"/clinic/school-checks/{kept['check_id']}"
    neighbour = await staff_token(connection, keys, "clinic_staff", await make_clinic(connection))
    district = await staff_token(connection, keys, "district_admin", district=DISTRICT)
    elsewhere = await staff_token(connection, keys, "district_admin", district="310115")
    span = {"since": str(AUTUMN), "until": str(AUTUMN)}
    for token, sees in ((neighbour, False), (elsewhere, False), (district, True), (clinic.token, True)):
        caller = Caller(client, token)
        answers = [await caller.get(path), await caller.get(f"{path}/report")]
        answers.append(await caller.post(f"{path}/rechecks", None))
        assert {answer.status_code for answer in answers} == ({200} if sees else {404})
        listed = (await caller.get("/clinic/school-checks", **span)).json()["items"]
        assert (school in {one["school"] for one in listed}) is sees


async def test_a_repeat_keeps_one_check(
    client: httpx.AsyncClient, connection: asyncpg.Connection, clinic: Caller
) -> None:
    data, key, school = xlsx(good_rows(3)), uuid4().hex, school_name()
    asked = {"school": school, "key": key, "import": "true"}
    first, second = [await send(client, clinic, data, **asked) for _ in range(2)]
    assert first.json() == second.json()
    other = await send(client, clinic, xlsx(good_rows(2)), **asked)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    checks = "SELECT count(*) FROM school_checks JOIN schools USING (school_id) WHERE name = $1"
    assert await connection.fetchval(checks, school) == 1


def bomb(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * size)
    return out.getvalue()


FILES = [
    ("no table", b"PK\x03\x04 nothing", "not_xlsx"),
    ("a zip bomb", bomb(61_000_000), "unpacks_too_large"),
    ("no rows", xlsx([]), "empty_list"),
    ("no column for the name", xlsx([["x", "y"]], header=("姓名", "班级")), "column_missing"),
]


@pytest.mark.parametrize(("data", "code"), [file[1:] for file in FILES], ids=[file[0] for file in FILES])
async def test_a_file_that_is_no_list_is_refused(
    client: httpx.AsyncClient, clinic: Caller, data: bytes, code: str
) -> None:
    answer = await send(client, clinic, data)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("file", code) and chinese(error["message"])


async def test_a_large_file_is_refused_and_strangers_are_not_read(client: httpx.AsyncClient, clinic: Caller) -> None:
    large = await send(client, clinic, b"x" * 5_000_001)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    plain = await send(client, clinic, xlsx(good_rows(1)), kind="text/csv")
    assert (plain.status_code, plain.json()["code"]) == (415, "not_a_list")
    stranger = await send(client, Caller(client, "nobody"), b"x" * 100_000)
    assert (stranger.status_code, stranger.json()["code"]) == (401, "not_logged_in")


async def test_few_lists_are_inside_at_a_time() -> None:
    """Who has a list inside waits for it; when all places are taken others are told to come back."""
    going_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"PK"
        await going_on.wait()

    reader = ListReader(inside_max=2)
    day = date(2026, 9, 1)
    inside = [asyncio.create_task(reader.read(who, slowly(), day, day)) for who in ("staff:1", "staff:2")]
    await asyncio.sleep(0)
    for who, code in (("staff:1", "too_many_requests"), ("staff:3", "busy")):
        told = await reader.read(who, slowly(), day, day)
        assert isinstance(told, Refusal) and told.code == code and told.retry_at
    going_on.set()
    for told in await asyncio.gather(*inside):
        assert not isinstance(told, Refusal) and not told[1].readable
    assert not isinstance(await reader.read("staff:1", slowly(), day, day), Refusal)
