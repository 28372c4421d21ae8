"""Following files that others append to, and telling which log lines a person at the terminal should see."""

import json
import re
from pathlib import Path
from typing import Any

LEVELS_SHOWN = {"warning", "error", "critical"}
# Refused statements (ERROR) are everyday guards at work; what concerns the server itself is not.
POSTGRES_LOUD = re.compile(r"\b(WARNING|FATAL|PANIC):\s+(.*)")
VALKEY_LOUD = re.compile(r"^\d+:[A-Z] .* # (?!WARNING Memory overcommit)(.*)")
PLAIN_LOUD = re.compile(r"^(WARNING|ERROR|CRITICAL):?\s+(.*)|^(Traceback \(most recent call last\))|^(\w+Error\b.*)")
TEXT_MAX = 300


class Tail:
    """The lines appended to a file from now on; follows a file that is replaced or appears later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = path.stat().st_size if path.exists() else 0

    def lines(self) -> list[str]:
        """Complete lines that came since the last call."""
        try:
            size = self._path.stat().st_size
            if size < self._seen:
                self._seen = 0
            if size == self._seen:
                return []
            with self._path.open("rb") as file:
                file.seek(self._seen)
                fresh = file.read(size - self._seen)
        except OSError:
            return []
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._seen += len(whole)
        return whole.decode(errors="replace").splitlines()


def worth_showing(source: str, line: str) -> str | None:
    """The text to show for a log line of a process, or None for what needs nobody's attention."""
    if source == "postgres":
        found = POSTGRES_LOUD.search(line)
        return f"{found[1]}: {found[2]}"[:TEXT_MAX] if found else None
    if source == "valkey":
        found = VALKEY_LOUD.match(line)
        return found[1][:TEXT_MAX] if found else None
    if line.startswith("{"):
        return _structured(line)
    return line[:TEXT_MAX] if PLAIN_LOUD.match(line) else None


def _structured(line: str) -> str | None:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if entry.get("level") not in LEVELS_SHOWN:
        return None
    rest = [f"{key}={value}" for key, value in entry.items() if key not in {"level", "event", "timestamp", "exception"}]
    return " ".join([str(entry.get("event")), *rest])[:TEXT_MAX]
