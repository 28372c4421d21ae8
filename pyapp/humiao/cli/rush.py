"""`humiao rush`: a rehearsal at this terminal, and the exit code that a script can rely on."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import Progress

from humiao.embedded.city import running_city
from humiao.rush.faults import FAULTS, STRUCK, Fault, Striker
from humiao.rush.run import rehearse
from humiao.rush.verdict import show
from humiao.settings import Settings


def rush_at_terminal(
    settings: Settings,
    console: Console,
    bar: Progress,
    *,
    residents: int,
    places: int,
    choice: Fault | Literal["none", "all"],
    json_file: Path | None = None,
) -> int:
    """Rehearse and show the verdict: 0 passed, 1 a violation or places left, 2 not possible here."""
    faults = FAULTS if choice == "all" else [fault for fault in FAULTS if fault == choice]
    city = running_city(settings.home) or {"url": f"http://127.0.0.1:{settings.http_port}", "pids": {}}
    if not all(_may_kill(city, fault) for fault in faults):
        console.print(
            "这种故障演练要求本机由您启动的城市 / this fault needs a city of `humiao up`, run by you", style="yellow"
        )
        return 2
    task = bar.add_task("rush", total=residents)
    verdict = asyncio.run(
        rehearse(
            settings, city["url"], residents=residents, places=places, faults=faults, strike=Striker(settings).strike,
            on_progress=lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
        )
    )  # fmt: skip
    bar.stop()
    show(verdict, residents=residents, places=places, fault=choice, console=console)
    if json_file:
        json_file.write_text(json.dumps(verdict.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    return 0 if verdict.good else 1


def _may_kill(city: dict[str, Any], fault: Fault) -> bool:
    """Whether the process that a fault strikes runs here and is ours."""
    if fault not in STRUCK:
        return True
    try:
        os.kill(city["pids"][STRUCK[fault]], 0)
    except (KeyError, TypeError, OSError):
        return False
    return True
