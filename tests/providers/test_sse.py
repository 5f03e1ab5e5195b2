from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibex.providers.base import Usage
from ibex.providers.sse import (
    MAX_ACCUMULATED_BYTES,
    MAX_EVENT_BYTES,
    MAX_TOOL_CALLS,
    ChatAccumulator,
    ChatOutcome,
    SseParser,
    completion_from_json,
)

line_text = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
noise = st.sampled_from([": comment", "event: message", "id: 7", "retry: 10", "dataset: no", "odd line"])
events = st.lists(st.tuples(st.lists(noise, max_size=2), st.lists(line_text, min_size=1, max_size=3)), max_size=6)


def wire(of_events, end: str, *, space: str = " ") -> bytes:
    lines = []
    for extra, data in of_events:
        lines += [*extra, *(f"data:{space}{text}" for text in data), ""]
    return "".join(line + end for line in lines).encode()


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(whole) + 1) for place in places})
    return [whole[a:b] for a, b in zip([0, *at], [*at, len(whole)], strict=True)]


@given(events, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 10_000), max_size=12))
def test_events_are_the_same_wherever_their_bytes_are_cut(of_events, end, places):
    parser = SseParser()
    got = [payload for chunk in cut(wire(of_events, end), places) for payload in parser.feed(chunk)]
    assert got == ["\n".join(data).encode() for _, data in of_events]


@given(events, st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_are_the_same_one_byte_at_a_time(of_events, end):
    parser = SseParser()
    got = [payload for byte in wire(of_events, end) for payload in parser.feed(bytes([byte]))]
    assert got == ["\n".join(data).encode() for _, data in of_events]


def test_a_byte_order_mark_and_a_missing_space_are_fine():
    assert SseParser().feed(b"\xef\xbb\xbfdata:x\n\n") == [b"x"]


def test_an_event_without_its_empty_line_is_none_yet():
    parser = SseParser()
    assert parser.feed(b"data: x\n") == []
    assert parser.feed(b"\n") == [b"x"]


def test_an_event_over_the_limit_is_dropped_counted_and_the_next_one_is_read():
    parser = SseParser()
    chunk = b"x" * 100_000
    parser.feed(b"data: ")
    for _ in range(MAX_EVENT_BYTES // len(chunk) + 1):
        assert parser.feed(chunk) == []
    assert len(parser._line) <= MAX_EVENT_BYTES
    assert parser.feed(b"\ndata: more of it\n\ndata: next\n\n") == [b"next"]
    assert parser.oversized == [b""]


def event(**fields: object) -> bytes:
    return b"data: " + orjson.dumps(fields) + b"\n\n"


def delta(finish_reason: str | None = None, **said: object) -> bytes:
    return event(model="m-1", choices=[{"index": 0, "delta": said, "finish_reason": finish_reason}])


def call_delta(**call: object) -> bytes:
    return delta(tool_calls=[call])


def outcome_of(*chunks: bytes) -> ChatOutcome:
    accumulator = ChatAccumulator()
    for chunk in chunks:
        accumulator.feed(chunk)
    return accumulator.outcome()


WHOLE_STREAM = b"".join(
    [
        delta(role="assistant", content=""),
        delta(content="Grüße, "),
        b": ping\n\n",
        delta(content="🐶!"),
        call_delta(index=0, id="call_a", type="function", function={"name": "find", "arguments": ""}),
        call_delta(index=0, function={"arguments": '{"q":'}),
        call_delta(index=1, id="call_b", type="function", function={"name": "wait", "arguments": "{}"}),
        call_delta(index=0, function={"arguments": '"é"}'}),
        delta("tool_calls"),
        event(choices=[], usage={"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}),
        b"data: [DONE]\n\n",
    ]
)
WHOLE_OUTCOME = ChatOutcome(
    text="Grüße, 🐶!",
    tool_calls=(
        {"id": "call_a", "type": "function", "function": {"name": "find", "arguments": '{"q":"é"}'}},
        {"id": "call_b", "type": "function", "function": {"name": "wait", "arguments": "{}"}},
    ),
    finish_reason="tool_calls",
    model="m-1",
    usage=Usage(prompt_tokens=9, completion_tokens=4),
    is_complete=True,
)


@given(st.lists(st.integers(0, len(WHOLE_STREAM)), max_size=20))
def test_a_turn_is_put_together_wherever_the_stream_is_cut(places):
    assert outcome_of(*cut(WHOLE_STREAM, places)) == WHOLE_OUTCOME


def test_a_stream_that_breaks_off_is_not_complete_and_keeps_what_was_said():
    outcome = outcome_of(WHOLE_STREAM[: WHOLE_STREAM.index(b"tool_calls")])
    assert outcome.text == "Grüße, 🐶!"
    assert not outcome.is_complete


def test_done_is_known_as_soon_as_its_bytes_are_in():
    accumulator = ChatAccumulator()
    accumulator.feed(delta("stop", content="x") + b"data: [DO")
    assert not accumulator.done
    accumulator.feed(b"NE]\n\n")
    assert accumulator.done


def test_an_error_in_the_stream_is_not_a_complete_turn():
    outcome = outcome_of(delta(content="a"), event(error={"message": "overloaded"}), b"data: [DONE]\n\n")
    assert (outcome.text, outcome.is_complete) == ("a", False)


def test_calls_without_an_index_or_with_the_same_one_are_told_apart_by_their_ids():
    def arguments(*deltas: dict[str, object]) -> list[str]:
        outcome = outcome_of(*(call_delta(**each) for each in deltas))
        return [call["function"]["arguments"] for call in outcome.tool_calls]

    first, second = {"id": "a", "function": {"arguments": "1"}}, {"id": "b", "function": {"arguments": "2"}}
    more = {"function": {"arguments": "+"}}
    assert arguments(first, more, second, more) == ["1+", "2+"]
    assert arguments({"index": 0, **first}, {"index": 0, **second}, {"index": 0, **more}) == ["1", "2+"]


def test_only_the_first_choice_counts():
    outcome = outcome_of(
        event(choices=[{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]),
        event(choices=[{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]),
    )
    assert (outcome.text, outcome.finish_reason) == ("a", None)


def test_text_over_the_cap_is_cut_at_a_character_and_marked():
    outcome = outcome_of(delta(content="a"), *(delta(content="é" * 1000) for _ in range(600)))
    assert outcome.truncated
    assert len(outcome.text.encode()) == MAX_ACCUMULATED_BYTES - 1
    assert set(outcome.text) == {"a", "é"}


def test_calls_over_the_cap_are_left_out_and_marked():
    outcome = outcome_of(*(call_delta(index=number, id=str(number)) for number in range(MAX_TOOL_CALLS + 1)))
    assert (len(outcome.tool_calls), outcome.truncated) == (MAX_TOOL_CALLS, True)


def test_garbage_is_counted_and_what_is_around_it_is_kept():
    accumulator = ChatAccumulator()
    accumulator.feed(delta(content="a") + b"data: {broken\n\ndata: [1]\n\ndata: \xff\n\n" + delta(content="b"))
    assert accumulator.garbage == 3
    assert accumulator.outcome().text == "ab"


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "index",
                    "function",
                    "usage",
                    "prompt_tokens",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.binary(max_size=40) | anything.map(lambda value: b"data: " + orjson.dumps(value) + b"\n\n")))
def test_nothing_a_provider_streams_raises(chunks):
    orjson.dumps(outcome_of(*chunks).text)


@given(st.binary(max_size=60) | anything.map(orjson.dumps))
def test_nothing_a_provider_answers_raises(answer):
    completion_from_json(answer)


def test_a_whole_completion_has_the_same_outcome_as_its_stream():
    answer = {
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {"role": "assistant", "content": "Grüße, 🐶!", "tool_calls": list(WHOLE_OUTCOME.tool_calls)},
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4},
    }
    assert completion_from_json(orjson.dumps(answer)) == WHOLE_OUTCOME


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": None, "refusal": "I can't."}, "I can't."),
        ({"content": None}, ""),
    ],
)
def test_a_message_says_its_text_in_any_of_its_forms(message, text):
    assert completion_from_json(orjson.dumps({"choices": [{"index": 0, "message": message}]})).text == text


@pytest.mark.parametrize("answer", [b"", b"not json", b"[]", b'{"choices": []}', b'{"error": {"message": "no"}}'])
def test_what_is_no_completion_is_not_complete(answer):
    assert completion_from_json(answer) == ChatOutcome()


@pytest.mark.parametrize(
    "usage", [{}, {"prompt_tokens": "9"}, {"prompt_tokens": -1}, {"prompt_tokens": True}, [], 2**40]
)
def test_a_usage_that_makes_no_sense_is_none(usage):
    assert completion_from_json(orjson.dumps({"usage": usage})).usage is None
