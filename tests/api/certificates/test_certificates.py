"""Certificates over HTTP: issued for one's own people alone, verified by anybody, revoked for good, once per key."""

import asyncio
import io
import json
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pypdf
import pytest
from typer.testing import CliRunner, Result

from humiao.backoffice.audit import verify as verify_audit
from humiao.certificates.payload import Certificate, check_certificate
from humiao.cli import app as command
from humiao.kit.keys import Keys
from humiao.settings import Settings
from tests.api.callers import API, Caller, resident_token, staff_token
from tests.api.certificates.conftest import Issue, give
from tests.factories import make_residents
from tests.unit.immunizations.test_intake import DAY


async def shown(client: httpx.AsyncClient, what: str) -> httpx.Response:
    return await client.post(f"{API}/public/certificates/verify", json={"shown": what})


async def published(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.get(f"{API}/public/certificates/keys")
    return {one["key_id"]: one["public_key"] for one in answer.json()["keys"]}


async def test_a_certificate_is_checked_without_asking_the_city(client: httpx.AsyncClient, issue: Issue) -> None:
    made = await issue()
    told = check_certificate(made["text"], await published(client))
    assert isinstance(told, Certificate)
    assert (told.number, told.name_masked, told.total) == (made["number"], "*小红", 1)
    assert [(dose.vaccine, dose.given_on) for dose in told.doses] == [("HepB", DAY)]
    assert made["name_masked"] == "*小红" and made["qr"]["size"] >= 60


async def test_anybody_verifies_and_learns_no_more_than_needed(client: httpx.AsyncClient, issue: Issue) -> None:
    made = await issue()
    scanned = (await shown(client, f"https://miao.example/h5/#/verify/{made['text']}")).json()
    assert (scanned["state"], scanned["by_signature"], scanned["name_masked"]) == ("valid", True, "*小红")
    assert scanned["doses"][0]["vaccine_name"] == "重组乙型肝炎疫苗" and scanned["birth_date"]
    typed = (await shown(client, made["number"].lower().replace("-", " "))).json()
    assert (typed["state"], typed["by_signature"], typed["total"]) == ("valid", False, 1)
    assert typed["doses"] == [] and typed["birth_date"] is None, "a number alone tells neither doses nor birth date"
    for answer in (scanned, typed):
        assert "李小红" not in json.dumps(answer, ensure_ascii=False) and "person_id" not in answer


async def test_what_is_not_genuine_is_refused(client: httpx.AsyncClient, issue: Issue) -> None:
    text = (await issue())["text"]
    place = len(text) // 3
    forged = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    assert (await shown(client, forged)).json()["code"] == "certificate_not_genuine"
    assert (await shown(client, text[:-3])).json()["code"] == "certificate_not_genuine"
    assert (await shown(client, "HM2611-0000-0000-0000")).json()["code"] == "unknown_certificate"
    assert (await shown(client, "你好")).json()["code"] == "unknown_certificate"


async def test_the_same_of_one_day_is_one_certificate(
    connection: asyncpg.Connection, me: Caller, child: UUID, issue: Issue
) -> None:
    first, again = await issue(), await issue()
    assert first["certificate_id"] == again["certificate_id"]
    other = await issue(kind="records")
    assert other["certificate_id"] != first["certificate_id"]
    await give(connection, child, "BCG")
    later = await issue()
    assert later["certificate_id"] != first["certificate_id"] and later["total"] == 2
    listed = (await me.get(f"/resident/people/{child}/certificates")).json()["items"]
    assert {one["certificate_id"]: one["changed_since"] for one in listed} == {
        first["certificate_id"]: True, other["certificate_id"]: True, later["certificate_id"]: False,
    }  # fmt: skip


async def test_a_repeat_has_one_effect(me: Caller, child: UUID) -> None:
    path, key = f"/resident/people/{child}/certificates", uuid4().hex
    first = await me.post(path, {"kind": "records"}, key=key)
    assert (await me.post(path, {"kind": "records"}, key=key)).json()["number"] == first.json()["number"]
    assert (await me.post(path, {"kind": "certificate"}, key=key)).json()["code"] == "key_reused"


async def test_a_school_verifies_a_proof_and_sees_no_dose(client: httpx.AsyncClient, me: Caller, issue: Issue) -> None:
    made = await issue(kind="school_check", stage="kindergarten")
    told = (await shown(client, made["text"])).json()
    assert told["check"] == {
        "stage": "kindergarten", "stage_label": "入园", "result": "NEEDS_CATCH_UP", "result_label": "需补种",
        "edition": told["check"]["edition"], "reason": told["check"]["reason"],
    }  # fmt: skip
    assert told["doses"] == [] and told["kind_label"] == "预防接种查验证明"
    assert (await shown(client, made["number"])).json()["check"] == told["check"]
    answer = await me.get(f"/resident/certificates/{made['certificate_id']}/pdf")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages)
    plain = "".join(text.split())
    assert "预防接种查验证明" in plain and "入园查验结果" in plain and "补种计划" in plain and "乙肝疫苗第2剂" in plain
    assert (await issue(kind="school_check", stage="primary"))["number"] != made["number"]


async def test_others_certificates_do_not_exist(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, child: UUID, issue: Issue
) -> None:
    made = await issue()
    (other,) = await make_residents(connection, keys.vault(), 1)
    stranger = Caller(client, await resident_token(connection, keys, other))
    path = f"/resident/certificates/{made['certificate_id']}"
    for answer in (
        await stranger.get(path), await stranger.get(f"{path}/pdf"), await stranger.post(f"{path}/revoke", None),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_certificate")
    refused = await stranger.post(f"/resident/people/{child}/certificates", {})
    assert refused.json()["code"] == "unknown_person"
    assert (await stranger.post(f"/resident/people/{other}/certificates", {})).json()["code"] == "nothing_on_record"


async def test_the_print_is_that_of_its_day(
    connection: asyncpg.Connection, me: Caller, child: UUID, issue: Issue
) -> None:
    made = await issue()
    await give(connection, child, "BCG")
    answer = await me.get(f"/resident/certificates/{made['certificate_id']}/pdf")
    assert answer.headers["content-type"] == "application/pdf" and "no-store" in answer.headers["cache-control"]
    assert f'filename="{made["number"]}.pdf"' in answer.headers["content-disposition"]
    assert made["text"].encode() in answer.content
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages)
    assert "李小红" in text and made["number"] in text and f"{DAY}" in text
    assert text.count("卡介苗") == 1, "among what is to be caught up, and not among the doses"


async def test_a_lost_certificate_is_revoked_for_good(client: httpx.AsyncClient, me: Caller, issue: Issue) -> None:
    made = await issue()
    path, key = f"/resident/certificates/{made['certificate_id']}/revoke", uuid4().hex
    done = await me.post(path, None, key=key)
    assert (done.status_code, done.json()["state"]) == (200, "revoked")
    assert (await me.post(path, None, key=key)).json()["revoked_at"] == done.json()["revoked_at"]
    assert (await me.post(path, None)).json()["code"] == "certificate_already_revoked"
    for what in (made["text"], made["number"]):
        told = (await shown(client, what)).json()
        assert (told["state"], told["revoked_for"]) == ("revoked", "lost")
    assert (await issue())["certificate_id"] != made["certificate_id"], "another can be had at once"


@pytest.mark.parametrize(("role", "status"), [("city_admin", 204), ("district_admin", 403)])
async def test_the_city_revokes_by_number(
    client: httpx.AsyncClient, connection: asyncpg.Connection, keys: Keys, issue: Issue, role: str, status: int
) -> None:
    made = await issue()
    district = {"district": "310104"} if role == "district_admin" else {}
    staff = Caller(client, await staff_token(connection, keys, role, **district))
    answer = await staff.post(f"/admin/certificates/{made['number']}/revoke", {"reason": "wrong_record"})
    assert answer.status_code == status, answer.text
    assert (await shown(client, made["number"])).json()["state"] == ("revoked" if status == 204 else "valid")
    unknown = await staff.post("/admin/certificates/HM2611-0000-0000-0000/revoke", {"reason": "lost"})
    assert unknown.status_code == (404 if status == 204 else 403)


async def test_a_certificate_never_changes_and_names_nobody_in_the_database(
    connection: asyncpg.Connection, issue: Issue
) -> None:
    made = await issue()
    certificate_id = UUID(made["certificate_id"])
    row = await connection.fetchrow("SELECT * FROM certificates WHERE certificate_id = $1", certificate_id)
    assert "小红" not in str(dict(row)) and made["text"] not in str(dict(row))
    for statement in ("UPDATE certificates SET kind = 'records'", "DELETE FROM certificates"):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(f"{statement} WHERE certificate_id = $1", certificate_id)
    entries = await connection.fetch(
        "SELECT action, detail FROM audit_entries WHERE subject = $1", f"certificate:{certificate_id}"
    )
    assert [one["action"] for one in entries] == ["certificate.issued"] and "小红" not in str(entries)
    assert (await verify_audit(connection)).sound


async def test_the_command_publishes_keys_and_revokes(
    client: httpx.AsyncClient, issue: Issue, settings: Settings
) -> None:
    made = await issue()
    environment = {"HUMIAO_KEYS_FILE": str(settings.keys_path), "HUMIAO_DATABASE_URL": str(settings.database_url)}

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, command, ["certificate", *words], env=environment)

    listed = json.loads((await run("keys")).output)["keys"]
    assert {one["key_id"]: one["public_key"] for one in listed} == await published(client)
    assert (await run("revoke", made["number"], "--reason", "replaced")).exit_code == 0
    assert (await shown(client, made["number"])).json()["revoked_for"] == "replaced"
    assert (await run("revoke", made["number"], "--reason", "replaced")).exit_code == 1
    assert (await run("revoke", "HM26", "--reason", "lost")).exit_code == 1


async def test_the_command_verifies_without_a_network(
    client: httpx.AsyncClient, me: Caller, issue: Issue, tmp_path: Path
) -> None:
    made = await issue()
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes((await me.get(f"/resident/certificates/{made['certificate_id']}/pdf")).content)
    keys, listed = tmp_path / "keys.json", tmp_path / "revoked.json"
    keys.write_bytes((await client.get(f"{API}/public/certificates/keys")).content)
    listed.write_bytes((await client.get(f"{API}/public/certificates/revoked")).content)

    def run(what: str, *more: str) -> tuple[int, str]:
        words = ["certificate", "verify", what, "--keys", str(keys), *more]
        done = CliRunner().invoke(command, words, env={"COLUMNS": "200"})
        return done.exit_code, done.output

    code, told = run(str(pdf), "--revoked", str(listed))
    assert code == 0 and made["number"] in told and "签名有效" in told and "重组乙型肝炎疫苗" in told
    code, told = run(made["text"])
    assert code == 0 and "未核对作废清单" in told
    proof = await issue(kind="school_check", stage="primary")
    code, told = run(proof["text"])
    assert code == 0 and "入学查验：需补种" in told and "重组乙型肝炎疫苗" not in told
    code, told = run(made["text"][:-2] + ("A" if made["text"][-2] != "A" else "B") + made["text"][-1])
    assert code == 1 and "签名" in told
    await me.post(f"/resident/certificates/{made['certificate_id']}/revoke", None)
    listed.write_bytes((await client.get(f"{API}/public/certificates/revoked")).content)
    code, told = run(str(pdf), "--revoked", str(listed))
    assert code == 1 and "作废" in told
