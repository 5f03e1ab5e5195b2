"""A worker that is killed: `python -m tests.flow.mortal_worker`, a real cluster whose processes SIGKILL themselves.

`DEATHS` in the environment names a point of mining for each session, by its id; each happens once, and leaves a file.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

QUEUE_NAME = "MORTAL_QUEUE"
QUEUE = os.environ.get(QUEUE_NAME) or f"mortal-{os.getpid()}"
"""A queue of its own, so that neither an immortal worker of other tests nor the mortal one of another test process,
which has the same database, takes its tasks."""
TIMEOUT_S, RETRY_S = 10, 12
"""Instead of minutes: how soon a task that died is handed out again."""
DEATHS, FOLDER = "MORTAL_DEATHS", "MORTAL_FOLDER"
POINTS = (
    "before_reading",
    "after_reading",
    "after_the_model",
    "after_embedding",
    "with_memories_written",
    "with_the_pointer_written",
    "after_the_commit",
    "before_the_acknowledgement",
)

_session = ""


def main() -> None:
    """Run the cluster until it is told to stop."""
    from ibex import settings

    settings.Q_CLUSTER |= {"cluster_name": QUEUE, "timeout": TIMEOUT_S, "retry": RETRY_S, "workers": 2}
    import django

    django.setup()
    from django.core.management import call_command

    _make_mortal()
    call_command("qcluster")


def _make_mortal() -> None:
    from agents.models import Session
    from memories import excerpts, tasks
    from memories.mining import work

    _kill(work, "next_batch", before="before_reading", after="after_reading")
    _kill(work, "_found", after="after_the_model")
    _kill(work, "before_write", after="after_embedding")
    _kill(excerpts, "keep", after="with_memories_written")
    _kill(Session, "save", after="with_the_pointer_written")
    _kill(work, "_tell", before="after_the_commit")
    mine = tasks.mine_session

    def mine_mortally(org_id: Any, session_id: Any) -> None:
        global _session  # noqa: PLW0603 - a worker has one task at a time
        _session = str(session_id)
        mine(org_id, session_id)
        _die_at("before_the_acknowledgement")

    tasks.mine_session = mine_mortally


def _kill(owner: Any, name: str, *, before: str = "", after: str = "") -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    def mortal(*arguments: Any, **options: Any) -> Any:
        _die_at(before)
        result = original(*arguments, **options)
        _die_at(after)
        return result

    setattr(owner, name, mortal)


def _die_at(point: str) -> None:
    if json.loads(os.environ[DEATHS]).get(_session) != point:
        return
    grave = Path(os.environ[FOLDER]) / _session
    if not grave.exists():
        grave.touch()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
