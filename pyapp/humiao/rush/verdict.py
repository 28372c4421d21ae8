"""What came of a rush, and how it is shown."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

# What the audit looks for, as an SRE reads it; every one must be 0.
AUDITED = {
    "oversold": "超卖的时段 / windows oversold",
    "drifted": "计数与占号不符 / counters that drifted",
    "doubled": "一人多号 / people with two places",
    "lost": "已确认却丢失 / acknowledged, then lost",
    "held_untold": "占了号未告知 / held, never told",
    "cache_differs": "缓存与账本不符 / cache differs",
}


@dataclass
class Verdict:
    """Answers as residents got them, and violations as the audit found them."""

    expected: int = 0  # places there were in the end, or residents where they are fewer
    answers: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    violations: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def granted(self) -> int:
        """Residents told they hold a place."""
        return self.answers["granted"]

    @property
    def good(self) -> bool:
        """Exactly the places there were, and no violation."""
        return self.granted == self.expected and not any(self.violations.values())

    def percentile(self, share: float) -> float:
        """Latency in ms below which `share` of the final answers came."""
        ordered = sorted(self.latencies_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return {
            "good": self.good,
            "expected": self.expected,
            "answers": dict(self.answers),
            "violations": self.violations,
            "seconds": round(self.seconds, 2),
            "p50_ms": round(self.percentile(0.5), 1),
            "p99_ms": round(self.percentile(0.99), 1),
        }


def show(verdict: Verdict, *, residents: int, places: int, fault: str, console: Console) -> None:
    """Print a verdict: what residents were told, how long it took, what the audit found."""
    console.print(f"[bold]抢号演练[/] / rush：{residents} 人抢 {places} 个号，故障 / fault：{fault}", highlight=False)
    table = Table(show_header=False, min_width=56)
    table.add_column(ratio=1)
    table.add_column(justify="right")
    for code, count in verdict.answers.most_common():
        table.add_row(code, str(count))
    table.add_section()
    table.add_row("响应 / latency p50", f"{verdict.percentile(0.5):.0f} ms")
    table.add_row("响应 / latency p99", f"{verdict.percentile(0.99):.0f} ms")
    table.add_row("用时 / took", f"{verdict.seconds:.1f} s")
    table.add_section()
    for name, count in verdict.violations.items():
        table.add_row(AUDITED.get(name, name), f"[{'red' if count else 'green'}]{count}[/]")
    console.print(table)
    console.print(
        f"[green]通过 / passed[/]：{verdict.granted} 个号全部占到"
        if verdict.good
        else f"[red]不通过 / failed[/]：应占 {verdict.expected}，实占 {verdict.granted}"
    )
