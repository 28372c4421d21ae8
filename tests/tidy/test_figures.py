"""Figures that a page tells are those of the record that it names."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_told_of_fairness_was_measured() -> None:
    page = " ".join((ROOT / "docs" / "operations" / "faults.md").read_text(encoding="utf-8").split())
    told = re.search(
        r"scripts had (\d+) % of the places in the plain opening, (\d+) % in the room, (\d+) % by the draw,"
        r" with ([\d,]+) requests against ([\d,]+) in the room",
        page,
    )
    assert told
    recorded = json.loads((ROOT / "bench" / "results" / "fairness.json").read_text(encoding="utf-8"))
    openings = {opening["opening"]: opening for opening in recorded["openings"]}
    shares = [f"{openings[name]['share_of_scripts'] * 100:.0f}" for name in ("plain", "room", "draw")]
    requests = [f"{openings['room'][f'requests_by_{who}']:,}" for who in ("scripts", "humans")]
    assert [*told.groups()] == shares + requests
