"""What came of a rush, and how it is shown."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from humiao.errors import PROBLEMS

# What the audit looks for, as an SRE reads it; every one must be 0.
AUDITED = {
    "oversold": "超卖的时段、号源或疫苗 / oversold",
    "drifted": "计数与占号不符 / counters that drifted",
    "doubled": "一人多号 / people with two places",
    "lost": "已告知却丢失 / told, then lost",
    "held_untold": "占了号未告知 / held, never told",
    "cache_differs": "缓存与账本不符 / cache differs",
}
OWN_WORDS = {"granted": "占到 / granted", "gave_up": "等不到答复 / gave up"}


@dataclass
class Verdict:
    """Answers as residents got them, and violations as the audit found them."""

    expected: int = 0  # places there were in the end, or residents where they are fewer
    answers: Counter[str] = field(default_factory=Counter)  # final ones, by code
    asked_again: int = 0  # times that somebody had to ask once more: busy, unknown, connection lost
    answers_ms: list[float] = field(default_factory=list)  # of every answer of the API
    waits_ms: list[float] = field(default_factory=list)  # of every resident, until the final answer
    struck: Counter[str] = field(default_factory=Counter)  # faults that happened, by kind
    violations: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def granted(self) -> int:
        """Residents told they hold a place."""
        return self.answers["granted"]

    @property
    def good(self) -> bool:
        """Exactly the places there were, everything audited, and no violation."""
        audited = self.violations.keys() >= AUDITED.keys()
        return self.granted == self.expected and audited and not any(self.violations.values())

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return {
            "good": self.good,
            "expected": self.expected,
            "answers": dict(self.answers),
            "asked_again": self.asked_again,
            "struck": dict(self.struck),
            "violations": self.violations,
            "seconds": round(self.seconds, 2),
            "answer_p50_ms": round(percentile(self.answers_ms, 0.5), 1),
            "answer_p99_ms": round(percentile(self.answers_ms, 0.99), 1),
            "wait_p50_ms": round(percentile(self.waits_ms, 0.5), 1),
            "wait_p99_ms": round(percentile(self.waits_ms, 0.99), 1),
        }


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie; 0 where there are none."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def in_words(code: str) -> str:
    """A code with what residents are told by it."""
    if code in OWN_WORDS:
        return OWN_WORDS[code]
    return f"{PROBLEMS[code].title} / {code}" if code in PROBLEMS else code


def show(verdict: Verdict, *, residents: int, places: int, fault: str, console: Console) -> None:
    """Print a verdict: what residents were told, how long it took, what the audit found."""
    table = Table(show_header=False, title=f"抢号演练 / rush：{residents} 人，{places} 个号，故障 / fault：{fault}")
    table.add_column(min_width=44)
    table.add_column(justify="right", min_width=18)
    for code, count in verdict.answers.most_common():
        table.add_row(in_words(code), str(count))
    table.add_row("再问的次数 / asked again", str(verdict.asked_again))
    table.add_section()
    timed = {"接口答复 / answer of the API": verdict.answers_ms, "居民等待，含排队和重试 / wait": verdict.waits_ms}
    for what, values in timed.items():
        table.add_row(f"{what} p50 · p99", f"{percentile(values, 0.5):.0f} · {percentile(values, 0.99):.0f} ms")
    table.add_row("用时 / took", f"{verdict.seconds:.1f} s")
    table.add_section()
    for name, count in verdict.violations.items():
        table.add_row(AUDITED.get(name, name), f"[{'red' if count else 'green'}]{count}[/]")
    console.print(table)
    console.print(
        f"[green]通过 / passed[/]：{verdict.granted} 个号全部占到，审计无违规 / all places taken, no violation"
        if verdict.good
        else f"[red]不通过 / failed[/]：应占 / expected {verdict.expected}，实占 / granted {verdict.granted}，"
        f"违规 / violations {sum(verdict.violations.values())}",
        highlight=False,
    )
