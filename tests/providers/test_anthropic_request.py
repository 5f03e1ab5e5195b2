"""What Anthropic is asked for an OpenAI request."""

from __future__ import annotations

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibex.core.errors import IbexError
from ibex.providers.anthropic_request import DEFAULT_MAX_TOKENS, OPENING, messages_request

PNG = "iVBORw0KGgo="
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}


def text(said):
    return {"type": "text", "text": said}


def asked(*messages, **options):
    return messages_request({"model": "claude", "messages": list(messages), **options})


def user(content):
    return {"role": "user", "content": content}


def test_the_plainest_request_needs_no_more_than_a_limit():
    assert asked(user("Hi")) == {
        "model": "claude",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [text("Hi")]}],
    }


def test_instructions_of_either_name_become_the_system_prompt():
    request = asked(
        {"role": "system", "content": "Be brief."}, user("Hi"), {"role": "developer", "content": "Be kind."}
    )
    assert request["system"] == [text("Be brief."), text("Be kind.")]
    assert request["messages"] == [{"role": "user", "content": [text("Hi")]}]


def test_marks_for_the_cache_stay_where_they_are():
    mark = {"type": "ephemeral"}
    request = asked({"role": "system", "content": [text("Long.") | {"cache_control": mark}]}, user("Hi"))
    assert request["system"] == [text("Long.") | {"cache_control": mark}]


def test_roles_alternate_whatever_the_history():
    request = asked(user("One."), user("Two."), {"role": "assistant", "content": "Three. "}, user(""))
    assert request["messages"] == [
        {"role": "user", "content": [text("One."), text("Two.")]},
        {"role": "assistant", "content": [text("Three.")]},
    ]
    begun = asked({"role": "assistant", "content": "Welcome."}, user("Hi"))
    assert [m["role"] for m in begun["messages"]] == ["user", "assistant", "user"]
    assert begun["messages"][0]["content"] == [text(OPENING)]
    assert asked({"role": "system", "content": "Say hello."})["messages"] == [user([text("Say hello.")])]


def test_calls_of_tools_and_all_their_results_are_two_messages():
    history = [
        user("Weather?"),
        {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sun."},
        {"role": "tool", "tool_call_id": "c2", "content": [text("Rain.")]},
        user("So?"),
    ]
    _, called, results = asked(*history)["messages"]
    assert called["content"][0] == {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}}
    assert results["role"] == "user"
    assert results["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": [text("Sun.")]},
        {"type": "tool_result", "tool_use_id": "c2", "content": [text("Rain.")]},
        text("So?"),
    ]


@pytest.mark.parametrize(
    ("choice", "more", "expected"),
    [
        (None, {}, None),
        ("auto", {}, {"type": "auto"}),
        ("required", {}, {"type": "any"}),
        ("none", {}, {"type": "none"}),
        ({"type": "function", "function": {"name": "weather"}}, {}, {"type": "tool", "name": "weather"}),
        (None, {"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", {"parallel_tool_calls": False}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_tools_and_the_choice_among_them(choice, more, expected):
    request = asked(user("Hi"), tools=[TOOL], tool_choice=choice, **more)
    assert request["tools"] == [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}]
    assert request.get("tool_choice") == expected


def test_a_choice_without_tools_is_left_out():
    assert "tool_choice" not in asked(user("Hi"), tool_choice="auto")


def test_pictures_and_files_keep_their_bytes():
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}},
    ]
    assert asked(user(parts))["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PNG}},
    ]


def test_content_without_a_counterpart_is_refused_rather_than_dropped():
    with pytest.raises(IbexError) as refused:
        asked(user([{"type": "input_audio", "input_audio": {"data": PNG}}]))
    assert refused.value.status == 400
    assert PNG not in str(refused.value.envelope("r"))


def test_options_are_translated_and_strange_ones_left_out():
    request = asked(
        user("Hi"), max_completion_tokens=9, max_tokens=5, temperature=1.7, top_p=0.5, stop="END", stream=True,
        user="kim", seed=7, n=2, logit_bias={}, vendor={"x": 1},
    )  # fmt: skip
    del request["messages"]
    assert request == {
        "model": "claude",
        "max_tokens": 9,
        "temperature": 1,
        "top_p": 0.5,
        "stop_sequences": ["END"],
        "stream": True,
        "metadata": {"user_id": "kim"},
    }
    assert asked(user("Hi"), temperature=0, stop=["a", " "])["stop_sequences"] == ["a"]
    assert asked(user("Hi"), temperature=0)["temperature"] == 0


def test_json_is_asked_for_in_words():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    request = asked(user("Hi"), response_format={"type": "json_schema", "json_schema": {"name": "c", "schema": schema}})
    assert orjson.dumps(schema).decode() in request["system"][-1]["text"]
    assert "JSON object" in asked(user("Hi"), response_format={"type": "json_object"})["system"][0]["text"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
PARTS = st.sampled_from(["text", "image_url", "file", "input_audio", "tool_use"])
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function"])},
    optional={
        "content": json_values | st.lists(st.fixed_dictionaries({"type": PARTS}, optional={"text": json_values})),
        "tool_calls": json_values | st.lists(st.fixed_dictionaries({"function": json_values, "id": json_values})),
        "tool_call_id": json_values,
    },
)


@given(st.lists(MESSAGES, max_size=5), st.dictionaries(st.sampled_from(["tools", "tool_choice", "stop"]), json_values))
def test_whatever_is_asked_is_translated_or_refused_in_so_many_words(messages, options):
    try:
        request = asked(*messages, **options)
    except IbexError:
        return
    roles = [message["role"] for message in request["messages"]]
    assert roles[0] == "user"
    assert all(a != b for a, b in itertools.pairwise(roles))
    assert all(message["content"] for message in request["messages"])
