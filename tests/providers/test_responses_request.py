"""Requests of the Responses API for a provider that knows none: what it is asked, and what is refused by name."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibex.providers.anthropic_request import messages_request
from ibex.providers.errors import ProviderRejected
from ibex.providers.responses_request import chat_of

PNG = "data:image/png;base64,iVBORw0K"
TOOL = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": True}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": '{"at":"it"}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "A cat."}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]}


def asked(given="Hi", **more):
    return {"model": "claude-x", "input": given, **more}


def translated(given="Hi", **more):
    return messages_request(chat_of(asked(given, **more)))


def user(content):
    return {"role": "user", "content": content}


def text(words):
    return {"type": "text", "text": words}


def test_a_text_is_the_users_message():
    assert translated(max_output_tokens=9, temperature=1.5, top_p=0.5) == {
        "model": "claude-x",
        "max_tokens": 9,
        "messages": [user([text("Hi")])],
        "temperature": 1,
        "top_p": 0.5,
    }


def test_instructions_and_developers_items_are_the_system_prompt():
    items = [{"role": "developer", "content": "Be brief."}, user("Hi"), {"role": "system", "content": "Be kind."}]
    said = translated(items, instructions="Speak Latin.")
    assert [block["text"] for block in said["system"]] == ["Speak Latin.", "Be brief.", "Be kind."]
    assert said["messages"] == [user([text("Hi")])]


def test_a_history_with_tools_keeps_its_turns_and_leaves_reasoning_out():
    said = translated([user("Look"), THOUGHT, SAID, CALL, RESULT, user("So?")], tools=[TOOL])
    call = {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "it"}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [text("A cat.")]}
    assert said["messages"] == [
        user([text("Look")]),
        {"role": "assistant", "content": [text("Let me look."), call]},
        user([result, text("So?")]),
    ]
    assert said["tools"] == [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}]


def test_images_and_files_go_along_also_as_a_tools_output():
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PNG, "detail": "auto"},
        {"type": "input_image", "image_url": "https://pictures.example/cat.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        {"type": "input_file", "file_url": "https://papers.example/a.pdf"},
    ]
    shot = {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_image", "image_url": PNG}]}
    said = translated([user(parts), CALL, shot])
    png = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}}
    assert said["messages"][0]["content"] == [
        text("What is this?"),
        png,
        {"type": "image", "source": {"type": "url", "url": "https://pictures.example/cat.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
        {"type": "document", "source": {"type": "url", "url": "https://papers.example/a.pdf"}},
    ]
    assert said["messages"][2]["content"][0]["content"] == [png]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "name": "look"}, {"type": "tool", "name": "look"}),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"name": "look"}]}, {"type": "any"}),
    ],
)
def test_a_choice_of_tools_is_anthropics(choice, expected):
    other = TOOL | {"name": "other"}
    said = translated(tools=[TOOL, other], tool_choice=choice)
    assert said.get("tool_choice", {}) == expected
    allowed = isinstance(choice, dict) and choice["type"] == "allowed_tools"
    assert [tool["name"] for tool in said["tools"]] == (["look"] if allowed else ["look", "other"])


def test_one_call_at_a_time_stays_one_call_at_a_time():
    assert translated(tools=[TOOL], parallel_tool_calls=False)["tool_choice"]["disable_parallel_tool_use"] is True


def test_a_wanted_form_is_asked_for_in_words():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    wanted = {"type": "json_schema", "name": "place", "schema": schema, "strict": True}
    assert orjson.dumps(schema).decode() in translated(text={"format": wanted})["system"][0]["text"]
    assert "JSON" in translated(text={"format": {"type": "json_object"}})["system"][0]["text"]
    assert "system" not in translated(text={"format": {"type": "text"}, "verbosity": "low"})


def test_what_only_shapes_how_openai_works_is_left_out():
    more = {"reasoning": {"effort": "high"}, "store": True, "include": ["reasoning.encrypted_content"]}
    assert translated(**more, truncation="auto", service_tier="flex", metadata={"a": "b"}) == translated()


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (asked(previous_response_id="resp_1"), "previous_response_id"),
        (asked(conversation={"id": "conv_1"}), "conversation"),
        (asked(prompt={"id": "pmpt_1"}), "prompt"),
        (asked(background=True), "background"),
        (asked(tools=[TOOL, {"type": "web_search"}]), "tools[1].type"),
        (asked(tools=[{"type": "custom", "name": "grammar"}]), "tools[0].type"),
        (asked(tools=[TOOL], tool_choice={"type": "file_search"}), "tool_choice"),
        (asked([{"type": "item_reference", "id": "msg_1"}]), "input"),
        (asked([{"type": "web_search_call", "id": "ws_1"}]), "input"),
        (asked([user([{"type": "input_image", "file_id": "file_1"}])]), "input"),
        (asked([user([{"type": "input_file", "file_id": "file_1"}])]), "input"),
        (asked([user([{"type": "input_audio", "input_audio": {}}])]), "input"),
    ],
)
def test_what_would_leave_a_hole_is_refused_by_its_name(request_, field):
    with pytest.raises(ProviderRejected) as refused:
        chat_of(request_)
    error = refused.value.envelope("r")["error"]
    assert (refused.value.status, error["param"]) == (400, field)
    assert error["message"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
kinds = st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "input_text", "input_image"])
items = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "role": st.sampled_from(["user", "assistant", "developer"]) | anything,
        "content": st.lists(st.fixed_dictionaries({"type": kinds}, optional={"text": anything, "image_url": anything})),
        **dict.fromkeys(("output", "call_id", "name", "arguments"), anything),
    },
)


@given(st.lists(items, max_size=4), st.dictionaries(st.sampled_from(["tools", "tool_choice", "text"]), anything))
def test_whatever_is_sent_is_translated_or_refused(given, more):
    try:
        translated(given, **more)
    except ProviderRejected:
        return
