"""`humiao rush` against a real city, with every fault; and an audit that notices what it is there to notice."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from humiao.kit.keys import Keys
from humiao.rush.audit import audit_ledger
from humiao.rush.faults import FAULTS, STRUCK
from humiao.rush.residents import waves_of
from humiao.rush.soak import Soak, draw, soak
from humiao.rush.verdict import AUDITED, Verdict
from humiao.settings import Settings
from tests.conftest import Servers
from tests.factories import make_residents, make_session
from tests.faults.city import ROOT, RunningCity, eventually

RESIDENTS, PLACES = 600, 40


def rush_command(verdict_file: Path, fault: str) -> list[str]:
    return [
        sys.executable, "-m", "humiao.cli", "rush", "--residents", str(RESIDENTS), "--places", str(PLACES),
        "--fault", fault, "--json-file", str(verdict_file),
    ]  # fmt: skip


def of_city(running: RunningCity) -> dict[str, str]:
    return os.environ | {"HUMIAO_HOME": str(running.home), "PYTHONPATH": str(ROOT / "pyapp")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "places"),
    [("none", 40), ("quota", 70), ("valkey", 40), ("api", 40), ("gate", 40), ("postgres", 40), ("all", 70)],
)
def test_everybody_gets_an_answer_and_every_place_goes_once(
    running: RunningCity, tmp_path: Path, fault: str, places: int
) -> None:
    verdict_file, before = tmp_path / "verdict.json", running.noted()["pids"]
    rush = subprocess.run(
        rush_command(verdict_file, fault),
        env=of_city(running),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert rush.returncode == 0, rush.stdout + rush.stderr
    assert "passed" in rush.stdout
    verdict: dict[str, Any] = json.loads(verdict_file.read_text(encoding="utf-8"))
    assert verdict["answers"]["granted"] == verdict["expected"] == places
    assert sum(verdict["answers"].values()) == RESIDENTS, "everybody got an answer"
    assert verdict["violations"] == dict.fromkeys(AUDITED, 0)
    wanted = {"none": [], "all": FAULTS}.get(fault, [fault])
    killed = {STRUCK[one] for one in wanted if one in STRUCK}

    def renewed() -> bool:
        # What was struck last is noted when it runs again, which a rush does not wait for.
        return killed == {name for name, pid in running.noted()["pids"].items() if pid != before[name]}

    eventually(renewed, f"{killed} killed and started again, and nothing else")
    assert verdict["struck"] == dict.fromkeys(wanted, 1)


@pytest.mark.slow
async def test_a_soak_draws_faults_by_its_seed_and_adds_up(running: RunningCity) -> None:
    """One round of what `make soak` does for minutes."""
    noted = running.noted()
    settings = Settings(home=running.home, database_url=noted["database_url"], redis_url=noted["redis_url"])
    total = await soak(settings, noted["url"], minutes=0, seed=7, residents=RESIDENTS, places=60)
    assert total.struck == Counter(draw(Random(7)))
    assert total.good and total.rushes == 1
    assert total.acknowledged == total.expected >= 60
    assert total.violations == dict.fromkeys(AUDITED, 0)


def test_a_sum_with_one_bad_rush_is_bad() -> None:
    good = Verdict(expected=1, violations=dict.fromkeys(AUDITED, 0))
    good.answers["granted"] = 1
    bad = Verdict(expected=1, violations=dict.fromkeys(AUDITED, 0) | {"lost": 1})
    bad.answers["granted"] = 1
    total = Soak(seed=1)
    total.add(good)
    assert total.good
    total.add(bad)
    assert not total.good and total.as_json()["violations"]["lost"] == 1


@pytest.mark.parametrize(("residents", "places", "faults"), [(600, 40, 0), (600, 40, 1), (600, 40, 5), (7, 3, 5)])
def test_waves_are_all_residents_and_leave_places_for_those_after_a_fault(
    residents: int, places: int, faults: int
) -> None:
    waves = waves_of(residents, places, faults)
    assert sum(waves) == residents and len(waves) == faults + 1
    if faults > 1 and places > faults:
        assert sum(waves[:-1]) < places, "no fault strikes a race that is over"


@pytest.mark.slow
async def test_a_hold_taken_away_behind_a_residents_back_fails_the_rush(running: RunningCity, tmp_path: Path) -> None:
    """Control: somebody at a SQL prompt releases one hold of the rush; the exit code says so."""
    verdict_file = tmp_path / "verdict.json"
    connection = await asyncpg.connect(running.noted()["database_url"])
    last = await connection.fetchval("SELECT max(session_id) FROM clinic_sessions")
    rush = await asyncio.create_subprocess_exec(
        *rush_command(verdict_file, "none"), env=of_city(running), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            while not await connection.fetchval(  # noqa: ASYNC110 - a database tells nobody of a hold
                """UPDATE claims SET state = 'released', ended_at = now(), changed_by = 'sql', changed_from = 'sql'
                   WHERE claim_id = (SELECT claim_id FROM claims JOIN windows USING (window_id)
                                     WHERE session_id > $1 AND state = 'held' LIMIT 1) RETURNING true""",
                last,
            ):
                await asyncio.sleep(0.001)
        told, _ = await rush.communicate()
    finally:
        await connection.close()
        if rush.returncode is None:
            rush.kill()
    assert rush.returncode == 1
    assert "failed" in told.decode()
    assert json.loads(verdict_file.read_text(encoding="utf-8"))["violations"]["lost"] == 1


async def test_the_audit_notices_each_violation(servers: Servers, connection: asyncpg.Connection, keys: Keys) -> None:
    """Control: a window whose guard is dropped and whose counters are written by hand, in a transaction rolled back."""
    world = await make_session(connection, capacity=1)
    first, second = await make_residents(connection, keys.vault(), 2)
    transaction = connection.transaction()
    await transaction.start()
    try:
        for table in ("windows", "window_quotas", "session_stocks"):
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_never_oversold")
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await connection.execute("ALTER TABLE live_claims DROP CONSTRAINT live_claims_pkey")
        told = {}
        for person in (first, second, second):
            claim_id = uuid4()
            await connection.execute(
                """INSERT INTO claims (claim_id, hold_token, person_id, window_id, channel, stock_id, held_at,
                                       held_until, changed_by, changed_from)
                   VALUES ($1, $1, $2, $3, 'h5', $4, now(), now() + interval '1 hour', 'sql', 'sql')""",
                claim_id, person, world.window_ids[0], world.stock_id,
            )  # fmt: skip
            told[person] = claim_id
        # One claim more in the counter than there is; somebody was told of a hold that is not; `first` is not told.
        await connection.execute("UPDATE windows SET held = held + 1 WHERE window_id = $1", world.window_ids[0])
        del told[first]
        stranger, lost = uuid4(), uuid4()
        found = await audit_ledger(connection, world.session_id, told | {stranger: lost})
    finally:
        await transaction.rollback()
    # a window for one, its quota and its doses, each with two claims too many
    assert found == {"oversold": 3, "drifted": 1, "doubled": 1, "lost": 1, "held_untold": 1}
