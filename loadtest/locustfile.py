"""Entry of the load test: `make loadtest`, or locust -f loadtest/locustfile.py with the city running.

The stage is set before the first user and audited after the last; a violation fails the run whatever its speed was.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from locust import events

from loadtest import config, shared
from loadtest.scenarios.browse import BrowsingResident
from loadtest.scenarios.opening_rush import RushingResident

__all__ = ["BrowsingResident", "RushingResident"]
FILE = Path(tempfile.gettempdir()) / "humiao-loadtest.json"


def _stage(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest.stage", *arguments], capture_output=True, text=True, check=False
    )


@events.init.add_listener
def set_stage(environment: Any, **_: Any) -> None:
    """Make the residents and their goal, and point the users at the city."""
    prepared = _stage("prepare", str(FILE), str(config.RESIDENTS), str(config.PLACES))
    if prepared.returncode != 0:
        sys.exit(prepared.stderr)
    shared.stage.update(json.loads(FILE.read_text(encoding="utf-8")))
    shared.waiting.extend((person, shown) for person, shown in shared.stage.pop("residents"))
    environment.host = environment.host or shared.stage["url"]


@events.quitting.add_listener
def audit(environment: Any, **_: Any) -> None:
    """Fail the run on any violation."""
    FILE.write_text(json.dumps({"goal": shared.stage["goal"], "told": shared.told}), encoding="utf-8")
    found = _stage("audit", str(FILE))
    FILE.unlink()
    print(f"granted {len(shared.told)} of {config.PLACES}; audit: {found.stdout.strip() or found.stderr.strip()}")
    if found.returncode != 0:
        environment.process_exit_code = 1
