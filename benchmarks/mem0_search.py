"""mem0's search over pgvector, as a process of its own in a virtual environment of its own.

It stores and searches what we give it without any model (`infer=False` has no say when rows are put into its own vector
store directly), with the same vectors and the same PostgreSQL: what is timed is its own work from a question to rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEM0 = ("mem0ai==2.2.1", "psycopg[binary,pool]==3.3.9")
MEM0_HOME = ROOT / ".cache" / "mem0"


def mem0_search(admin_url: str, questions: Sequence[tuple[str, Any]], rows: int) -> dict[str, float]:
    """Percentiles in ms of mem0's `search()` of 20 over `rows` memories of the benchmark's pool."""
    python = MEM0_HOME / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(MEM0_HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *MEM0], check=True)
    asked = {"url": admin_url, "rows": rows, "questions": [[text, vector.tolist()] for text, vector in questions]}
    script = Path(__file__).with_name("mem0_process.py")
    done = subprocess.run(
        [str(python), str(script)], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"mem0 broke: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures
