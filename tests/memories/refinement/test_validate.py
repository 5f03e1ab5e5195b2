from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.models import Agent
from ibex.core.errors import InvalidRequest
from memories.refinement.validate import METADATA_MAX_DEPTH, check, problems, tidied
from tests.memories.making import NOON, draft


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, set()),
        ({"content": " \x00 "}, {"content"}),
        ({"content": "x" * 8_193}, {"content"}),
        ({"category": "rumour"}, {"category"}),
        ({"source": "hearsay"}, {"source"}),
        ({"end_user": "u" * 201}, {"end_user"}),
        ({"confidence": 1.1}, {"confidence"}),
        ({"labels": (("a", 0.1),) * 4}, {"labels"}),
        ({"labels": (("", 0.5),)}, {"labels"}),
        ({"labels": (("a", 2.0),)}, {"labels"}),
        ({"tags": tuple(map(str, range(33)))}, {"tags"}),
        ({"tags": ("",)}, {"tags"}),
        ({"tags": ("t" * 65,)}, {"tags"}),
        ({"valid_from": NOON, "valid_until": NOON - timedelta(days=1)}, {"valid_until"}),
        ({"metadata": {str(key): key for key in range(65)}}, {"metadata"}),
        ({"metadata": {"page": "a\x00b"}}, {"metadata"}),
        ({"metadata": {"a\x00b": 1}}, {"metadata"}),
        ({"metadata": {"number": 2**70}}, {"metadata"}),
        ({"metadata": {"text": "x" * 20_000}}, {"metadata"}),
        ({"metadata": {"text": "x" * 16_000, "deep": [[[{"a": [1]}]]]}}, set()),
        ({"end_user": "an\na"}, {"end_user"}),
        ({"end_user": "ana\u200b"}, {"end_user"}),
        ({"content": "\u200b\u2060"}, {"content"}),
    ],
)
def test_everything_that_is_wrong_is_named(agent: Agent, fields: dict[str, Any], wrong: set[str]) -> None:
    assert {error.field for error in problems(tidied(replace(draft(agent, "Fine."), **fields)))} == wrong


def test_texts_are_trimmed_of_what_a_database_cannot_hold(agent: Agent) -> None:
    tidy = tidied(draft(agent, " a\x00b\ud800 ", tags=("x", " x ", "y")))
    assert (tidy.content, tidy.tags) == ("ab?", ("x", "y"))


def test_what_nobody_sees_is_not_kept(agent: Agent) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey me")
    tidy = tidied(draft(agent, f"The us\u200ber\r\nlikes \u202ered\u202c\x1b[31m{hidden}.", tags=("re\u200bd",)))
    assert (tidy.content, tidy.tags) == ("The user\nlikes red[31m.", ("red",))


def test_lists_and_objects_may_stand_inside_each_other_only_so_deep(agent: Agent) -> None:
    deep: Any = 1
    for _ in range(METADATA_MAX_DEPTH - 1):
        deep = [deep]
    assert problems(tidied(draft(agent, "Fine.", metadata={"a": deep}))) == []
    assert [error.field for error in problems(tidied(draft(agent, "Fine.", metadata={"a": [deep]})))] == ["metadata"]


def test_a_problem_never_quotes_what_was_written(agent: Agent) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(draft(agent, "", category="my secret"))
    assert "my secret" not in str(refused.value.envelope("id"))
