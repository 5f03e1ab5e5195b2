"""Conversations from recorded turns and from a ChatGPT export: sessions and turns, handed to extraction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.models import Checkpoint, Session
from agents.prints import answer_print
from ibex.core.tenancy import scope
from memories.tasks import extract_session
from memories.transfer.formats import records_of
from proxy import imported as brought_by_clients
from tests.memories.making import memories_of
from tests.memories.transfer import bringing
from tests.memories.transfer.bringing import bring, chatgpt, items_of, ndjson, results_of

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial" / "conversation.ndjson"


def imported(agent, file, **fields):
    return bringing.imported(agent, file, "conversations", **fields)


def sessions_of(agent):
    with scope(agent.org_id):
        return list(Session.objects.filter(agent=agent).order_by("started_at", "created_at"))


def turns_of(session):
    with scope(session.org_id):
        return list(Checkpoint.objects.filter(session=session).order_by("number"))


def extract_all(agent):
    for session in sessions_of(agent):
        extract_session(str(agent.org_id), str(session.pk))


def test_the_tutorials_conversation_becomes_sessions_and_memories(agent):
    run = imported(agent, TUTORIAL.read_bytes(), end_user="nadia")
    assert (run.status, run.counts) == ("succeeded", {"created": 8, "turns": 8})
    monday, tuesday, sunday = sessions_of(agent)
    assert monday.external_id.startswith("monday (import ")
    assert (monday.status, monday.end_user, monday.turn_count) == ("completed", "nadia", 3)
    assert monday.started_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert monday.last_turn_at == monday.completed_at == datetime(2026, 3, 2, 9, 2, tzinfo=UTC)
    assert (tuesday.turn_count, sunday.turn_count) == (3, 2)
    first = turns_of(monday)[0]
    assert (first.number, first.is_imported, first.may_learn, first.end_user) == (1, True, True, "nadia")
    assert first.messages == [{"role": "user", "content": first.user_text}]
    assert first.assistant_text == "Nice to meet you, Nadia!"
    extract_all(agent)
    learned = memories_of(agent)
    assert any("hazelnuts" in memory.content for memory in learned)
    assert {memory.end_user for memory in learned} == {"nadia"}
    assert min(memory.observed_at for memory in learned).year == 2026


def test_the_same_file_twice_adds_nothing_and_a_longer_one_what_is_new(agent):
    turn = {"session": "s", "at": "2026-01-01T00:00:00Z", "user": "I live in Porto.", "assistant": "Nice."}
    imported(agent, ndjson(turn))
    again = imported(agent, ndjson(turn))
    assert (results_of(again), again.counts) == (["duplicate_of"], {"duplicate_of": 1})
    longer = imported(agent, ndjson(turn, turn | {"user": "I have a cat."}))
    assert results_of(longer) == ["duplicate_of", "created"]
    assert [turns.user_text for session in sessions_of(agent) for turns in turns_of(session)] == [
        "I live in Porto.",
        "I have a cat.",
    ]


def test_a_turn_that_stands_twice_in_a_file_is_one(agent):
    turn = {"at": "2026-01-01T00:00:00Z", "user": "I live in Porto."}
    assert results_of(imported(agent, ndjson(turn, turn))) == ["created", "duplicate_of"]
    assert results_of(imported(agent, ndjson(turn, turn), is_dry_run=True)) == ["duplicate_of", "duplicate_of"]


def test_speakers_and_end_users_of_lines_are_kept(agent):
    imported(agent, ndjson({"at": "2026-01-01", "user": "Hi.", "speaker": "Bea", "end_user": "b"}), end_user="a")
    [turn] = turns_of(sessions_of(agent)[0])
    assert (turn.messages[0]["name"], turn.end_user, turn.assistant_text) == ("Bea", "b", "")


def test_a_line_that_is_no_turn_is_rejected_and_stops_no_other(agent):
    good = {"at": "2026-01-01", "user": "I live in Porto."}
    bad = [
        {"at": "yesterday", "user": "x"},
        {"at": 5, "user": "x"},
        {"at": "2026-01-01"},
        {"at": "2026-01-01", "user": ["x"]},
        {"at": "2026-01-01", "user": " "},
        {"at": "0001-01-01", "user": "x"},
        {"at": "2026-01-01", "user": "x" * 200_000},
        {"at": "2026-01-01", "user": "x", "end_user": "u" * 201},
        [1],
    ]
    run = imported(agent, ndjson(*bad, good))
    assert results_of(run) == [*["rejected"] * len(bad), "created"]


def test_long_names_of_sessions_stay_apart(agent):
    long = "n" * 400
    imported(agent, ndjson(*({"session": long + end, "at": "2026-01-01", "user": f"Hi {end}"} for end in "ab")))
    assert len(sessions_of(agent)) == 2


def test_a_chatgpt_export_is_read_as_its_user_last_saw_it(agent):
    talk = chatgpt(
        [
            ("system", "You are helpful."),
            ("user", "My dog is called Rex."),
            ("assistant", "A good name."),
            ("assistant", "How old is he?"),
            ("user", "Seven."),
        ]
    )
    talk["mapping"]["n4b"] = talk["mapping"]["n4"] | {"id": "n4b", "children": []}
    talk["mapping"]["n3"]["children"] = ["n4", "n4b"]
    talk["mapping"]["n2"]["message"]["content"]["parts"].insert(0, {"asset_pointer": "file://picture"})
    talk["mapping"]["n2"]["message"]["content"]["content_type"] = "multimodal_text"
    run = imported(agent, json.dumps([talk]), end_user="sam")
    [session] = sessions_of(agent)
    assert (session.external_id.split(" ")[0], session.end_user) == ("c-1", "sam")
    first, second = turns_of(session)
    assert (first.user_text, first.assistant_text) == ("My dog is called Rex.", "A good name.\n\nHow old is he?")
    assert (second.user_text, second.assistant_text) == ("Seven.", "")
    assert first.said_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert [(item.result, item.turns, item.session_id) for item in items_of(run)] == [("created", 2, session.pk)]


def test_calls_of_tools_and_hidden_messages_are_left_out(agent):
    talk = chatgpt([("user", "My dog is Rex."), ("assistant", "search(dogs)"), ("tool", "..."), ("assistant", "Fine.")])
    talk["mapping"]["n1"]["message"]["recipient"] = "browser"
    talk["mapping"]["n0"]["message"]["metadata"]["is_visually_hidden_from_conversation"] = False
    imported(agent, json.dumps([talk]))
    [turn] = turns_of(sessions_of(agent)[0])
    assert (turn.user_text, turn.assistant_text) == ("My dog is Rex.", "Fine.")


def test_a_conversation_that_is_none_is_rejected_and_stops_no_other(agent):
    ring = chatgpt([("user", "Round"), ("assistant", "and round.")], name="ring")
    ring["mapping"]["root"]["parent"] = "n1"
    no_time = chatgpt([("user", "When?")], name="timeless")
    no_time["create_time"] = no_time["mapping"]["n0"]["message"]["create_time"] = None
    odd = [{}, {"mapping": []}, {"mapping": {"a": None}}, {"mapping": {"a": {"message": {"author": 5}}}}]
    file = json.dumps(
        [ring, no_time, *odd, chatgpt([("assistant", "Hello?")]), chatgpt([("user", "I am Bo.")], "last")]
    )
    run = imported(agent, file)
    assert results_of(run) == ["created", *["rejected"] * 6, "created"]


def test_halves_of_surrogate_pairs_in_an_export_are_replaced(agent):
    file = json.dumps([chatgpt([("user", "I like \ud83d cats."), ("assistant", "\x00Good.")])])
    imported(agent, file)
    [turn] = turns_of(sessions_of(agent)[0])
    assert (turn.user_text, turn.assistant_text) == ("I like ? cats.", "Good.")


def test_a_dry_run_adds_no_session(agent):
    dry = imported(agent, TUTORIAL.read_bytes(), is_dry_run=True)
    assert (dry.counts, sessions_of(agent)) == ({"created": 8, "turns": 8}, [])
    assert imported(agent, TUTORIAL.read_bytes()).counts == dry.counts


@pytest.mark.parametrize("conversations", [1, 40])
def test_an_export_is_read_on_from_every_conversation(agent, conversations):
    talks = [
        chatgpt([("user", f"I have {number} çats 🐱 " + "x" * 20_000)], f"c{number}") for number in range(conversations)
    ]
    run = bring(agent, json.dumps(talks, ensure_ascii=False, indent=1), "conversations")
    whole = [(record.line, record.position) for record in records_of(run)]
    assert [line for line, _ in whole] == list(range(1, conversations + 1))
    for line, position in whole:
        run.position, run.line = position, line + 1
        assert [(record.line, record.position) for record in records_of(run)] == whole[line:]


def test_the_print_of_an_answer_is_that_by_which_the_drain_looks_for_it():
    for answer in ("", "  ", "Nice to meet you.", " Çok güzel 🐱\n"):
        [turn] = brought_by_clients.past_turns(
            [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer}]
        )
        assert answer_print(answer) == turn.answer_print
