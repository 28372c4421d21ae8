"""Renders docs/performance/README.md from bench/results (gate.json, instructions.json): text and numbers agree.

The words around the tables are in docs/performance/learned.md, which people write.
"""

import json
import statistics
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS, PAGE = ROOT / "bench" / "results", ROOT / "docs" / "performance" / "README.md"
PROMISES = {
    "refusals_to_nginx": "sold-out refusals, against nginx `return 200`",
    "refusals_to_p1": "sold-out refusals, against P1",
    "holds_to_p1": "committed holds, against P1 (not durable)",
    "holds_to_p2": "committed holds, one window, against P2",
    "holds_to_p3": "committed holds, one window, against P3",
    "windows_100_to_1": "committed holds, 100 windows against one",
    "p99_ms_at_70_percent": "p99 at 70 % of the peak (ms)",
    "goodput_at_5_times_to_peak": "granted at 5 × the peak offered, against the peak",
    "p99_crowded_to_alone": "p99 beside the crowd, against alone",
    "kb_per_idle_connection": "memory of an idle connection (kB)",
    "refusal_bytes": "body of a refusal (bytes)",
}
CONTENDERS = {
    "gate": "gate",
    "p1": "P1 FastAPI, redis-py, Lua script",
    "p2": "P2 FastAPI, asyncpg, `FOR UPDATE`",
    "p3": "P3 FastAPI, asyncpg, one statement",
    "nginx": "nginx `return 200`",
}
# Requests a second that nginx answered on one core, wrk on the other, on the machine for which the promises were set:
# tells how quick this one is, for the one promise that is a time. Nothing is judged by it.
NGINX_WHERE_PROMISED = 88_000
PACES = {
    "0.7": "0.7 × peak", "1": "1 × peak", "2": "2 × peak", "5": "5 × peak",
    "alone": "0.5 × peak, alone", "crowded": "0.5 × peak, beside the crowd",
}  # fmt: skip


def middle(rounds: list[dict[str, Any]], name: str) -> float:
    """The median of a figure over rounds."""
    return float(statistics.median(one[name] for one in rounds))


def peak_of(recorded: dict[str, Any], layout: str) -> str:
    """The peak where everybody is laid out so."""
    return f"{middle(recorded['peaks'][layout], 'answered_per_s'):,.0f}"


def called(name: str) -> str:
    """A contender and its windows, such as "gate 100"."""
    contender, _, windows = name.partition(" ")
    return (
        f"{CONTENDERS[contender]}, {windows} window{'s' if windows != '1' else ''}"
        if windows
        else CONTENDERS[contender]
    )


def promise_rows(recorded: dict[str, Any]) -> list[str]:
    rows = ["| promise | must | stretch | measured | |", "|---|---|---|---|---|"]
    for name, words in PROMISES.items():
        promised, value = recorded["promised"][name], recorded["ratios"][name]
        if "at_most" in promised:
            must, stretch, kept = f"≤ {promised['at_most']}", "", value <= promised["at_most"]
        else:
            must, stretch, kept = f"≥ {promised['at_least']}", f"{promised['stretch']}", value >= promised["at_least"]
        rows.append(f"| {words} | {must} | {stretch} | {value:.2f} | {'kept' if kept else 'not kept'} |")
    ratios = recorded["ratios"]
    nginx = middle(recorded["sold_out"]["nginx"], "answered_per_s")
    compared = {
        "the first, by processor time for an answer": f"{ratios['refusals_to_nginx_by_processor_time']:.2f}",
        f"p99 at 70 % (ms), times nginx's rate over the {NGINX_WHERE_PROMISED:,} of the machine it was promised for": (
            f"{ratios['p99_ms_at_70_percent'] * nginx / NGINX_WHERE_PROMISED:.1f}"
        ),
    }
    return [*rows, *(f"| for comparison: {what} | | | {value} | |" for what, value in compared.items())]


def closed_rows(rounds: dict[str, list[dict[str, Any]]], rate: str) -> list[str]:
    rows = [
        "| | a second | lowest to highest | p50 ms | p99 ms | µs of processor for an answer |",
        "|---|---|---|---|---|---|",
    ]
    for name, all_of in rounds.items():
        rates = [one[rate] for one in all_of]
        used = all_of[0]["cpu_us_per_answer"]
        cpu = " ".join(
            f"{who} {statistics.median(one['cpu_us_per_answer'][who] for one in all_of):.0f}" for who in used
        )
        rows.append(
            f"| {called(name)} | {statistics.median(rates):,.0f} | {min(rates):,} to {max(rates):,} "
            f"| {middle(all_of, 'p50_ms'):.1f} | {middle(all_of, 'p99_ms'):.1f} | {cpu} |"
        )
    return rows


def paced_rows(rounds: dict[str, list[dict[str, Any]]]) -> list[str]:
    rows = [
        "| offered | a second | granted a second | granted within a second of due | p50 ms | p99 ms | turned away |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, all_of in rounds.items():
        away = statistics.median(one["by_status"].get("503", 0) / max(one["due"], 1) for one in all_of)
        rows.append(
            f"| {PACES[name]} | {middle(all_of, 'rate'):,.0f} | {middle(all_of, 'granted_per_s'):,.0f} "
            f"| {middle(all_of, 'granted_within_a_second'):,.0f} | {middle(all_of, 'p50_ms'):.1f} "
            f"| {middle(all_of, 'p99_ms'):.1f} | {away:.0%} |"
        )
    return rows


def render(recorded: dict[str, Any], counted: dict[str, Any] | None, learned: str) -> str:
    """The page."""
    machine = " · ".join(f"{name} {value}" for name, value in recorded["machine"].items())
    parts = [
        "# The gate, measured",
        "",
        "Rendered by `bench/rush/report.py` from `bench/results/gate.json` and `learned.md`; not edited. Everybody",
        "is measured in alternating rounds of one run with the same requests, each contender on one core and the load",
        "on the other. Absolute figures belong to this machine; the ratios are what is promised.",
        "",
        f"`{recorded['command']}` — {machine}",
        "",
        *promise_rows(recorded),
        "",
        "## Committed holds",
        "",
        "After the first 4,096 of a round, 18 of 20 requests are a person's first, one repeats an earlier key, one is",
        "a second wish; the peers hardly get that far. After each round the store is audited: nothing oversold, nobody",
        "twice, as many claims as granted answers.",
        "",
        *closed_rows(recorded["holds"], "committed_per_s"),
        "",
        "## Sold-out refusals",
        "",
        *closed_rows(recorded["sold_out"], "answered_per_s"),
        "",
        "## At a fixed rate",
        "",
        "Times are from the moment at which a request was due, so waiting for a connection counts. The crowd is 10,000",
        "idle connections and 200 clients that send a head byte by byte. At 0.7 PostgreSQL has one core and all others",
        "have the other; at the peak, beyond it and beside the crowd everybody goes where there is room. Each share",
        "and multiple is of a peak measured just before in the same way, in the middle "
        f"{peak_of(recorded, 'apart')} and {peak_of(recorded, 'spread')} a second.",
        "",
        *paced_rows(recorded["paced"]),
    ]
    if counted:
        parts += [
            "",
            "## Instructions",
            "",
            "One answer in the thread that serves connections, HTTP included, counted by callgrind",
            f"({counted['compiler']}).",
            "valgrind knows no SHA instructions, so tokens cost more here than on a processor that has them.",
            "",
            "| | instructions |",
            "|---|---|",
            *(f"| {name} | {count:,} |" for name, count in counted["instructions"].items()),
        ]
    return "\n".join(parts) + "\n\n" + learned


def main() -> None:
    """Write the page."""
    recorded = json.loads((RESULTS / "gate.json").read_text(encoding="utf-8"))
    counts = RESULTS / "instructions.json"
    counted = json.loads(counts.read_text(encoding="utf-8")) if counts.exists() else None
    learned = PAGE.with_name("learned.md").read_text(encoding="utf-8")
    PAGE.write_text(render(recorded, counted, learned), encoding="utf-8")


if __name__ == "__main__":
    main()
