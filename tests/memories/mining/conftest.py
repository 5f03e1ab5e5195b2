"""An agent whose turns a model mines: the double at the seam is an HTTP server that answers what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stamina

from agents.models import Agent, Session
from agents.services import agents
from ibex.core.tenancy import scope
from memories import tasks
from tests.model_double import MODEL, ModelDouble, model_double

Answer = Callable[[Any], dict[str, Any] | int]


@pytest.fixture
def double(agent: Agent) -> Iterator[ModelDouble]:
    """The model that mines for the agent."""
    with model_double() as double, stamina.set_testing(True, attempts=1, cap=True):
        double.serve(agent.org_id)
        choose(agent, MODEL)
        yield double


def choose(agent: Agent, model: str) -> None:
    with scope(agent.org_id):
        agents.update(agent, actor="operator:1", extraction_model=model)


def mine(session: Session) -> None:
    tasks.extract_session(str(session.org_id), str(session.pk))


def memory(content: str, evidence: str, **fields: Any) -> dict[str, Any]:
    return {
        "turn": 1, "role": "user", "evidence": evidence, "content": content, "act": "add", "known": 0,
        "category": "factual", "labels": ["home"], "confidence": 0.9, "valid_from": "", "valid_until": "",
        "subject": "user", "attribute": "",
    } | fields  # fmt: skip


def says(*memories: dict[str, Any]) -> Answer:
    return lambda _data: {"memories": list(memories)}


def about(words: str, **fields: Any) -> Answer:
    """One memory that does something to the known one of these words."""

    def answer(data: Any) -> dict[str, Any]:
        [number] = [one["number"] for one in data["known"] if one["content"] == words]
        return {"memories": [memory(known=number, **fields)]}

    return answer
