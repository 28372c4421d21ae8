"""The typed stub of the extension says what the binary does."""

import ast
import os
import subprocess
import sys
from pathlib import Path

from humiao import _core

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "pyapp" / "humiao" / "_core.pyi"


def test_the_stub_equals_the_binary() -> None:
    """Every name, parameter and default, in both directions."""
    environment = os.environ | {"MYPYPATH": str(ROOT / "pyapp"), "PYTHONPATH": str(ROOT / "pyapp")}
    check = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "humiao._core", "--mypy-config-file", "pyproject.toml"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_public_class_and_function_of_the_stub_is_explained() -> None:
    missing = [
        node.name
        for node in ast.walk(ast.parse(STUB.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.decorator_list
        and ast.get_docstring(node) is None
    ]
    assert missing == []


def test_the_binary_was_built_from_this_version() -> None:
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{_core.__version__}"\n' in manifest
