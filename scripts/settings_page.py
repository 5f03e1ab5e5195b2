"""Write docs/reference/settings.md from `ibex.env`: `.venv/bin/python scripts/settings_page.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import SecretStr  # noqa: E402
from pydantic.fields import FieldInfo  # noqa: E402

from ibex.env import Env  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "settings.md"
HEAD = """# Settings

Every setting is an environment variable, read once when a process starts (`ibex/env.py` is the only reader).
This page is made by `scripts/settings_page.py`; a test compares the two.

| variable | default | what it does |
| --- | --- | --- |
"""


def variable(name: str, field: FieldInfo) -> str:
    """The variable's name as it is read first."""
    alias = field.validation_alias
    choices = getattr(alias, "choices", None)
    return str(choices[0]) if choices else f"IBEX_{name.upper()}"


def default(field: FieldInfo) -> str:
    """The default as a reader would type it."""
    value = None if field.default_factory else field.default  # one that depends on the machine is described in words
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        value = value.relative_to(ROOT) if value.is_relative_to(ROOT) else value
    return "" if value in {None, ""} else f"`{value}`"


def page() -> str:
    """The page's text."""
    rows = [f"| `{variable(n, f)}` | {default(f)} | {f.description} |" for n, f in Env.model_fields.items()]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
