"""`humiao up`: cold, warm, killed in parts and whole, interrupted, twice, as an ordinary user. Real processes."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.city import NOBODY, RunningCity, city, eventually, python_for_others
from tests.faults.resident import PhoneResident

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that the servers' user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="humiao-faults-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[RunningCity]:
    with city(place / "home") as found:
        yield found.start()


@pytest.fixture(scope="module")
def resident(running: RunningCity) -> PhoneResident:
    return PhoneResident(running).log_in()


def test_the_welcome_is_true(running: RunningCity, resident: PhoneResident) -> None:
    shown = running.output()
    (password,) = re.findall(r"demo-admin / (\S+)", shown)
    for page in re.findall(r"http://127\.0\.0\.1:\d+/[a-z0-9]*/?", shown):
        assert httpx.get(page, follow_redirects=True).status_code == 200, page
    login = httpx.post(f"{running.url}/api/v1/auth/staff/login", json={"username": "demo-admin", "password": password})
    assert login.status_code == 200 and login.json()["staff"]["role"] == "city_admin"
    assert set(resident.family()) == {"self", "child", "grandparent"}


def test_whatever_is_killed_comes_back_and_nothing_booked_is_lost(
    running: RunningCity, resident: PhoneResident
) -> None:
    family = resident.family()
    kept = resident.book(family["self"], "IIV4")
    port, pids = running.noted()["port"], running.noted()["pids"]
    assert set(pids) == {"postgres", "valkey", "gate", "serve", "worker"}
    for number, part in enumerate(pids):
        killed = running.kill(part)
        eventually(
            lambda part=part, killed=killed: running.noted()["pids"][part] not in (None, killed), f"{part} is back"
        )
        eventually(running.ready, f"the city is ready after {part} was killed")
        assert running.noted()["port"] == port
        assert resident.reservation(kept["reservation_id"])["state"] == "confirmed", part
        # Booking needs all of them: the ledger, the cache, the API, and the worker for the code of a login.
        assert PhoneResident(running, f"1390000010{number}").log_in().family() == {}
        cancelled = resident.book(family["grandparent"], "PPV23")
        resident.cancel(cancelled["reservation_id"])


def test_a_second_launcher_of_the_same_home_says_so_and_leaves_it_alone(running: RunningCity) -> None:
    second = RunningCity(running.home)
    second.log = running.home.with_suffix(".second")
    assert second.launch().wait(30) == 1
    assert "already running" in second.output()
    assert running.ready()


def test_killed_whole_it_recovers_and_interrupted_it_leaves_nothing(
    running: RunningCity, resident: PhoneResident, place: Path
) -> None:
    kept = resident.book(resident.family()["child"], "PCV13")
    (password,) = re.findall(r"demo-admin / (\S+)", running.output())

    running.kill_everything()
    eventually(lambda: not running.processes(), "nothing is left of it")
    began = time.monotonic()
    running.start()
    print(f"warm start after kill -9 of everything: {time.monotonic() - began:.1f} s")
    assert resident.reservation(kept["reservation_id"])["state"] == "confirmed"
    assert len(resident.family()) == 3
    assert PhoneResident(running, "13900000020").log_in().family() == {}
    assert re.findall(r"demo-admin / (\S+)", running.output()) == [password], "made once, kept"

    port = running.noted()["port"]
    assert running.interrupt() == 0
    assert running.processes() == set()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/healthz")

    began = time.monotonic()
    running.start()
    print(f"warm start: {time.monotonic() - began:.1f} s")
    assert resident.reservation(kept["reservation_id"])["state"] == "confirmed"
    assert running.interrupt() == 0


def test_it_serves_an_ordinary_user(place: Path) -> None:
    """As root, another user runs it; an ordinary user runs it anyway."""
    mine = place / "ordinary"
    mine.mkdir(mode=0o700)
    user = None
    if os.geteuid() == 0:
        user = NOBODY
        os.chown(mine, NOBODY, NOBODY)
    with city(mine / "home", user=user, python=python_for_others(place / "python")) as found:
        found.start()
        assert found.processes()
        for pid in found.processes():
            assert Path(f"/proc/{pid}").stat().st_uid == (user if user is not None else os.geteuid())
        resident = PhoneResident(found).log_in()
        assert resident.book(resident.family()["self"], "IIV4")["state"] == "confirmed"
        assert found.interrupt() == 0
        assert found.processes() == set()
