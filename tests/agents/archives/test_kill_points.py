"""Workers are killed at every step of archiving: nothing that was said is lost, and the next one does the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.archives import claim
from agents.archives.reading import with_words
from agents.models import Archive, Session
from ibex.core import storage
from ibex.core.tenancy import scope
from tests.agents.archives import mortal
from tests.agents.archives.making import (
    SAID,
    again,
    archive,
    archived,
    end,
    file_of,
    go_on,
    is_stored,
    row_of,
    spoken,
    turns_of,
    words_of,
)
from tests.agents.archives.test_removal import erase
from tests.jobs import only_own, run_whole
from tests.servers import ROOT

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

CAT = ("And my cat?", "Tom.")


def kill_at(point: str, session: Session) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ibex.settings", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.agents.archives.mortal", point, str(session.org_id), str(session.pk)]
    died = subprocess.run(command, cwd=ROOT, env=environment, timeout=mortal.SECONDS, check=False)
    assert died.returncode == -signal.SIGKILL


def let_time_pass(session: Session) -> None:
    """The claim of the dead is over."""
    with scope(session.org_id):
        late = timezone.now() - claim.LEASE - timedelta(seconds=1)
        Archive.objects.of(session.org_id).exclude(holder=None).update(seen_at=late)


def told(session: Session) -> list[tuple[str, str]]:
    return [(turn.user_text, turn.assistant_text) for turn in with_words(turns_of(session))]


@pytest.mark.parametrize("point", mortal.WRITING)
def test_while_it_is_written_again(agent, point):
    """The worst of it: some of what was said is in the archive only."""
    session = archived(agent)
    go_on(session, *CAT)
    end(session)
    kill_at(point, session)
    assert told(session) == [*SAID, CAT]
    let_time_pass(session)
    run_whole("archive_sessions")
    assert [(line["user_text"], line["assistant_text"]) for line in file_of(session)] == [*SAID, CAT]
    assert again(session).archived_turn == 3
    run_whole("strip_turns")
    assert words_of(session) == [("", "")] * 3
    assert told(session) == [*SAID, CAT]


@pytest.mark.parametrize("point", mortal.STRIPPING)
def test_while_words_leave_the_vault(agent, point):
    session = end(spoken(agent))
    archive(session)
    kill_at(point, session)
    assert words_of(session) == list(SAID)
    assert run_whole("strip_turns")["turns"] == 2
    assert told(session) == list(SAID)


def test_while_an_erased_one_is_removed(agent):
    session = archived(agent)
    key = row_of(session).key
    erase(session)
    kill_at("removed", session)
    with scope(agent.org_id):
        assert Archive.objects.filter(key=key).exists()
    run_whole("erase_archives")
    assert not is_stored(key)
    assert storage.clear_drafts() == 0
