"""Kills itself: `python -m tests.agents.archives.mortal POINT ORGANIZATION SESSION`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

WRITING = ("claimed", "drafted", "half written", "not in its place", "written", "row written", "done")
STRIPPING = ("read back", "stripped", "all stripped")
REMOVING = ("removed",)
SECONDS = 60


def main(point: str, organization: str, session: str) -> None:
    import django

    django.setup()
    from agents.archives import claim, removal, stripping, writing
    from agents.models import Session
    from context.tasks import archive_session
    from ibex.core import storage
    from ibex.core.jobs import Place

    def at(owner: Any, name: str, before: str = "", after: str = "") -> None:
        if point in (before, after):
            setattr(owner, name, _mortal(getattr(owner, name), dies_before=point == before))

    at(claim, "take", after="claimed")
    at(writing, "_draft", after="drafted")
    at(os, "fsync", before="half written")
    at(Path, "replace", before="not in its place")
    at(storage, "put", after="written")
    at(claim, "_let_go", after="row written")
    at(claim, "wrote", after="done")
    at(stripping, "_read_back", after="read back")
    at(stripping, "_let_go", after="stripped")
    at(Session, "save", after="all stripped")
    at(storage, "remove", after="removed")
    place = Place(org_id=UUID(organization))
    if point in WRITING:
        archive_session(organization, session)
    else:
        job = stripping.strip_turns if point in STRIPPING else removal.erase_archives
        for step in job(place):
            if step.place and step.place.org_id != place.org_id:
                break


def _mortal(original: Callable[..., Any], *, dies_before: bool) -> Callable[..., Any]:
    def mortal(*arguments: Any, **options: Any) -> Any:
        if not dies_before:
            original(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return mortal


if __name__ == "__main__":
    main(*sys.argv[1:])
