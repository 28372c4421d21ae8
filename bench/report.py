"""Renders bench/results/README.md from the recorded figures, so that text and numbers agree: python -m bench.report"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def cell(value: Any) -> str:
    """A figure as people read it."""
    if isinstance(value, list):
        return " ".join(f"{item}" for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def render(recorded: dict[str, Any]) -> str:
    """The page: the machine, the command, then a table for each measurement."""
    machine = " · ".join(f"{name} {value}" for name, value in recorded["machine"].items())
    parts = [
        "# Measured",
        "",
        "Rendered by `bench/report.py` from `foundation.json`; not edited. Rounds of a pair alternate, rates are those",
        "of the median round. Absolute figures belong to this machine; the ratio is what is promised.",
        "",
        f"`{recorded['command']}` — {machine}",
    ]
    for name, figures in recorded["figures"].items():
        parts += ["", f"## {name}", "", "| | |", "|---|---|"]
        parts += [f"| {label.replace('_', ' ')} | {cell(value)} |" for label, value in figures.items()]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    (RESULTS / "README.md").write_text(
        render(json.loads((RESULTS / "foundation.json").read_text(encoding="utf-8"))), encoding="utf-8"
    )
