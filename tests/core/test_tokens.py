from __future__ import annotations

import asyncio

import bpe_openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibex.core import tokens
from ibex.core.tokens import CHUNK_CHARACTERS, at_most, can_count, count, encoding_for, estimate

TEXTS = ["", "Hello, world!", "naïve café — 東京 🐐", "def f(x):\n    return x ** 2\n", " ".join(map(str, range(500)))]


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
@pytest.mark.parametrize("text", TEXTS)
def test_the_compiled_half_counts_as_the_whole_package_does(text, encoding):
    assert count(text, encoding) == len(bpe_openai.get_encoding(encoding).encode_ordinary(text))


def test_a_text_of_any_length_is_counted():
    assert count("a b " * CHUNK_CHARACTERS) == pytest.approx(2 * CHUNK_CHARACTERS, rel=0.01)


@settings(deadline=None)
@given(st.text())
def test_no_text_has_more_tokens_than_bytes(text):
    assert count(text, "cl100k_base") <= at_most(text)
    assert count(text) <= at_most(text)


@pytest.mark.parametrize(
    "text",
    [
        "What did I decide about the garden when we last spoke of it this spring? Let me know before Friday, please.",
        "Ich habe gestern lange mit meiner Schwester telefoniert; sie zieht im Herbst nach Hamburg um.",
        "Я живу в Праге уже три года и работаю учителем музыки в начальной школе.",
        "我昨天和妹妹通了很长时间的电话。她秋天要搬到上海去工作。",
        '{"name": "get_weather", "arguments": {"location": "San Francisco, CA", "unit": "celsius", "days": 10}}',
        "def total(rows):\n    return sum(row.price * row.count for row in rows if row.is_paid)\n",
    ],
)
def test_an_estimate_is_close_for_ordinary_texts(text):
    assert estimate(text) == pytest.approx(count(text), rel=0.25)


@given(st.text())
def test_an_estimate_is_never_more_than_the_bytes(text):
    assert 0 <= estimate(text) <= at_most(text)


def test_away_from_an_event_loop_there_is_always_a_tokenizer(monkeypatch):
    monkeypatch.setattr(tokens, "_tokenizers", {})
    assert can_count("cl100k_base")


async def test_on_an_event_loop_a_tokenizer_is_loaded_beside_it(monkeypatch):
    monkeypatch.setattr(tokens, "_tokenizers", {})
    tokens._load_in_a_thread.cache_clear()
    assert not can_count("cl100k_base")
    await asyncio.to_thread(tokens._load_in_a_thread("cl100k_base").join)
    assert can_count("cl100k_base")


def test_half_a_surrogate_pair_is_counted_and_not_refused():
    assert count("a\ud800b") > 0


@pytest.mark.parametrize(
    ("model", "encoding"),
    [("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base"), ("gpt-3.5-turbo", "cl100k_base"), ("claude-x", "o200k_base")],
)
def test_a_models_family_decides_its_encoding(model, encoding):
    assert encoding_for(model) == encoding
