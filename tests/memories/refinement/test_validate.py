from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.models import Agent
from ibex.core.errors import InvalidRequest
from memories.refinement.validate import check, problems, tidied
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
    ],
)
def test_everything_that_is_wrong_is_named(agent: Agent, fields: dict[str, Any], wrong: set[str]) -> None:
    assert {error.field for error in problems(tidied(replace(draft(agent, "Fine."), **fields)))} == wrong


def test_texts_are_trimmed_of_what_a_database_cannot_hold(agent: Agent) -> None:
    tidy = tidied(draft(agent, " a\x00b\ud800 ", tags=("x", " x ", "y")))
    assert (tidy.content, tidy.tags) == ("ab?", ("x", "y"))


def test_a_problem_never_quotes_what_was_written(agent: Agent) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(draft(agent, "", category="my secret"))
    assert "my secret" not in str(refused.value.envelope("id"))
