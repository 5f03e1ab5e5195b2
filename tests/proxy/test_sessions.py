"""Which session a call belongs to: by its own history, as real clients send it."""

from __future__ import annotations

import asyncio

import pytest

from ibex.providers.sse import ChatOutcome

LONG = "To make it well you need patience: soak the beans the night before, salt them late, and keep the fire so low "
LONG += "that the water only trembles."
QUESTION = "How do I cook the white beans that my grandmother made?"


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


@pytest.fixture
def call(call):
    """The session's reference of one whole turn."""

    async def session(messages, answer="Fine.", **headers):
        return (await call(messages, answer, **headers)).start.session

    return session


async def test_a_growing_history_stays_in_its_session(call):
    first = await call([user("Hi")])
    second = await call([user("Hi"), assistant("Fine."), user("And you?")])
    third = await call([user("Hi"), assistant("Fine."), user("And you?"), assistant("Fine."), user("Good.")])
    assert first.id == second.id == third.id
    assert (first.known_messages, second.known_messages, third.known_messages) == (0, 2, 4)


async def test_two_conversations_that_begin_alike_part_with_their_answers(call):
    first = await call([user("Hi")], answer="Hello!")
    other = await call([user("Hi")], answer="Good morning.")
    assert first.id != other.id
    assert (await call([user("Hi"), assistant("Hello!"), user("So?")])).id == first.id
    assert (await call([user("Hi"), assistant("Good morning."), user("So?")])).id == other.id


async def test_an_edited_history_forks_and_its_past_is_not_told_twice(call):
    first = await call([user("Hi")])
    history = [user("Hi"), assistant("Fine.")]
    await call([*history, user("I like tea.")])
    fork = await call([*history, user("I like coffee.")])
    assert fork.id != first.id
    assert fork.known_messages == 2
    grown = await call([*history, user("I like coffee."), assistant("Fine."), user("Black.")])
    assert grown.id == fork.id


async def test_a_turn_asked_again_stays_in_its_session(call):
    first = await call([user("Hi")])
    messages = [user("Hi"), assistant("Fine."), user("And you?")]
    await call(messages, answer="Well.")
    again = await call(messages, answer="Very well.")
    assert again.id == first.id
    assert (await call([*messages, assistant("Very well."), user("Good.")])).id == first.id


async def test_end_users_with_the_same_words_have_their_own_sessions(call):
    kim = await call([user("Hi")], X_IBEX_User_ID="kim")
    await call([user("Hi")], X_IBEX_User_ID="lee")
    assert (await call([user("Hi"), assistant("Fine."), user("So?")], X_IBEX_User_ID="kim")).id == kim.id


async def test_a_named_session_is_what_its_name_says_whatever_the_history(call):
    first = await call([user("Hi")], X_IBEX_Session_ID="chat-1")
    other = await call([user("Something else")], X_IBEX_Session_ID="chat-1")
    assert first.id == other.id
    assert first.external_id == "chat-1"
    assert (await call([user("Hi")], X_IBEX_Session_ID="chat-2")).id != first.id


async def test_the_id_that_ibex_answered_names_the_session_too(call):
    first = await call([user("Hi")])
    assert (await call([user("Again")], X_IBEX_Session_ID=str(first.id))).id == first.id


async def test_a_uuid_of_the_callers_own_is_a_name_like_any_other(call):
    mine = "0b7a7f0e-3c1c-4d53-9a3e-0d6a52f2ce11"
    first = await call([user("Hi")], X_IBEX_Session_ID=mine)
    assert str(first.id) != mine
    assert (await call([user("Again")], X_IBEX_Session_ID=mine)).id == first.id


async def test_a_clock_in_the_system_message_changes_nothing(call):
    first = await call([{"role": "system", "content": "10:00"}, user("Hi")])
    second = await call([{"role": "system", "content": "10:01"}, user("Hi"), assistant("Fine."), user("So?")])
    assert first.id == second.id


TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
CALLED = ChatOutcome(tool_calls=(TOOL_CALL,), finish_reason="tool_calls", is_complete=True)
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "sun"}
AS_SENT_BACK = {
    "openai": assistant(None, tool_calls=[TOOL_CALL], refusal=None, annotations=[], audio=None, function_call=None),
    "langchain": assistant(
        None, tool_calls=[TOOL_CALL | {"function": {"name": "weather", "arguments": '{"city":"Rome"}'}}]
    ),
    "litellm": assistant("", tool_calls=[TOOL_CALL | {"index": 0}], provider_specific_fields={}),
    "parts": assistant([], tool_calls=[TOOL_CALL]),
}


@pytest.mark.parametrize("client", AS_SENT_BACK)
async def test_a_loop_of_tools_is_one_session(call, client):
    first = await call([user("Weather?")], CALLED)
    history = [user("Weather?"), AS_SENT_BACK[client], RESULT]
    second = await call(history, "Sunny.")
    third = await call([*history, assistant("Sunny."), user("Good.")])
    assert first.id == second.id == third.id
    assert (second.known_messages, third.known_messages) == (2, 4)


async def test_langchain_sends_answers_back_in_its_own_shape(call):
    first = await call([{"role": "user", "content": "Hi"}])
    history = [
        {"content": "Hi", "role": "user"},
        {"content": [{"type": "text", "text": "Fine."}], "role": "assistant", "refusal": None},
        {"content": "So?", "role": "user", "name": "kim"},
    ]
    assert (await call(history)).id == first.id


async def test_a_window_that_drops_the_oldest_messages_stays_in_its_session(call):
    history = [user(QUESTION)]
    first = await call(history, LONG)
    for text in ("And the salt?", "And the fire?", "And the pot?", "And the wine?"):
        history += [assistant(LONG), user(text)]
        assert (await call(history[-3:], LONG)).id == first.id


async def test_a_window_of_short_messages_is_known_by_several_of_them(call):
    history = [user("Let us count the birds in the garden.")]
    first = await call(history, "One robin, and a pair of sparrows.")
    answers = ["Yes, on the roof.", "Three of them now.", "No, it was a wren.", "They are gone.", "At noon, I think."]
    said = "One robin, and a pair of sparrows."
    for number, answer in enumerate(answers):
        history += [assistant(said), user(f"Do you see bird number {number}?")]
        assert (await call(history[-7:], answer)).id == first.id
        said = answer


async def test_a_summary_in_place_of_the_old_messages_stays_in_its_session(call):
    first = await call([user(QUESTION)], LONG)
    summary = {"role": "system", "content": "The user asked for a recipe of beans and got one."}
    second = await call([summary, assistant(LONG), user("And the salt?")], LONG[::-1])
    told = [user("So far: beans, and salt."), assistant("Understood.")]
    third = await call([*told, user("And the salt?"), assistant(LONG[::-1]), user("How much of it?")])
    assert first.id == second.id == third.id
    assert (second.known_messages, third.known_messages) == (2, 4)


async def test_documents_that_are_only_in_the_newest_question_change_nothing(call):
    first = await call([user(f"Documents: beans, p. 12\n\n{QUESTION}")], LONG)
    history = [user(QUESTION), assistant(LONG)]
    second = await call([*history, user("Documents: salt, p. 3\n\nAnd the salt?")], LONG[::-1])
    third = await call([*history, user("And the salt?"), assistant(LONG[::-1]), user("Documents: none\n\nThanks.")])
    assert first.id == second.id == third.id


async def test_going_on_from_an_answer_that_was_cut_or_cleaned_stays_in_its_session(call):
    first = await call([user(QUESTION)], ChatOutcome(text=LONG[:60], is_complete=False))
    cut = [user(QUESTION), assistant(LONG[:40])]
    second = await call([*cut, user("Go on.")], f"<think>Beans.</think>{LONG}")
    third = await call([*cut, user("Go on."), assistant(LONG), user("And the salt?")])
    assert first.id == second.id == third.id


async def test_an_answer_that_the_caller_begins_is_part_of_the_next_history(call):
    first = await call([user(QUESTION), assistant("You need")], " beans.")
    assert (await call([user(QUESTION), assistant("You need beans."), user("So?")])).id == first.id


async def test_words_that_two_conversations_share_tell_neither_from_the_other(call):
    for topic in ("beans", "tea"):
        await call([user(f"What about {topic}?")], LONG)
    window = [assistant(LONG), user("And then?")]
    lost = await call(window)
    assert lost.known_messages == 0
    for topic in ("beans", "tea"):
        assert (await call([user(f"What about {topic}?"), *window])).id != lost.id


async def test_a_question_that_two_people_asked_tells_neither_from_the_other(call):
    first = await call([user(QUESTION)], "Slowly.")
    second = await call([user(QUESTION)], "With patience.")
    third = await call([user(QUESTION), assistant("Well…"), user("So?")])
    assert len({first.id, second.id, third.id}) == 3
    assert third.known_messages == 0


async def test_two_strangers_who_begin_alike_never_go_on_in_one_session(call):
    for _ in range(2):
        await call([user("Hi")], "Hello!")
    history = [user("Hi"), assistant("Hello!")]
    kim, lee = await asyncio.gather(call([*history, user("I am Kim.")]), call([*history, user("I am Lee.")]))
    assert kim.id != lee.id
    assert kim.known_messages == lee.known_messages == 2


async def test_calls_at_once_from_one_history_part_as_they_would_one_after_the_other(call):
    first = await call([user("Hi")])
    history = [user("Hi"), assistant("Fine.")]
    sent = [user("I like tea."), user("I like coffee."), user("I like tea.")]
    tea, coffee, again = await asyncio.gather(*(call([*history, each]) for each in sent))
    assert sum(session.id == first.id for session in (tea, coffee, again)) in (1, 2)
    assert coffee.id != tea.id or coffee.id != again.id
    assert {session.known_messages for session in (tea, coffee, again)} == {2}


async def test_a_call_that_failed_leaves_its_session_where_it_was(call):
    first = await call([user("Hi")])
    history = [user("Hi"), assistant("Fine.")]
    failed = await call([*history, user("I like tea.")], fails=True)
    again = await call([*history, user("I like coffee.")])
    assert first.id == failed.id == again.id


async def test_a_named_session_knows_what_its_calls_have_brought(call):
    await call([user("Hi")], X_IBEX_Session_ID="chat-1")
    history = [user("Hi"), assistant("Fine."), user("So?")]
    assert (await call(history, X_IBEX_Session_ID="chat-1")).known_messages == 2
    assert (await call(history, X_IBEX_Session_ID="chat-2")).known_messages == 2
    assert (await call([user("Ho"), assistant("Fine."), user("So?")], X_IBEX_Session_ID="chat-3")).known_messages == 0


async def test_a_name_never_leads_to_the_session_that_the_history_would(call):
    first = await call([user("Hi")])
    named = await call([user("Hi"), assistant("Fine."), user("So?")], X_IBEX_Session_ID="chat-1")
    assert named.id != first.id
    assert (await call([user("Hi"), assistant("Fine."), user("And?")])).id == first.id


async def test_other_end_users_words_lead_nowhere(call):
    await call([user(QUESTION)], LONG, X_IBEX_User_ID="kim")
    stranger = await call([assistant(LONG), user("And the salt?")], X_IBEX_User_ID="lee")
    assert stranger.known_messages == 0
