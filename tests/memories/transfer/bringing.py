"""Files for tests, brought as the product brings them, and read by a worker that is called by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from agents.models import Agent
from ibex.core.tenancy import scope
from memories.models import ImportItem, ImportRun
from memories.models.imports import ImportKind
from memories.transfer import runs
from memories.transfer.intake import Wanted, receive
from memories.transfer.undo import run_undo
from memories.transfer.work import run_import

ACTOR = "operator:00000000-0000-7000-8000-000000000001"


def bring(agent: Agent, file: str | bytes, kind: str = ImportKind.MEMORIES, **fields: Any) -> ImportRun:
    """An import that waits for a worker."""
    data = file.encode() if isinstance(file, str) else file
    wanted = Wanted(org_id=agent.org_id, agent_id=agent.pk, kind=ImportKind(kind), actor=ACTOR, **fields)
    return receive(wanted, io.BytesIO(data))


def imported(agent: Agent, file: str | bytes, kind: str = ImportKind.MEMORIES, **fields: Any) -> ImportRun:
    """An import that a worker has read to its end."""
    run = bring(agent, file, kind, **fields)
    run_import(str(run.org_id), str(run.pk))
    return fresh(run)


def undone(run: ImportRun) -> ImportRun:
    """The import, taken back."""
    with scope(run.org_id):
        runs.undo(run, actor=ACTOR)
    run_undo(str(run.org_id), str(run.pk))
    return fresh(run)


def fresh(run: ImportRun) -> ImportRun:
    """The row as it is now."""
    with scope(run.org_id):
        return ImportRun.objects.get(pk=run.pk)


def items_of(run: ImportRun) -> list[ImportItem]:
    """What came of each record, in the file's order."""
    with scope(run.org_id):
        return list(ImportItem.objects.filter(run=run).order_by("line"))


def results_of(run: ImportRun) -> list[str]:
    """The same, in one word each."""
    return [str(item.result) for item in items_of(run)]


def ndjson(*rows: Any) -> str:
    """One JSON value a line."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def texts(*contents: str) -> str:
    """Memories of these texts, as NDJSON."""
    return ndjson(*({"content": content} for content in contents))


def chatgpt(said: Sequence[tuple[str, str]], name: str = "c-1", at: float = 1_767_225_600) -> dict[str, Any]:
    """A conversation as ChatGPT exports it: role and text of each message, in its order."""
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["n0"]}}
    for number, (role, text) in enumerate(said):
        mapping[f"n{number}"] = {
            "id": f"n{number}",
            "message": {
                "author": {"role": role},
                "create_time": at + number,
                "content": {"content_type": "text", "parts": [text]},
                "metadata": {},
                "recipient": "all",
            },
            "parent": f"n{number - 1}" if number else "root",
            "children": [f"n{number + 1}"] if number + 1 < len(said) else [],
        }
    return {
        "title": "A talk",
        "create_time": at,
        "conversation_id": name,
        "mapping": mapping,
        "current_node": f"n{len(said) - 1}",
    }
