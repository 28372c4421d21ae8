"""The gate against its peers under load, in alternating rounds: what the design promises, as ratios of one run."""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from bench.conftest import RESULTS, machine, server_versions
from bench.rush.measure import Measurement, measure
from bench.town import Town

AT_LEAST = {
    "refusals_to_nginx": (0.6, 0.8),
    "refusals_to_p1": (20, 35),
    "holds_to_p1": (6, 10),
    "holds_to_p2": (25, 50),
    "holds_to_p3": (10, 20),
    "windows_100_to_1": (0.8, 0.8),
    "goodput_at_5_times_to_peak": (0.8, 0.8),
}
AT_MOST = {"p99_ms_at_70_percent": 25, "p99_crowded_to_alone": 2, "kb_per_idle_connection": 20, "refusal_bytes": 200}


@pytest.fixture(scope="module")
def measured(loop: asyncio.AbstractEventLoop, town: Town, pytestconfig: pytest.Config) -> Iterator[Measurement]:
    """One run for all promises. What was measured is recorded whether it is kept or not."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def say(line: str) -> None:
        if reporter:
            reporter.write_line(line, flush=True)

    measurement = loop.run_until_complete(measure(say))
    if os.environ.get("HUMIAO_BENCH_RECORD") and not measurement.faults:
        versions = loop.run_until_complete(server_versions(town))
        promised: dict[str, Any] = {
            name: {"at_least": least, "stretch": more} for name, (least, more) in AT_LEAST.items()
        }
        promised |= {name: {"at_most": most} for name, most in AT_MOST.items()}
        written = {
            "command": "make bench",
            "machine": machine() | versions,
            "promised": promised,
        } | measurement.recorded()
        (RESULTS / "gate.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    yield measurement


def test_every_round_left_a_correct_store(measured: Measurement) -> None:
    assert measured.faults == []


@pytest.mark.parametrize("name", AT_LEAST)
def test_at_least(name: str, measured: Measurement) -> None:
    assert measured.ratios()[name] >= AT_LEAST[name][0]


@pytest.mark.parametrize("name", AT_MOST)
def test_at_most(name: str, measured: Measurement) -> None:
    assert measured.ratios()[name] <= AT_MOST[name]
