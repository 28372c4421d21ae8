"""The whole protocol at a terminal: two officers, published files, and what cannot be done twice."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from humiao.cli import app
from humiao.kit.keys import load_keys, make_keys
from humiao.lottery.receipts import Receipt, sign_receipt
from tests.unit.lottery import independent

RULE = "双色球 2026135 期开奖号码"
TERMS = ("--campaign", "流感疫苗", "--closes-at", "2026-11-20T18:00:00+08:00", "--entropy-rule", RULE)


def humiao(*words: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["draw", *map(str, words)], input=typed, env={"COLUMNS": "200"})


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    directory = tmp_path / "draw"
    told = humiao("commit", directory, *TERMS)
    assert told.exit_code == 0, told.output
    (tmp_path / "list.txt").write_text("".join(f"{1 + at % 2} TICKET-{at}\n" for at in range(30)), encoding="utf-8")
    return directory


def test_two_officers_rehearse_a_draw(committed: Path) -> None:
    announced = (committed / "announcement.json").read_text(encoding="utf-8")
    secret = json.loads((committed / "secret.json").read_text(encoding="utf-8"))["secret"]
    assert secret not in announced
    assert stat.S_IMODE((committed / "secret.json").stat().st_mode) == 0o600
    assert humiao("seal", committed, committed.parent / "list.txt").exit_code == 0
    drawn = humiao("run", committed, typed="3 7 12\n3 7 12\n")
    assert drawn.exit_code == 0, drawn.output
    result = committed / "result.jsonl"
    against = ("--announcement", committed / "announcement.json", "--tickets", committed / "tickets.jsonl")
    told = humiao("verify", result, *against, "--ticket", "TICKET-4")
    assert told.exit_code == 0 and "核验通过" in told.output and "TICKET-4：第" in told.output, told.output
    assert humiao("verify", result, "--ticket", "TICKET-99").exit_code == 1

    lines = result.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[3] = lines[3].replace("TICKET", "TICKEY")
    forged = committed / "forged.jsonl"
    forged.write_text("".join(lines), encoding="utf-8")
    told = humiao("verify", forged)
    assert told.exit_code == 1 and "第 4 行" in told.output and "TICKEY" in told.output, told.output


def test_no_step_is_done_twice(committed: Path) -> None:
    again = humiao("commit", committed, *TERMS)
    assert again.exit_code == 1 and "只做一次" in again.output
    assert humiao("seal", committed, committed.parent / "list.txt").exit_code == 0
    (committed.parent / "list.txt").write_text("1 FRIEND\n", encoding="utf-8")
    assert humiao("seal", committed, committed.parent / "list.txt").exit_code == 1
    assert "FRIEND" not in (committed / "tickets.jsonl").read_text(encoding="utf-8")
    assert humiao("run", committed, typed="3 7\n3 7\n").exit_code == 0
    before = (committed / "result.jsonl").read_bytes()
    again = humiao("run", committed, typed="4 8\n4 8\n")
    assert again.exit_code == 1 and "不能重摇" in again.output
    assert (committed / "result.jsonl").read_bytes() == before


def test_what_two_officers_do_not_agree_on_is_not_drawn(committed: Path) -> None:
    assert humiao("run", committed, typed="3 7\n3 7\n").exit_code == 1, "before the list is sealed"
    assert humiao("seal", committed, committed.parent / "list.txt").exit_code == 0
    told = humiao("run", committed, typed="3 7\n3 8\n")
    assert told.exit_code == 1 and "不同" in told.output
    assert not (committed / "result.jsonl").exists()
    (committed / "secret.json").write_text(json.dumps({"secret": "00" * 32}), encoding="utf-8")
    told = humiao("run", committed, typed="3 7\n3 7\n")
    assert told.exit_code == 1 and "承诺" in told.output
    assert not (committed / "result.jsonl").exists()


def test_the_sample_is_verified_at_the_terminal() -> None:
    told = humiao("verify", independent.VECTORS / "result.jsonl")
    assert told.exit_code == 0 and independent.SAMPLE_ENTROPY in told.output
    told = humiao("verify", independent.VECTORS / "tickets.jsonl")
    assert told.exit_code == 1


def test_a_receipt_is_checked_at_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUMIAO_HOME", str(tmp_path))
    make_keys(tmp_path / "keys.json")
    published = humiao("receipt-keys")
    assert published.exit_code == 0
    (tmp_path / "public.json").write_text(published.output, encoding="utf-8")
    receipt = Receipt("流感疫苗", "TICKET-4", 2, "2026-11-18T09:30:00+08:00")
    signed = sign_receipt(receipt, load_keys(tmp_path / "keys.json").receipt_keys)
    told = humiao("receipt", signed, "--keys", tmp_path / "public.json")
    assert told.exit_code == 0 and "TICKET-4" in told.output
    assert humiao("receipt", "-", "--keys", tmp_path / "public.json", typed=signed + "\n").exit_code == 0
    told = humiao("receipt", signed[:-2] + "AA", "--keys", tmp_path / "public.json")
    assert told.exit_code == 1 and "签名不符" in told.output
