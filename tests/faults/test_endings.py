"""How a city ends and what the next one finds: a launcher killed alone, files that lie, signals at any time."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from humiao.embedded.process import free_port
from tests.faults.city import NOBODY, RunningCity, city, eventually, python_for_others
from tests.faults.resident import PhoneResident

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that the servers' user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="humiao-endings-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def made(place: Path) -> Iterator[RunningCity]:
    """A city on a port of its own; each test starts and ends it."""
    with city(place / "home", port=free_port()) as found:
        yield found


def gone(home: RunningCity) -> bool:
    return not home.processes()


def test_interrupted_while_it_is_made_it_leaves_nothing_and_is_made_the_next_time(made: RunningCity) -> None:
    made.launch()
    eventually(lambda: len(made.processes()) > 1, "it has begun to start servers")
    assert made.interrupt() == 130
    assert made.processes() == set()
    made.start()
    assert made.interrupt() == 0


def test_a_killed_launcher_takes_all_along_and_the_next_keeps_port_and_data(made: RunningCity) -> None:
    made.start()
    resident = PhoneResident(made).log_in()
    kept = resident.book(resident.family()["self"], "IIV4")
    before = made.noted()
    with socket.create_connection(("127.0.0.1", before["port"])):  # somebody in the middle of a request
        made.kill_launcher()
        made.start()
    after = made.noted()
    assert [after[name] for name in ("port", "database_url", "redis_url")] == [
        before[name] for name in ("port", "database_url", "redis_url")
    ]
    assert not set(after["pids"].values()) & set(before["pids"].values())
    assert resident.reservation(kept["reservation_id"])["state"] == "confirmed"
    made.kill_launcher()
    eventually(lambda: gone(made), "what a killed launcher had started is gone by itself", patience_s=20)


def test_files_that_lie_do_not_confuse_it(made: RunningCity) -> None:
    home = made.home
    data = (home / "data" if (home / "data").is_dir() else home) / "postgres"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for name in ("postgres", "valkey", "gate", "serve", "worker"):
            (home / "run" / f"{name}.json").write_text(f'{{"pid": {os.getpid()}, "port": {port}}}')
        (home / "run" / "city.json").write_text('{"pid": 1, "url": "http://127.0.0.1:1", "pids"')
        # a lock that names a live process, and what a start that was cut off leaves
        (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n1\n{port}\n\n127.0.0.1\n1 1\nready\n")
        (data.parent / "postgres.draft").mkdir()
        (home / "keys.json.1.draft").write_text("{")
        made.start()
        assert f":{port}/" not in made.noted()["database_url"] + made.noted()["redis_url"]
    assert PhoneResident(made, "13900000031").log_in().family() == {}
    assert os.kill(os.getpid(), 0) is None, "the stranger that the lock named was left alone"


def test_asked_twice_it_ends_at_once_and_asked_politely_too(made: RunningCity) -> None:
    if gone(made):
        made.start()
    assert made.interrupt(signal.SIGINT, signal.SIGINT) == 0
    assert made.processes() == set()
    made.start()
    assert made.interrupt(signal.SIGTERM) == 0
    assert made.processes() == set()


def test_the_welcome_names_no_password_that_does_not_open(made: RunningCity) -> None:
    (made.home / "demo_staff.password").write_text("of-another-home")
    made.start()
    assert "of-another-home" not in made.output()
    assert re.search(r"demo-admin / 密码已改", made.output())
    assert httpx.get(f"{made.url}/readyz").status_code == 200
    assert made.interrupt() == 0


def test_the_command_that_the_welcome_names_finds_the_city(made: RunningCity) -> None:
    made.start()
    (command,) = re.findall(r"另开终端 more\s+(\S+) sms", made.output())
    at_home = os.environ | {"HUMIAO_HOME": str(made.home)}
    status = subprocess.run(
        [command, "status"], env=at_home, cwd=made.home.parent, capture_output=True, text=True, check=False
    )
    assert status.returncode == 0 and made.url in status.stdout
    assert made.interrupt() == 0


def test_a_home_of_somebody_else_is_refused_in_words(place: Path) -> None:
    shut = place / "shut"
    shut.mkdir(mode=0o555)
    user = NOBODY if os.geteuid() == 0 else None
    refused = RunningCity(shut / "home", user=user, python=python_for_others(place / "python"))
    refused.log = place / "shut.out"
    assert refused.launch().wait(30) == 1
    assert "belongs to another user" in refused.output() and "Traceback" not in refused.output()
