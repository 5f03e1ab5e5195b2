"""The habits of the house, measured on the tree itself."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.utils.module_loading import import_string

from ibex.env import Env

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ibex", "agents", "memories", "context", "proxy")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 80
MAX_P95_LINES = 45
REFUSED_NAMES = {"utils", "helpers", "common", "manager", "engine", "util", "misc"}


def python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [ROOT / name for name in listed if "migrations" not in name and (ROOT / name).exists()]


def function_lengths() -> dict[str, int]:
    lengths = {}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                end = node.end_lineno or node.lineno
                lengths[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = end - node.lineno + 1
    return lengths


def test_no_file_is_longer_than_a_sitting():
    long = {
        str(p.relative_to(ROOT)): n for p in python_files() if (n := len(p.read_text().splitlines())) > MAX_FILE_LINES
    }
    assert not long


def test_no_function_needs_scrolling():
    lengths = function_lengths()
    assert not {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES}
    assert statistics.quantiles(lengths.values(), n=20)[-1] <= MAX_P95_LINES


def test_no_module_has_a_name_that_says_nothing():
    assert not [p for p in python_files() if p.stem in REFUSED_NAMES]


def test_every_file_postpones_its_annotations():
    missing = [
        str(p.relative_to(ROOT))
        for p in python_files()
        if p.read_text().strip() and "from __future__ import annotations" not in p.read_text()
    ]
    assert not missing


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Catches everything and lets nothing go on."""
    name = getattr(handler.type, "id", None)
    raises_again = any(isinstance(line, ast.Raise) and line.exc is None for line in handler.body)
    return (handler.type is None or name in {"Exception", "BaseException"}) and not raises_again


def test_a_broad_except_gives_its_reason():
    unexplained = []
    for path in python_files():
        if "tests" in path.parts:
            continue
        text = path.read_text()
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            silent = isinstance(node, ast.ExceptHandler) and is_broad(node)
            if silent and not re.search(r"noqa: BLE001 - \w", lines[node.lineno - 1]):
                unexplained.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not unexplained


def test_only_env_reads_the_environment():
    allowed = {"ibex/env.py", "ibex/asgi.py", "ibex/server.py", "manage.py"}
    readers = {
        str(p.relative_to(ROOT))
        for p in python_files()
        if p.relative_to(ROOT).parts[0] in {*PACKAGES, "manage.py"}
        and re.search(r"os\.(environ|getenv)", p.read_text())
    }
    children_need_it = {name for name in readers if name.startswith("ibex/embedded/")}
    assert readers - allowed - children_need_it == set()


def test_every_setting_is_documented_with_its_default():
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name, field in Env.model_fields.items():
        alias = field.validation_alias
        variable = str(alias.choices[0]) if alias is not None else f"IBEX_{name.upper()}"
        assert f"`{variable}`" in page, f"{variable} is missing in docs/reference/settings.md"
        assert (field.description or "") in page, f"{variable} is described differently in docs/reference/settings.md"


@pytest.mark.parametrize("name", settings.MIDDLEWARE)
def test_middleware_is_async_capable(name: str):
    middleware = import_string(name)
    assert middleware.async_capable

    async def view(_request):
        return None

    assert iscoroutinefunction(middleware(view))
