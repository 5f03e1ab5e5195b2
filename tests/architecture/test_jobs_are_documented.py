"""Whoever looks up what IBEX does by itself finds all of it."""

from __future__ import annotations

import re
from pathlib import Path

from ibex.core.jobs import all_jobs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "maintenance.md"


def test_the_page_about_maintenance_names_every_job_and_no_other() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| `\w+`[ |,]", line)]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(all_jobs())
