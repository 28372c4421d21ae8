"""`make fairness`: a city of its own, scripts against people in it; the outcomes as a table and as JSON."""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from humiao.cli.fairness import fairness_at_terminal
from humiao.rush.fair_run import Terms
from humiao.settings import Settings
from tests.faults.city import city


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--each", type=int, default=1000, help="scripts, and as many people")
    options.add_argument("--places", type=int, default=400)
    options.add_argument("--think", type=float, default=0.5)
    options.add_argument("--json-file", type=Path, required=True)
    chosen = options.parse_args()
    terms = Terms(chosen.each, chosen.each, chosen.places, max(1, chosen.places * 6 // 5), chosen.think)
    with tempfile.TemporaryDirectory(prefix="humiao-fairness-") as folder:
        Path(folder).chmod(0o755)  # the servers' user passes through
        with city(Path(folder) / "home") as running:
            running.start()
            noted = running.noted()
            settings = Settings(home=running.home, database_url=noted["database_url"], redis_url=noted["redis_url"])
            code = fairness_at_terminal(settings, Console(), terms, chosen.json_file)
    measured = {
        "command": "make fairness", "date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(),
        "machine": platform.machine(), "kernel": platform.release(), "python": platform.python_version(),
    }  # fmt: skip
    outcomes = json.loads(chosen.json_file.read_text(encoding="utf-8"))
    text = json.dumps(measured | outcomes, ensure_ascii=False, indent=1)
    chosen.json_file.write_text(text + "\n", encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
