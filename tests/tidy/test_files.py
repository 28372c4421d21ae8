"""What is in the tree: nothing of one machine, no registry's address, no file that tells too many stories."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 500
GENERATED = ("openapi.json", "schema.d.ts", ".lock", "package-lock.json", "dev.txt", "run.txt")
OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/")
REGISTRY = re.compile(r"pypi\.org|files\.pythonhosted|registry\.npmjs|static\.crates\.io|index\.crates\.io")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("pattern", [OF_A_MACHINE, REGISTRY], ids=["machine", "registry"])
def test_nothing_of_one_machine_and_no_registry(pattern: re.Pattern[str]) -> None:
    found = {
        str(path.relative_to(ROOT)) for path in tracked() if path != Path(__file__) and pattern.search(text_of(path))
    }
    assert not found


def test_no_file_is_longer_than_a_reader_bears() -> None:
    code = {".py", ".rs", ".sql", ".ts", ".vue", ".lua", ".sh"}
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked()
        if path.suffix in code
        and not path.name.endswith(GENERATED)
        and (count := text_of(path).count("\n")) > LINES_MAX
    }
    assert not long
