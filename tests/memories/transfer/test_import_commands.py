"""`manage.py import_memories` and `import_conversations`."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from agents.models import Session
from ibex.core.tenancy import scope
from tests.memories.making import memories_of
from tests.memories.transfer.bringing import chatgpt, texts

CAT = "The user's cat is called Gustavo."


def told(name, path, *arguments):
    said = io.StringIO()
    call_command(name, str(path), *arguments, stdout=said)
    return said.getvalue()


def test_memories_are_imported_and_what_came_of_them_is_told(agent, tmp_path):
    path = tmp_path / "mine.ndjson"
    path.write_text(texts(CAT) + "oops\n")
    dry = told("import_memories", path, "--agent", agent.slug, "--dry-run")
    assert "Dry run" in dry
    assert memories_of(agent) == []
    said = told("import_memories", path, "--agent", str(agent.pk), "--end-user", "sam")
    assert "2 records: created 1, rejected 1." in said
    assert "  2: line: It is not JSON" in said
    assert [memory.end_user for memory in memories_of(agent)] == ["sam"]


def test_conversations_are_imported(agent, tmp_path):
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([chatgpt([("user", "My cat is called Gustavo.")])]))
    assert "created 1, turns added 1" in told("import_conversations", path, "--agent", agent.slug)
    with scope(agent.org_id):
        assert Session.objects.get(agent=agent).turn_count == 1


@pytest.mark.parametrize(
    ("text", "said"), [("", "The file is empty."), ("colour\nred\n", "first line"), ('content\n"x\n', "line 2")]
)
def test_what_cannot_be_read_is_said(agent, tmp_path, text, said):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=said):
        told("import_memories", path, "--agent", agent.slug)


def test_an_agent_or_a_file_that_is_not_there_is_said(agent, tmp_path):
    with pytest.raises(CommandError, match="no such agent"):
        told("import_memories", tmp_path / "x", "--agent", "nobody")
    with pytest.raises(CommandError, match="FileNotFoundError"):
        told("import_memories", tmp_path / "x", "--agent", agent.slug)
