"""`humiao rush`: a rehearsal at this terminal, and the exit code that a script can rely on."""

import asyncio
import json
import os
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from humiao.embedded.city import running_city
from humiao.rush.faults import Fault
from humiao.rush.run import rehearse
from humiao.rush.verdict import show
from humiao.settings import Settings

STRUCK = {"valkey": "valkey", "api": "serve"}  # the process that a fault kills


def rush_at_terminal(
    settings: Settings,
    console: Console,
    bar: Progress,
    *,
    residents: int,
    places: int,
    fault: Fault,
    json_file: Path | None = None,
) -> int:
    """Rehearse and show the verdict: 0 passed, 1 a violation or places left, 2 not possible here."""
    city = running_city(settings.home) or {"url": f"http://127.0.0.1:{settings.http_port}", "pids": {}}
    if fault in STRUCK:
        try:
            os.kill(city["pids"][STRUCK[fault]], 0)
        except (KeyError, TypeError, OSError):
            console.print(
                "这种故障演练要求本机由您启动的城市 / this fault needs a city of `humiao up`, run by you",
                style="yellow",
            )
            return 2
    task = bar.add_task("rush", total=residents)
    verdict = asyncio.run(
        rehearse(
            settings, city, residents=residents, places=places, fault=fault,
            on_progress=lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
        )
    )  # fmt: skip
    bar.stop()
    show(verdict, residents=residents, places=places, fault=fault, console=console)
    if json_file:
        json_file.write_text(json.dumps(verdict.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    return 0 if verdict.good else 1
