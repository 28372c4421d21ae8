"""The README's first booking, run as it stands against a city that was just started."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.city import ROOT, RunningCity, city

pytestmark = pytest.mark.slow
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=[True, False], ids=["with the gate", "without the gate"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCity]:
    with city(tmp_path_factory.mktemp("readme") / "home", gate=request.param) as found:
        yield found.start()


def first_booking(running: RunningCity) -> str:
    """The block of the README, with this run's port and this environment's `humiao`."""
    (block,) = re.findall(r"## First booking.*?```sh\n(.*?)```", README, re.S)
    assert "http://127.0.0.1:8000" in block and ".venv/bin/humiao" in block
    command = Path(sys.executable).parent / "humiao"
    return block.replace("http://127.0.0.1:8000", running.url).replace(".venv/bin/humiao", str(command))


def test_the_first_booking_is_made_by_the_readmes_lines(running: RunningCity) -> None:
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", first_booking(running)],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HUMIAO_HOME": str(running.home)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    answers = [json.loads(line) for line in told.stdout.replace("}{", "}\n{").splitlines()]
    assert answers[-1]["state"] == "confirmed"
    assert answers[-1]["person"]["name_masked"] == "*佳怡"


def test_the_gate_is_there_unless_it_is_left_out(running: RunningCity, request: pytest.FixtureRequest) -> None:
    """One port in either case; with the gate, the API has none and is found by its socket."""
    gate = request.node.callspec.params["running"]
    assert ("gate" in running.noted()["pids"]) is gate
    assert (running.home / "run" / "api.sock").exists() is gate
    assert httpx.get(f"{running.url}/h5/", follow_redirects=True).status_code == 200


def test_the_readme_names_what_is_there() -> None:
    for target in set(re.findall(r"^make ([a-z-]+)", README, re.M)):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), target
    for folder in set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*)/`", README)):
        assert (ROOT / folder).is_dir(), folder
