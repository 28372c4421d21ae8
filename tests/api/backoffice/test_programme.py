"""Drafts of the programme on real servers: written by one, reviewed by another, in force on its day."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest
import pytest_asyncio

from humiao.backoffice.audit import verify
from humiao.immunizations.service import PROGRAMME, publish_shipped
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.api.callers import Caller, staff_token
from tests.factories import make_session
from tests.passes import HEADER, VACCINE
from tests.unit.immunizations.test_editions import OLD_LINE

DRAFTS = "/admin/programme/drafts"
TEXT = PROGRAMME.read_text(encoding="utf-8")
WHY = {"title": "A群流脑第二剂改为10月龄", "reason": "市疾控〔2026〕8号"}
CHANGE = (OLD_LINE, OLD_LINE.replace("P9M, min_age: P9M", "P10M, min_age: P10M"))


@pytest_asyncio.fixture(loop_scope="session")
async def writer(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> Caller:
    return Caller(client, await staff_token(connection, keys, "city_admin"))


@pytest_asyncio.fixture(loop_scope="session")
async def reviewer(client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys) -> Caller:
    return Caller(client, await staff_token(connection, keys, "city_admin"))


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def taken_back(settings: Settings) -> AsyncIterator[None]:
    """What is published here is gone afterwards: other tests begin with no edition."""
    yield
    connection = await asyncpg.connect(str(settings.database_url))
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # both tables keep every row
            await connection.execute("DELETE FROM programme_counts")
            await connection.execute("DELETE FROM programme_drafts")
            await connection.execute("DELETE FROM programme_editions")
    finally:
        await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def coming(connection: asyncpg.Connection) -> AsyncIterator[tuple[str, date]]:
    """An id and a day that the next edition may have: so far off that it decides nothing else that is tested."""
    await publish_shipped(connection)
    last: date = await connection.fetchval("SELECT max(effective_from) FROM programme_editions")
    day = max(last, date(2150, 1, 1)) + timedelta(days=1)
    yield f"CN-SH-{day}", day


def text_of(name: str, begins: date, *changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in (
        ("edition: CN-SH-2026.1", f"edition: {name}"),
        ("effective_from: 2026-11-23  ", f"effective_from: {begins}  "),
        *changes,
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


async def written(me: Caller, text: str) -> dict[str, Any]:
    answer = await me.post(DRAFTS, WHY | {"document": text})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def move(me: Caller, draft: dict[str, Any], what: str, **body: Any) -> httpx.Response:
    return await me.post(f"{DRAFTS}/{draft['draft_id']}/{what}", {"digest": draft["digest"]} | body)


async def submitted(me: Caller, text: str) -> dict[str, Any]:
    draft = await written(me, text)
    answer = await move(me, draft, "submit")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_from_draft_to_edition(
    writer: Caller, reviewer: Caller, coming: tuple[str, date], connection: asyncpg.Connection
) -> None:
    name, day = coming
    draft = await submitted(writer, text_of(name, day, ("zh: 上海市预防接种程序数据,", f"zh: 程序数据（{day}）,")))
    assert draft["state"] == "submitted" and not draft["outdated"]
    found = {change["path"]: change["after"] for change in draft["changes"]}
    assert found.items() >= {"title.zh": f"程序数据（{day}）", "edition": name, "effective_from": str(day)}.items()
    preview = (await reviewer.get(f"{DRAFTS}/{draft['draft_id']}/preview")).json()
    assert preview["on"] == str(day)

    published = await move(reviewer, draft, "review", verdict="publish", note="与文件一致")
    assert published.status_code == 200, published.text
    told = published.json()
    assert (told["state"], told["edition_id"], told["review_note"]) == ("published", name, "与文件一致")
    assert told["reviewed_by"] != told["written_by"]
    editions = (await writer.get("/admin/programme/editions")).json()["items"]
    assert (editions[-1]["edition_id"], editions[-1]["in_force"]) == (name, False)
    assert [edition["in_force"] for edition in editions].count(True) == 1
    entries = await connection.fetch(
        "SELECT action, actor FROM audit_entries WHERE subject = $1 ORDER BY at", f"programme_draft:{draft['draft_id']}"
    )
    assert [entry["action"] for entry in entries] == ["programme.drafted", "programme.submitted", "programme.published"]
    assert entries[0]["actor"] == told["written_by"] and entries[2]["actor"] == told["reviewed_by"]
    assert (await verify(connection)).sound


async def test_an_edition_ends_the_passes_that_were_given_before_it(
    writer: Caller, reviewer: Caller, me: Caller, person: UUID, coming: tuple[str, date], connection: asyncpg.Connection
) -> None:
    world = await make_session(connection)
    wish = {"person_id": str(person), "window_id": world.window_ids[0], "stock_id": world.stock_id}

    async def given() -> str:
        answer = await me.post("/resident/passes", {"person_id": str(person), "vaccine_code": VACCINE})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["pass"])

    async def hold(shown: str) -> httpx.Response:
        return await me.send("POST", "/resident/holds", wish, headers={HEADER: shown})

    before = await given()
    draft = await submitted(writer, text_of(*coming))
    assert (await move(reviewer, draft, "review", verdict="publish", note="一致")).status_code == 200
    # At once, not when this process next looks: the ledger holds the pass against the rules of the commit.
    assert refused(await hold(before)) == (401, "pass_invalid")
    after = await given()
    assert jwt.decode(after, options={"verify_signature": False})["rul"] != coming[0], "not in force yet"
    assert (await hold(after)).status_code == 201


async def test_who_wrote_does_not_review(writer: Caller, coming: tuple[str, date]) -> None:
    draft = await submitted(writer, text_of(*coming))
    for verdict in ("publish", "send_back"):
        answer = await move(writer, draft, "review", verdict=verdict, note="自己看过了")
        assert refused(answer) == (403, "own_draft")
    assert (await writer.get(f"{DRAFTS}/{draft['draft_id']}")).json()["state"] == "submitted"


async def test_nobody_goes_round_the_review(connection: asyncpg.Connection, coming: tuple[str, date]) -> None:
    name, day = coming
    with pytest.raises(asyncpg.PostgresError, match="somebody else has submitted"):
        await connection.execute(
            """INSERT INTO programme_editions (edition_id, effective_from, digest, document, published_by)
               VALUES ($1, $2, encode(sha256('x'), 'hex'), 'x', 'staff:1')""",
            name, day,
        )  # fmt: skip


async def test_a_draft_keeps_its_reviewer_apart_in_the_schema_too(
    writer: Caller, connection: asyncpg.Connection, coming: tuple[str, date]
) -> None:
    draft = await submitted(writer, text_of(*coming))
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "UPDATE programme_drafts SET state = 'writing', reviewed_by = written_by WHERE draft_id = $1",
            draft["draft_id"],
        )
    for change in ("document = document || '#'", "state = 'submitted'", "written_by = 'staff:0'"):
        with pytest.raises(asyncpg.PostgresError, match="draft"):
            await connection.execute(f"UPDATE programme_drafts SET {change} WHERE draft_id = $1", draft["draft_id"])


async def test_sent_back_and_written_anew(writer: Caller, reviewer: Caller, coming: tuple[str, date]) -> None:
    name, day = coming
    draft = await submitted(writer, text_of(name, day))
    back = (await move(reviewer, draft, "review", verdict="send_back", note="请补上第二剂的改动")).json()
    assert (back["state"], back["review_note"]) == ("writing", "请补上第二剂的改动")
    body = WHY | {"document": text_of(name, day, CHANGE)}
    assert refused(await reviewer.send("PUT", f"{DRAFTS}/{draft['draft_id']}", body)) == (403, "not_your_draft")
    again = (await writer.send("PUT", f"{DRAFTS}/{draft['draft_id']}", body)).json()
    assert again["digest"] != draft["digest"]
    assert refused(await move(writer, draft, "submit")) == (409, "draft_moved_on"), "the text is another by now"
    assert (await move(writer, again, "submit")).status_code == 200
    stale = await move(reviewer, draft, "review", verdict="publish", note="看的是旧稿")
    assert refused(stale) == (409, "draft_moved_on")
    assert (await move(reviewer, again, "review", verdict="publish", note="一致")).status_code == 200


async def test_a_review_of_other_rules_publishes_nothing(
    writer: Caller, reviewer: Caller, coming: tuple[str, date]
) -> None:
    name, day = coming
    slow = await submitted(writer, text_of(f"{name}-b", day + timedelta(days=5)))
    quick = await submitted(writer, text_of(name, day))
    assert (await move(reviewer, quick, "review", verdict="publish", note="一致")).status_code == 200
    late = await move(reviewer, slow, "review", verdict="publish", note="一致")
    assert refused(late) == (409, "programme_moved_on")
    assert (await reviewer.get(f"{DRAFTS}/{slow['draft_id']}")).json()["outdated"]


async def test_two_reviewers_at_once_publish_once(
    writer: Caller, reviewer: Caller, client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys,
    coming: tuple[str, date],
) -> None:  # fmt: skip
    other = Caller(client, await staff_token(connection, keys, "city_admin"))
    draft = await submitted(writer, text_of(*coming))
    answers = await asyncio.gather(
        *(move(who, draft, "review", verdict="publish", note="一致") for who in (reviewer, other) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert await connection.fetchval("SELECT count(*) FROM programme_editions WHERE edition_id = $1", coming[0]) == 1


async def test_a_repeat_has_the_first_answer(writer: Caller, coming: tuple[str, date]) -> None:
    body, key = WHY | {"document": text_of(*coming)}, f"draft-{coming[0]}"
    first, second = [await writer.post(DRAFTS, body, key=key) for _ in range(2)]
    assert first.json() == second.json()


async def test_mistakes_are_named_by_line(writer: Caller, coming: tuple[str, date]) -> None:
    text = text_of(*coming, (OLD_LINE, OLD_LINE.replace("min_age: P9M", "min_age: P9X")))
    answer = await writer.post(DRAFTS, WHY | {"document": text})
    assert refused(answer) == (422, "programme_mistakes")
    line = 1 + text[: text.index("P9X")].count("\n")
    assert [error["field"] for error in answer.json()["errors"]] == [f"document:{line}"]


async def test_an_edition_has_a_new_id_and_a_later_day(writer: Caller, coming: tuple[str, date]) -> None:
    name, day = coming
    taken = await writer.post(DRAFTS, WHY | {"document": text_of("CN-SH-2026.1", day)})
    assert refused(taken) == (409, "edition_taken")
    early = await writer.post(DRAFTS, WHY | {"document": text_of(name, date(2026, 11, 23))})
    assert refused(early) == (422, "edition_not_later")


async def test_what_is_withdrawn_stays_so(writer: Caller, reviewer: Caller, coming: tuple[str, date]) -> None:
    draft = await submitted(writer, text_of(*coming))
    path = f"{DRAFTS}/{draft['draft_id']}/withdraw"
    assert refused(await reviewer.post(path, None)) == (403, "not_your_draft")
    assert (await writer.post(path, None)).json()["state"] == "withdrawn"
    late = await move(reviewer, draft, "review", verdict="publish", note="一致")
    assert (*refused(late), late.json()["state"]) == (409, "draft_moved_on", "withdrawn")
    assert draft["draft_id"] in [row["draft_id"] for row in (await reviewer.get(DRAFTS)).json()["items"]]
