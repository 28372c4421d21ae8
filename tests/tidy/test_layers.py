"""Who may import whom. Edges know the core, the core does not know the edges."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pyapp" / "humiao"
DOMAINS = {
    "antiabuse",
    "auth",
    "backoffice",
    "booking",
    "certificates",
    "clinics",
    "eligibility",
    "immunizations",
    "limits",
    "lottery",
    "messaging",
    "reminders",
    "residents",
    "rooms",
    "scheduling",
    "schoolcheck",
    "vaccines",
    "visits",
    "waitlist",
}
EDGES = {"main", "api", "cli", "embedded", "worker", "demo", "rush"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Names of modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def parts_of_humiao(path: Path) -> set[str]:
    """The first part below humiao of everything a file imports from the package."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("humiao.")}


def home(path: Path) -> str:
    """The first part below humiao of the file itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inwards(path: Path) -> None:
    mine, theirs = home(path), parts_of_humiao(path)
    if mine == "kit":
        assert theirs <= {"kit", "errors", "settings"}, "the kit serves every domain and knows none"
    if mine in DOMAINS:
        assert not theirs & EDGES, "a domain does not know who calls it"
    if mine != "main":
        wired = {"cli", "gate", "worker", "embedded"}
        assert "main" not in theirs or mine in wired, "wiring happens at the composition root"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "router.py"], ids=home)
def test_a_router_declares_and_calls(path: Path) -> None:
    assert not {"asyncpg", "redis", "humiao.kit.sql", "humiao._core"} & imported(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_settings_read_the_environment(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert home(path) in {"settings", "embedded"} or ("os.environ" not in text and "getenv" not in text)
