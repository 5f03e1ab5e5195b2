from __future__ import annotations

from uuid import uuid4

import pytest

from proxy.conversation import (
    ENDING_CHARACTERS,
    ENDING_MESSAGES,
    SessionRef,
    after_answer,
    brought,
    endings,
    fingerprint,
    session_of,
    user_text,
)

LONG = "Here is how you get from the station to the old harbour: follow the canal for ten minutes, cross the second "
LONG += "bridge, and ask for the blue house."


def said(role, text, **more):
    return {"role": role, "content": text, **more}


HISTORY = [said("system", "Clock: 10:00"), said("user", "Hi"), said("assistant", "Hello!")]


def nearest(messages):
    return fingerprint(messages).candidates[0]


def prints(messages):
    return [known for known, _ in fingerprint(messages).candidates]


def test_a_history_that_grows_by_the_answer_is_recognised():
    first = fingerprint(HISTORY[:2])
    assert [(known, 3) for known in after_answer(first, "Hello!", [])] == [nearest([*HISTORY, said("user", "So?")])]


@pytest.mark.parametrize(
    "answer",
    [
        said("assistant", "Hello! \n"),
        said("assistant", [{"type": "text", "text": "Hello!"}]),
        said("assistant", [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo!", "annotations": []}]),
        said("assistant", [{"type": "thinking", "thinking": "Greet."}, {"type": "text", "text": "Hello!"}]),
        said("assistant", "Hello!", name="bot", refusal=None, annotations=[], reasoning_content="Greet.", audio=None),
        said("assistant", None, refusal="Hello!"),
    ],
)
def test_an_answer_is_the_same_however_the_client_sends_it_back(answer):
    assert nearest([*HISTORY[:2], answer]) == nearest(HISTORY)


def test_instructions_may_change_without_changing_the_conversation():
    other = [said("system", "Clock: 10:01"), *HISTORY[1:]]
    assert nearest(other) == nearest(HISTORY)
    several = [*HISTORY[:2], said("developer", "Be brief."), HISTORY[2], said("system", "Documents: none")]
    assert nearest(several)[0] == nearest(HISTORY)[0]


def test_text_parts_a_string_and_a_named_speaker_are_the_same_words():
    parts = [said("user", [{"type": "text", "text": "Hi"}], name="kim")]
    assert fingerprint(parts).whole == fingerprint([said("user", "Hi")]).whole


def test_pictures_make_a_difference():
    def picture(url):
        return [said("user", [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": url}}])]

    assert fingerprint(picture("a")).whole != fingerprint(picture("b")).whole


def test_an_edited_history_is_another_conversation():
    edited = [said("user", "Hi there"), HISTORY[2]]
    assert not set(prints(edited)) & set(prints(HISTORY))


def test_tool_calls_belong_to_the_answer():
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    rewritten = call | {"function": {"name": "look", "arguments": '{"at":1}'}}
    first = fingerprint([said("user", "Hi")])
    grown = [said("user", "Hi"), said("assistant", None, tool_calls=[rewritten]), said("tool", "42", tool_call_id="c1")]
    assert (nearest(grown)[0],) == after_answer(first, "", [call])


def test_an_answer_that_the_caller_has_begun_is_known_both_ways():
    begun = fingerprint([said("user", "A poem"), said("assistant", "Roses are")])
    whole, apart = "Roses are red.", said("assistant", " red.")
    known = after_answer(begun, " red.", [])
    assert nearest([said("user", "A poem"), said("assistant", whole), said("user", "More")])[0] in known
    assert nearest([said("user", "A poem"), said("assistant", "Roses are"), apart, said("user", "More")])[0] in known


def test_a_long_answer_is_an_ending_whatever_came_before_it():
    turn = fingerprint([said("user", "A"), said("assistant", "B"), said("user", "C")])
    [known] = endings(turn, LONG, [])
    assert known in prints([said("assistant", LONG), said("user", "And then?")])
    assert known in prints([said("system", "So far: A, B, C."), said("assistant", LONG)])


def test_an_answer_that_others_get_too_has_a_longer_ending():
    asked = [said("user", f"{LONG} {n}") for n in range(3)]
    history = [m for each in asked for m in (each, said("assistant", LONG))]
    short, *_ = sorted(prints(history), key=lambda known: known in endings(fingerprint([]), LONG, []), reverse=True)
    long, found = endings(fingerprint(history[:-1]), LONG, [])
    assert (found, long in prints(history[-5:])) == (short, True)
    assert long not in prints([*history[:-2], said("user", "Another."), history[-1]])


def test_short_messages_make_an_ending_together():
    each = ENDING_CHARACTERS[0] // 3 - 1
    words = [said(role, f"{n} {role} ".ljust(each, ".")) for n in range(8) for role in ("user", "assistant")]
    known = endings(fingerprint(words[:-1]), words[-1]["content"], [])[-1]
    assert known in prints([*words[-4:], said("user", "So?")])
    assert known not in prints([*words[-3:], said("user", "So?")])


def test_what_says_little_has_no_ending_and_is_not_claimed():
    turn = fingerprint([said("user", "Hi")])
    assert (endings(turn, "Hello!", []), turn.asked) == ([], "")
    chatter = [said(role, "Yes.") for _ in range(ENDING_MESSAGES) for role in ("user", "assistant")]
    assert endings(fingerprint(chatter[:-1]), "Yes.", []) == []


def test_an_answer_that_was_cut_or_changed_is_known_by_what_was_asked():
    asked = [said("user", "Which way is it from the station to the harbour?")]
    assert fingerprint(asked).asked
    assert fingerprint(asked).asked in prints([*asked, said("assistant", "Here is how"), said("user", "Go on")])


def test_what_tells_more_of_a_conversation_is_looked_for_first():
    history = [said("user", LONG), said("assistant", "Yes."), said("user", LONG * 2), said("assistant", LONG)]
    places = [(known[:1] if len(known) == 33 else "", index) for known, index in fingerprint(history).candidates]
    assert places == [("", 4), ("a", 4), ("e", 4), ("e", 4), ("", 2), ("a", 2), ("e", 2)]


def test_only_what_came_after_the_known_history_is_new():
    messages = [*HISTORY, said("user", "And now?")]
    new = brought(messages, SessionRef(id=uuid4(), known_messages=3))
    assert (new.imported, new.live) == ([], [messages[3]])


def test_of_an_unknown_history_the_last_exchange_is_the_turn_and_the_rest_is_imported():
    messages = [*HISTORY, said("user", "And now?")]
    new = brought(messages, SessionRef(id=uuid4(), known_messages=0))
    assert (new.imported, new.live) == (HISTORY[1:], [messages[3]])
    assert user_text(new.live) == "And now?"


def test_nothing_is_imported_when_nobody_could_say_what_is_known():
    messages = [*HISTORY, said("user", "And now?")]
    new = brought(messages, SessionRef(id=uuid4()))
    assert (new.imported, new.live) == ([], [messages[3]])


def test_an_answer_that_the_caller_has_begun_does_not_hide_the_question():
    messages = [*HISTORY, said("user", "A poem"), said("assistant", "Roses are")]
    for known in (None, 0, 3):
        assert brought(messages, SessionRef(id=uuid4(), known_messages=known)).live == messages[3:]
    assert brought(messages, SessionRef(id=uuid4(), known_messages=5)).live == []


def test_a_named_session_has_the_same_id_each_time_and_another_for_each_agent():
    agent, other = uuid4(), uuid4()
    assert session_of("chat-1", agent).id == session_of("chat-1", agent).id
    assert session_of("chat-1", agent).id != session_of("chat-1", other).id


def test_nothing_odd_in_a_history_breaks_it():
    odd = [5, None, {"role": 3}, said("assistant", None, tool_calls=[1, {"function": 2}]), said("user", [1, {}])]
    fingerprint(odd)
    brought(odd, SessionRef(id=uuid4(), known_messages=0))
    assert fingerprint([]).candidates == ()
