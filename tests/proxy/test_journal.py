"""From the journal to the vault: once, whatever is repeated, and past what is broken."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import orjson
from django.core.management import call_command

from agents.models import Session, Trace
from context.lines import read
from context.models import AssemblyRecord
from context.values import Arm, Considered, Reason
from ibex.core.ids import uuid7
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from proxy import drain as module
from proxy.dead_letters import LENGTH_MAX
from proxy.journal import FIELD
from tests.proxy.journaled import checkpoints, dead_letters, drain, entry, put, stream, texts, waiting

__all__ = ["drain", "put", "stream"]


def test_a_turn_becomes_session_checkpoint_and_trace(drain, put, agent, stream):
    turn = entry(agent)
    put(turn)
    assert drain.step(50) == 1
    [checkpoint] = checkpoints(agent)
    with scope(agent.org_id):
        session = Session.objects.get()
        trace = Trace.objects.get()
    assert (checkpoint.user_text, checkpoint.assistant_text, checkpoint.number) == ("Hi", "Hello!", 1)
    assert checkpoint.prompt_tokens == 1  # counted here: the provider did not say
    assert (session.turn_count, session.completion_tokens) == (1, 4)
    assert trace.session_id == session.pk == UUID(turn.session_id)
    assert waiting(stream) == (0, 0)


def test_how_a_context_came_about_is_written_with_its_turn(drain, put, agent):
    told = {
        "assembled_at": 1_760_000_000.0,
        "mode": "on",
        "level": 0,
        "missing": [],
        "directive_version": 2,
        "budget": None,
        "placement": "system_first",
        "joins_blocks": False,
        "message_count": 1,
        "forgotten": [],
    }
    answered, refused = replace(entry(agent), assembly=told), replace(entry(agent), assembly=told, checkpoint=None)
    put(answered, refused, answered, entry(agent))
    drain.step(50)
    with scope(agent.org_id):
        rows = {row.turn_id: row for row in AssemblyRecord.objects.all()}
    assert set(rows) == {UUID(answered.turn_id), UUID(refused.turn_id)}
    assert rows[UUID(answered.turn_id)].session_id == UUID(answered.session_id)
    assert rows[UUID(refused.turn_id)].session_id is None


def test_what_a_later_version_says_besides_does_not_stop_an_entry(drain, put, agent):
    put(entry(agent, text="new").to_bytes().replace(b"{", b'{"of_a_later_version":[1],', 1))
    drain.step(50)
    assert [row.user_text for row in checkpoints(agent)] == ["new"]


def test_the_lines_of_a_receipt_are_kept_as_they_were_written(drain, put, agent):
    told = Considered(uuid4(), 3, 1, 0.5, (0.123456, 1.0, 0.5, 0.9, 0.0), Arm.COLD, 9, True, "", 2, None, 4)
    quoted = Considered(None, 1, 2, 0.4, (), Arm.REPLAYED, 9, False, Reason.RESTATES, excerpt_id=uuid4())
    lines = [told.as_row(), (*quoted.as_row(), "of a later version")]
    assembly = {"assembled_at": 1.0, "mode": "on", "level": 0, "missing": [], "directive_version": 0}
    assembly |= {"placement": "system_first", "joins_blocks": False, "message_count": 1, "forgotten": []}
    put(replace(entry(agent), lines=lines, assembly=assembly))
    drain.step(50)
    with scope(agent.org_id):
        (first, parts), (second, none) = read(orjson.loads(AssemblyRecord.objects.get().considered))
    assert (first, second) == (told._replace(components=first.components), quoted._replace(components=[]))
    assert (parts["relevance"], parts["recency"], none) == (0.1235, 1.0, {})


def test_a_repeated_entry_changes_nothing(drain, put, agent):
    session_id = uuid7()
    turn, later = entry(agent, session_id=session_id), entry(agent, session_id=session_id, text="Bye")
    put(turn, turn)
    drain.step(50)
    put(turn, later)
    drain.step(50)
    assert texts(agent, session_id) == ["Hi", "Bye"]
    with scope(agent.org_id):
        assert Session.objects.get().turn_count == 2


def test_what_cannot_be_written_is_its_organizations_dead_letter_and_blocks_nothing(drain, put, agent, stream):
    broken = entry(agent, model="m" * 300)  # a model's name of 300 characters fits no column
    put(broken, *(entry(agent, text=f"fine {number}") for number in range(5)))
    drain.step(50)
    assert {row.user_text for row in checkpoints(agent)} == {f"fine {number}" for number in range(5)}
    assert dead_letters(agent) == [{FIELD: broken.to_bytes(), b"why": b"DataError"}]
    assert waiting(stream) == (0, 0)


def test_an_entry_of_another_version_waits_as_a_dead_letter(drain, put, agent):
    raw = entry(agent).to_bytes().replace(b'"turn_id"', b'"turn"')
    put(raw)
    drain.step(50)
    assert dead_letters(agent) == [{FIELD: raw, b"why": b"unreadable"}]


def test_of_what_nobody_can_be_found_to_own_nothing_is_kept(drain, put, agent, stream):
    marker = uuid4().hex
    put(f'{{"cut off {marker}'.encode(), b"[]", b'{"org_id": 7}', entry(agent))
    drain.step(50)
    assert len(checkpoints(agent)) == 1
    assert waiting(stream) == (0, 0)
    assert not list(redis().scan_iter(match=f"*{marker}*"))


def test_dead_letters_are_bounded(drain, put, agent, monkeypatch):
    monkeypatch.setattr("proxy.dead_letters.LENGTH_MAX", 100)
    put(*(entry(agent, model="m" * 300) for _ in range(500)))
    while drain.step(50):
        pass
    # Redis cuts whole nodes of its tree, of 100 entries each.
    assert 100 <= len(dead_letters(agent)) <= 200 < LENGTH_MAX


def test_dead_letters_can_be_sent_back(drain, put, agent, foreign_agent, monkeypatch, capsys):
    def broken(_org_id, _entries):
        raise KeyError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_turns", broken)
        put(entry(agent, text="one"), entry(agent, text="two"), entry(foreign_agent, text="three"))
        drain.step(50)
    assert not checkpoints(agent)
    for org_id, turns in ((agent.org_id, 2), (foreign_agent.org_id, 1)):  # other tests have dead letters too
        call_command("drain", replay_dead=True, organization=org_id)
        assert f"{turns} turns are in the journal again" in capsys.readouterr().out
    drain.step(50)
    assert [row.user_text for row in checkpoints(agent)] == ["one", "two"]
    assert [row.user_text for row in checkpoints(foreign_agent)] == ["three"]
    assert not dead_letters(agent)


def test_text_with_a_null_character_is_kept_without_it(drain, put, agent):
    put(entry(agent, text="a\0b"))
    drain.step(50)
    [checkpoint] = checkpoints(agent)
    assert checkpoint.user_text == "ab"
    assert checkpoint.messages[0]["content"] == "ab"


def test_a_foreign_agent_in_an_entry_is_left_out(drain, put, agent, foreign_agent):
    put(replace(entry(agent), agent_id=str(foreign_agent.pk)), entry(agent, text="mine"))
    drain.step(50)
    [checkpoint] = checkpoints(agent)
    assert checkpoint.user_text == "mine"
