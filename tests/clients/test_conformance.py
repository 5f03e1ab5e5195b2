"""The real clients, each through all that it can do: what it is told, what it raises, and the sessions that it leaves.

A script in `scripts/` runs a client's features, each as an end user of its own, and prints what each came to. OpenAI's
SDK is in every run; the others are installed at first use, and the run ends with a table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.choices import ProviderKind
from agents.models import Checkpoint, Organization, ProviderConnection
from ibex.core.tenancy import scope
from tests.clients.conftest import SCRIPTS, TABLE, run_script
from tests.clients.provider import Provider
from tests.factories import make_agent, make_organization, make_token
from tests.flow.conftest import Ibex, wait_for

OPENAI, ANTHROPIC = ProviderKind.OPENAI, ProviderKind.ANTHROPIC
CLIENTS = {
    "openai, behind it OpenAI's API": ("openai_sdk.py", OPENAI),
    "openai, behind it Anthropic's API": ("openai_sdk.py", ANTHROPIC),
    "openai of the major before": ("openai_sdk.py", OPENAI),
    "anthropic, behind it Anthropic's API": ("anthropic_sdk.py", ANTHROPIC),
    "anthropic, behind it OpenAI's API": ("anthropic_sdk.py", OPENAI),
    "langchain-openai": ("langchain_sdk.py", OPENAI),
    "litellm": ("litellm_sdk.py", OPENAI),
    "openai for Node": ("node_openai.mjs", OPENAI),
}
ALWAYS = "openai, behind it OpenAI's API"

ARGUMENTS = {"city": "Rome"}
ERRORS = {
    "400": "BadRequestError",
    "401": "AuthenticationError",
    "403": "PermissionDeniedError",
    "404": "NotFoundError",
    "429": "RateLimitError",
    "500": "InternalServerError",
}
EXPECTED: dict[str, Any] = {
    "whole": ["You said: Hi", "stop", 11, 3],
    "stream": ["You said: Hi", "stop", True],
    "usage_in_stream": [11, 3],
    "asynchronous": ["You said: Hi", "You said: Ho"],
    "session": ["You said: One", "You said: Two", "You said: Three"],
    "window": [6, True],
    "tools": ["weather", ARGUMENTS, "It is sunny in Rome."],
    "tools_in_stream": ["weather", ARGUMENTS, "It is sunny in Rome."],
    "structured": {"city": "Rome", "sunny": True},
    "picture": "I see 1 picture.",
    "errors": ERRORS,
    "error_body": ["INVALID_REQUEST", "invalid_request_error", "messages", True],
    "leaving": ["word", "You said: Enough."],
    "timeout": {"APITimeoutError", "Timeout", "APIConnectionTimeoutError"},
    "embeddings": [384, 384],
    "models": ["ibex-sandbox", "say"],
    "responses": [True, True],
}
# LiteLLM knows no 403, names a 502 by itself, and takes whatever says `invalid_request_error` for a 400.
OF_ITS_OWN = {("litellm", "errors"): ERRORS | {"403": "APIError", "404": "BadRequestError", "500": "BadGatewayError"}}
# How many turns each feature leaves, in one session; two questions asked apart are two sessions.
TURNS = {
    "whole": 1, "stream": 1, "usage_in_stream": 1, "session": 3, "window": 6, "tools": 2, "tools_in_stream": 2,
    "structured": 1, "picture": 1, "leaving": 2, "responses": 2,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Conformed:
    """One client's run."""

    client: str
    organization: Organization
    provider: Provider
    results: dict[str, dict[str, Any]]

    def turns(self, feature: str) -> list[Checkpoint]:
        """What the feature's end user has left in the vault."""
        with scope(self.organization.pk):
            rows = Checkpoint.objects.of(self.organization.pk).filter(end_user=feature)
            return list(rows.order_by("session__started_at", "session", "number"))


@pytest.fixture(scope="module")
def conformed(request: pytest.FixtureRequest, ibex: Ibex) -> Iterator[Conformed]:
    script, kind = CLIENTS[request.param]
    organization = make_organization("Clients")
    agent = make_agent(organization, "Assistant")
    provider = Provider()
    with scope(organization.pk):
        own = ProviderConnection(org=organization, name="Upstream", kind=kind, base_url=provider.base_url, priority=200)
        own.set_key("sk-upstream")
        own.save()
        ProviderConnection.objects.of(organization.pk).exclude(pk=own.pk).update(model_patterns=["ibex-sandbox"])
    command, cwd = _command(request, script)
    lines = run_script(command, cwd=cwd, ibex=ibex, token=make_token(organization), agent=agent)
    results = {line.pop("feature"): line for line in lines}
    yield Conformed(client=request.param, organization=organization, provider=provider, results=results)
    provider.close()


def _command(request: pytest.FixtureRequest, script: str) -> tuple[list[str], Path]:
    if script.endswith(".mjs"):
        project: Path = request.getfixturevalue("node_project")
        return ["node", str(project / script)], project
    is_own = script == "openai_sdk.py" and "before" not in request.param
    python = sys.executable if is_own else str(request.getfixturevalue("other_python"))
    return [python, str(SCRIPTS / script)], SCRIPTS


@pytest.mark.parametrize(
    "conformed",
    [pytest.param(name, id=name, marks=() if name == ALWAYS else pytest.mark.load) for name in CLIENTS],
    indirect=True,
    scope="module",
)
@pytest.mark.parametrize("feature", EXPECTED)
def test_a_client(conformed: Conformed, feature: str, request: pytest.FixtureRequest) -> None:
    result = conformed.results.get(feature)
    if result is None:
        pytest.skip("this client has no such thing")
    table = request.config.stash.setdefault(TABLE, {})
    table[conformed.client, feature] = False
    expected = OF_ITS_OWN.get((conformed.client, feature), EXPECTED[feature])
    value = result.get("value", result)
    if isinstance(expected, set):
        assert value in expected
    else:
        assert value == expected
    _check_turns(conformed, feature)
    if feature in ("leaving", "timeout"):
        gone = {"leaving": "endless", "timeout": "hang"}[feature]
        wait_for(lambda: gone in conformed.provider.left, seconds=5, what="the provider's caller to leave")
    table[conformed.client, feature] = True


def _check_turns(conformed: Conformed, feature: str) -> None:
    count = TURNS.get(feature)
    if count is None:
        return

    def recorded() -> list[Checkpoint]:
        turns = conformed.turns(feature)
        return turns if len(turns) >= count else []

    turns = wait_for(recorded, what=f"{count} turns of {feature}")
    assert len(turns) == count
    assert len({turn.session_id for turn in turns}) == 1
    assert not any(turn.is_imported for turn in turns)
    assert [turn.is_complete for turn in turns] == [feature != "leaving", True][:count] + [True] * (count - 2)
