"""Asking an agent's model for structured data, with what it costs on record. For workers and writes, not the proxy."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import connections

from agents.models import ModelCall
from agents.routes import upstreams_for
from ibex.core.errors import IbexError
from ibex.core.tenancy import scope
from ibex.providers.structured import DEADLINE_S, Question, Spent
from ibex.providers.structured import ask as ask_providers

OK = "OK"
_NANO = Decimal("0.000000001")
_log = structlog.get_logger(__name__)


def ask(org_id: UUID, agent_id: UUID, question: Question, *, purpose: str, deadline_s: float = DEADLINE_S) -> Any:
    """The object that the model answers, valid under the question's schema.

    Waits up to `deadline_s`, and holds no database connection while it does: call it outside any transaction. What the
    question used is kept as a ModelCall, also when it failed. Raises IbexError: ProviderError and its kinds,
    ProviderNotConfigured, ModelNotFound.
    """
    if connections["default"].in_atomic_block:
        raise RuntimeError("a model is never asked inside a transaction")
    spent, began, outcome = Spent(), time.perf_counter(), OK
    try:
        with scope(org_id):
            upstreams = upstreams_for(org_id, question.model)
        connections["default"].close()
        return asyncio.run(ask_providers(upstreams, question, spent, deadline_s=deadline_s))
    except IbexError as error:
        outcome = error.code
        raise
    finally:
        duration_ms = round((time.perf_counter() - began) * 1000, 1)
        _keep(org_id, agent_id, question, spent, purpose=purpose, outcome=outcome, duration_ms=duration_ms)


def _keep(org_id: UUID, agent_id: UUID, question: Question, spent: Spent, **told: Any) -> None:
    dollars = None if spent.cost is None else spent.cost.quantize(_NANO)
    used = {
        "provider": spent.provider,
        "model": question.model,
        "form": spent.form,
        "calls": spent.calls,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cost": dollars,
    }
    with scope(org_id):
        ModelCall.objects.create(org_id=org_id, agent_id=agent_id, **used, **told)
    _log.info(
        "model_asked",
        org_id=str(org_id),
        agent_id=str(agent_id),
        calls=spent.calls,
        tokens=spent.prompt_tokens + spent.completion_tokens,
        **told,
    )
