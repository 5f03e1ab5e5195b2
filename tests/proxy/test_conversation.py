from __future__ import annotations

from uuid import uuid4

from proxy.conversation import SessionRef, after_answer, fingerprint, new_messages, session_of, user_text


def said(role, text, **more):
    return {"role": role, "content": text, **more}


HISTORY = [said("system", "Clock: 10:00"), said("user", "Hi"), said("assistant", "Hello!")]


def test_a_history_that_grows_by_the_answer_is_recognised():
    first = fingerprint(HISTORY[:2])
    grown = fingerprint([*HISTORY, said("user", "And now?")])
    assert grown.candidates == ((after_answer(first.whole, "Hello!", []), 3),)


def test_instructions_may_change_without_changing_the_conversation():
    other = [said("system", "Clock: 10:01"), *HISTORY[1:]]
    assert fingerprint(other).candidates[0][0] == fingerprint(HISTORY).candidates[0][0]


def test_text_parts_and_a_string_are_the_same_words():
    parts = [said("user", [{"type": "text", "text": "Hi"}])]
    assert fingerprint(parts).whole == fingerprint([said("user", "Hi")]).whole


def test_pictures_make_a_difference():
    def picture(url):
        return [said("user", [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": url}}])]

    assert fingerprint(picture("a")).whole != fingerprint(picture("b")).whole


def test_an_edited_history_is_another_conversation():
    edited = [said("user", "Hi there"), HISTORY[2]]
    assert fingerprint(edited).candidates[0][0] != fingerprint(HISTORY).candidates[0][0]


def test_tool_calls_belong_to_the_answer():
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    first = fingerprint([said("user", "Hi")])
    grown = fingerprint([said("user", "Hi"), said("assistant", None, tool_calls=[call]), said("tool", "42")])
    assert grown.candidates[0][0] == after_answer(first.whole, "", [call])


def test_only_what_came_after_the_known_history_is_new():
    messages = [*HISTORY, said("user", "And now?")]
    assert new_messages(messages, SessionRef(id=uuid4(), known_messages=3)) == [messages[3]]


def test_of_an_unknown_history_only_the_last_exchange_is_a_turn():
    messages = [*HISTORY, said("user", "And now?")]
    assert new_messages(messages, SessionRef(id=uuid4())) == [messages[3]]
    assert user_text(new_messages(messages, SessionRef(id=uuid4()))) == "And now?"


def test_a_named_session_has_the_same_id_each_time_and_another_for_each_agent():
    agent, other = uuid4(), uuid4()
    assert session_of("chat-1", agent).id == session_of("chat-1", agent).id
    assert session_of("chat-1", agent).id != session_of("chat-1", other).id


def test_nothing_odd_in_a_history_breaks_it():
    fingerprint([5, None, {"role": 3}, said("assistant", None, tool_calls=[1, {"function": 2}]), said("user", [1, {}])])
