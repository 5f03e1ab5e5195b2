"""Which extractor reads an agent's turns: the local one, or the model that the agent names."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from django.db import connections

from agents.models import Agent
from agents.services.asking import ask
from ibex.core.queue import TASK_S
from ibex.providers.errors import ProviderTimeout
from ibex.providers.structured import Question
from memories.extraction import Extractor, LocalExtractor
from memories.extraction.llm import LlmExtractor
from memories.mining.recall import nearest

PURPOSE = "extraction"
ASK_S = 45.0
"""For one question."""
BATCH_S = TASK_S / 2
"""For all questions of a batch: with what comes before and after (refinement may ask a model as well), a task stays
within what the queue allows."""
LEAST_S = 1.0
"""With less time than that, nothing is asked any more."""


def extractor_for(agent: Agent, end_user: str) -> Extractor:
    """The agent's extractor for turns of one end user; made anew for each batch."""
    model = agent.extraction_model.strip()
    if not model:
        return local()
    return LlmExtractor(
        model,
        ask=partial(_ask, agent, time.monotonic() + BATCH_S),
        recall=partial(nearest, agent, end_user),
    )


@lru_cache(maxsize=1)
def local() -> LocalExtractor:
    """The process's local extractor."""
    return LocalExtractor()


def _ask(agent: Agent, until: float, question: Question) -> Mapping[str, Any]:
    left = min(ASK_S, until - time.monotonic())
    if left < LEAST_S:
        raise ProviderTimeout
    try:
        answer: Mapping[str, Any] = ask(agent.org_id, agent.pk, question, purpose=PURPOSE, deadline_s=left)
    finally:
        connections["default"].close()  # this may be a thread that ends with its question
    return answer
