"""`humiao fairness`: scripts against people at this terminal, and the exit code that a script can rely on."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from humiao.embedded.city import running_city
from humiao.rush.fair_run import Terms, rehearse_fairness
from humiao.rush.fairness import CHANCE, SHARE_OVER, Outcome, good
from humiao.settings import Settings

NAMES = {"plain": "直接放号 / plain opening", "room": "排队大厅 / waiting room", "draw": "摇号 / draw"}


def fairness_at_terminal(settings: Settings, console: Console, terms: Terms, json_file: Path | None = None) -> int:
    """Live through the three openings and show the outcomes: 0 fair and sound, 1 not."""
    city = running_city(settings.home) or {"url": f"http://127.0.0.1:{settings.http_port}"}
    outcomes = asyncio.run(
        rehearse_fairness(
            settings, city["url"], terms,
            on_opening=lambda opening: console.print(f"{NAMES[opening]} …", highlight=False),
        )
    )  # fmt: skip
    show(outcomes, terms, console)
    if json_file:
        json_file.write_text(json.dumps(told(outcomes, terms), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0 if good(outcomes) else 1


def told(outcomes: Sequence[Outcome], terms: Terms) -> dict[str, Any]:
    """The outcomes as plain values, with the terms they were played by."""
    return {"good": good(outcomes), "terms": asdict(terms), "openings": [outcome.as_json() for outcome in outcomes]}


def show(outcomes: Sequence[Outcome], terms: Terms, console: Console) -> None:
    """Print whose the places are, what was sent for them, and whether that is more than the scripts' share."""
    sizes = f"{terms.scripts} 个脚本 / scripts，{terms.humans} 人 / people，{terms.places} 个号 / places"
    table = Table(title=f"公平演练 / fairness：{sizes}")
    table.add_column("放号方式 / opening")
    columns = ("脚本 / scripts", "人 / people", "脚本占比 / share", "至多 / at most", "请求 / requests", "审计 / audit")
    for name in columns:
        table.add_column(name, justify="right")
    for outcome in outcomes:
        table.add_row(
            NAMES[outcome.opening], str(outcome.by_scripts), str(outcome.by_humans),
            f"[{'green' if outcome.fair else 'red'}]{outcome.share:.1%}[/]",
            "—" if outcome.allowed is None else str(outcome.allowed),
            f"{outcome.requests_by_scripts} : {outcome.requests_by_humans}",
            "[green]0[/]" if outcome.sound else f"[red]{sum(outcome.violations.values())}[/]",
        )  # fmt: skip
    console.print(table)
    console.print(
        f"至多 / at most：份额加 / share + {float(SHARE_OVER):.0%}，人少 / small crowds P < {float(CHANCE):.0e}；"
        f"思考时间 / thinking × {terms.think}；放行 / let in {terms.per_minute}/min",
        highlight=False,
    )
    for outcome in outcomes:
        if not outcome.sound:
            console.print(
                f"[red]{NAMES[outcome.opening]}：{outcome.by_scripts + outcome.by_humans} / {outcome.places}，"
                f"{outcome.violations}[/]",
                highlight=False,
            )
    console.print("[green]通过 / passed[/]" if good(outcomes) else "[red]不通过 / failed[/]")
