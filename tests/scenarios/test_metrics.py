"""What operators see is what the page says, names nobody, and is all that dashboard and alerts ask for."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from humiao.errors import PROBLEMS
from humiao.gate.run import METRICS_PAUSE_S
from humiao.main import create_app
from humiao.settings import Settings
from humiao.worker.run import PAUSES_S
from tests.faults.city import ROOT, RunningCity, eventually
from tests.faults.resident import PhoneResident

pytestmark = pytest.mark.slow
OPERATIONS = ROOT / "docs" / "operations"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([\w, ]*)\|", re.MULTILINE)
SERIES_MAX = 2500  # of one process; each costs a scrape
A_NUMBER_OF_SOMEBODY = re.compile(r"\d{5,}|[0-9a-f]{8}-?[0-9a-f]{4}")
BY_PROMETHEUS = {"le", "job", "instance"}


@dataclass
class Exported:
    """What the processes show: kind and labels of each metric, and each process's text."""

    kinds: dict[str, str] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    values: dict[str, set[str]] = field(default_factory=dict)  # of labels, by label
    series: dict[str, int] = field(default_factory=dict)  # by process

    def read(self, process: str, families: list[Metric]) -> None:
        for family in families:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            self.kinds[name] = family.type
            for sample in family.samples:
                self.labels.setdefault(name, set()).update(sample.labels.keys() - {"le"})
                for label, value in sample.labels.items():
                    self.values.setdefault(label, set()).add(value)
            self.series[process] = self.series.get(process, 0) + len(family.samples)


def scraped(address: str) -> list[Metric]:
    answer = httpx.get(f"http://{address}/metrics", headers={"Accept": "application/openmetrics-text"}, timeout=10)
    assert answer.status_code == 200
    return list(text_string_to_metric_families(answer.text))


def make_traffic(city: RunningCity) -> None:
    """Somebody logs in and books, a crowd rushes, and paths hold ids, phones and names."""
    resident = PhoneResident(city).log_in()
    resident.book(resident.family()["self"], "IIV4")
    api = f"{city.url}/api/v1"
    for path in (
        f"resident/reservations/{uuid4()}",
        "resident/people/13800000001",
        "public/clinics/王小明",
        "13900000002",
    ):
        assert 400 <= httpx.get(f"{api}/{path}", timeout=10).status_code < 500
    assert httpx.get(f"{city.url}/h5/", timeout=10).status_code in (200, 404)
    rush = subprocess.run(
        [sys.executable, "-m", "humiao.cli", "rush", "--residents", "60", "--places", "10"],
        env=os.environ | {"HUMIAO_HOME": str(city.home), "PYTHONPATH": str(ROOT / "pyapp")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert rush.returncode == 0, rush.stdout


@pytest.fixture(scope="module")
def exported(running: RunningCity) -> Iterator[Exported]:
    make_traffic(running)
    found = Exported()
    for process, address in running.noted()["admin"].items():
        found.read(process, scraped(address))
    yield found


def page() -> dict[str, tuple[str, set[str]]]:
    """The tables of the page: kind and labels of each metric."""
    text = (OPERATIONS / "metrics.md").read_text(encoding="utf-8")
    return {name: (kind, set(labels.replace(" ", "").split(",")) - {""}) for name, kind, labels in ROW.findall(text)}


def test_the_page_names_every_metric_and_no_other(exported: Exported) -> None:
    assert {name: kind for name, (kind, _) in page().items()} == exported.kinds


def test_the_page_tells_the_labels(exported: Exported) -> None:
    told = {name: labels for name, (_, labels) in page().items()}
    assert {name: told[name] for name in exported.labels} == exported.labels


def test_no_label_names_anybody_and_there_are_few_values(exported: Exported, running: RunningCity) -> None:
    words = {value for label, values in exported.values.items() if label != "le" for value in values}
    assert not [word for word in words if A_NUMBER_OF_SOMEBODY.search(word) or not word.isascii()]
    nowhere = {"database_url": "postgresql://nowhere", "redis_url": "redis://nowhere"}
    app = create_app(Settings(home=running.home).model_copy(update=nowhere))
    templates = set(app.openapi()["paths"]) | {"/healthz", "/readyz", "/", "/h5", "other"}
    gate_routes = {"hold", "hold_status", "room_place", "room_events", "availability", "alive", "hidden"}
    gate_routes |= {"nowhere", "passed"}
    assert exported.values["route"] <= templates | gate_routes
    assert exported.values["code"] <= PROBLEMS.keys() | {"bad_request", "upstream_away", "upstream_timeout"}
    assert exported.values["method"] <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    assert max(exported.series.values()) < SERIES_MAX, exported.series


def test_a_scrape_tells_what_happened(exported: Exported, running: RunningCity) -> None:
    """The rush of the traffic above, as metrics: ten holds at the gate, each at the cache and at the ledger."""

    def shown() -> dict[tuple[str, ...], float]:
        samples = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in scraped(running.noted()["admin"]["gate"])
            for sample in family.samples
        }
        return samples if samples["humiao_ledger_tries_total", "committed", "hold"] >= 1 else {}

    # The gate's listener tells at once, its ledger's side every METRICS_PAUSE_S.
    samples = eventually(shown, "the holds of the rush among the tries at the ledger", 5 * METRICS_PAUSE_S)
    held = samples["humiao_gate_requests_total", "2xx", "hold"]
    assert held >= 11
    assert samples["humiao_gate_stage_seconds_count", "ledger"] >= held
    assert samples["humiao_gate_cache_answers_total", "granted"] >= held
    assert samples["humiao_gate_cache_batch_size_sum",] >= held
    assert samples["humiao_gate_refusals_total", "window_full"] >= 50
    assert samples["humiao_gate_cache_up",] == 1


@pytest.mark.parametrize("process", ["gate", "serve"])
def test_residents_do_not_see_metrics(exported: Exported, running: RunningCity, process: str) -> None:
    if process == "gate":
        assert httpx.get(f"{running.url}/metrics").status_code == 404
        return
    transport = httpx.HTTPTransport(uds=str(running.home / "run" / "api.sock"))
    with httpx.Client(transport=transport, base_url="http://api") as api:
        assert api.get("/healthz").status_code == 200
        assert api.get("/metrics").status_code == 404


def dashboard_queries() -> list[str]:
    dashboard = json.loads((OPERATIONS / "grafana" / "humiao.json").read_text(encoding="utf-8"))
    assert {variable["name"] for variable in dashboard["templating"]["list"]} >= {"datasource"}
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels)
    return [target["expr"] for panel in panels for target in panel["targets"]]


def rules() -> list[dict[str, object]]:
    document = yaml.safe_load((OPERATIONS / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def asked_for(query: str) -> tuple[set[str], set[str]]:
    """The metrics and labels that a query names."""
    metrics = set(re.findall(r"\b(?:humiao|process)_\w+", query))
    labels = {label for names in re.findall(r"\bby \(([^)]*)\)", query) for label in re.findall(r"\w+", names)}
    labels |= {
        label for block in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)\s*(?:!=|!~|=~|=)", block)
    }
    return metrics, labels


def known(metric: str, exported: Exported) -> bool:
    parts = {name for name, kind in exported.kinds.items() if kind == "histogram"}
    return metric in exported.kinds.keys() - parts or re.sub(r"_(bucket|sum|count)$", "", metric) in parts


def unknown(query: str, exported: Exported) -> set[str]:
    """What a query names that no process exports."""
    metrics, labels = asked_for(query)
    bases = {re.sub(r"_(bucket|sum|count)$", "", metric) for metric in metrics} | metrics
    there = {label for name, (_, labels) in page().items() if name in bases for label in labels} | BY_PROMETHEUS
    return {metric for metric in metrics if not known(metric, exported)} | (labels - there)


def test_dashboard_and_alerts_ask_for_what_there_is(exported: Exported) -> None:
    queries = dashboard_queries() + [str(rule["expr"]) for rule in rules()]
    assert len(queries) > 40
    assert {query: wrong for query in queries if (wrong := unknown(query, exported))} == {}
    control = 'sum by (flavour) (rate(humiao_gate_sheds_total{reazon="x"}[1m]))'
    assert unknown(control, exported) == {"humiao_gate_sheds_total", "flavour", "reazon"}


def missed_after_s(loop: str) -> set[float]:
    """After how long the alert misses a loop of the worker; more than one: two of its terms speak of it."""
    (rule,) = [rule for rule in rules() if rule["alert"] == "HumiaoWorkerHangs"]
    terms = re.findall(r'\{loop(=|!~)"([\w|]+)"\}\) > (\d+)', str(rule["expr"]))
    assert len(terms) == str(rule["expr"]).count("last_run")
    return {float(bound_s) for how, loops, bound_s in terms if (loop in loops.split("|")) == (how == "=")}


@pytest.mark.parametrize(("loop", "pause_s"), PAUSES_S.items())
def test_a_loop_of_the_worker_is_missed_after_two_of_its_pauses_and_not_before(loop: str, pause_s: float) -> None:
    (bound_s,) = missed_after_s(loop)
    assert 2 * pause_s <= bound_s <= max(60, 3 * pause_s)


def test_every_metric_of_ours_is_on_the_dashboard(exported: Exported) -> None:
    shown = " ".join(dashboard_queries())
    assert {name for name in exported.kinds if name.startswith("humiao_") and name not in shown} == set()


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in anchors(ROOT / file)
    assert rule["labels"]["severity"] in {"page", "ticket"}
