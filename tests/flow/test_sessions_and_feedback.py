"""An application with OpenAI's SDK ends its conversations and judges its answers, right after it got them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from agents.models import Agent, Checkpoint, Organization
from context.models import Feedback
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.factories import make_token
from tests.flow.conftest import Ibex, wait_for
from tests.memories.making import remember

ARCHIVED_WITHIN_S = 30  # SPEC section 4


@pytest.fixture
def client(ibex: Ibex, acme: Organization, agent: Agent) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{ibex.base_url}/v1", api_key=make_token(acme), default_headers={"X-IBEX-Agent-ID": agent.slug}
    ) as client:
        yield client


def ask(client: openai.OpenAI, text: str, **headers: str) -> httpx.Headers:
    """One whole call; the headers of its answer."""
    return client.chat.completions.with_raw_response.create(
        model="m", messages=[{"role": "user", "content": text}], extra_headers=headers
    ).headers


def post(client: openai.OpenAI, path: str, body: Any = None) -> dict[str, Any]:
    """Addresses that the SDK has no method for."""
    answer: dict[str, Any] = client.post(path, cast_to=dict[str, Any], body=body)
    return answer


def test_a_session_is_completed_right_after_its_first_turn_and_goes_on_with_the_next(client, acme):
    ask(client, "My dog is called Biscuit.", **{"X-IBEX-Session-ID": "chat 7/b"})
    done = post(client, "/sessions/chat%207%2Fb/complete")
    assert (done["status"], done["external_id"], done["turn_count"]) == ("completed", "chat 7/b", 1)
    assert post(client, f"/sessions/{done['id']}/complete") == done

    def mined() -> bool:
        with scope(acme.pk):
            return Memory.objects.filter(session_id=done["id"]).exists()

    wait_for(mined, what="a memory of the completed session")
    ask(client, "And my cat is called Tom.", **{"X-IBEX-Session-ID": "chat 7/b"})

    def is_active_again() -> bool:
        shown = client.get(f"/sessions/{done['id']}", cast_to=dict[str, Any])
        return (shown["status"], shown["completed_at"], shown["turn_count"]) == ("active", None, 2)

    wait_for(is_active_again, what="the session's second turn")


def test_a_completed_session_is_archived_within_half_a_minute(client, acme):
    ask(client, "My dog is called Biscuit.", **{"X-IBEX-Session-ID": "chat 8"})
    done = post(client, "/sessions/chat%208/complete")

    def archived() -> httpx.Response | None:
        address = f"{str(client.base_url).removesuffix('/v1/')}/api/v1/sessions/{done['id']}/archive"
        answer = httpx.get(address, headers={"Authorization": f"Bearer {client.api_key}"})
        return answer if answer.status_code == 200 else None

    link = wait_for(archived, seconds=ARCHIVED_WITHIN_S, what="the session's archive").json()
    [line] = httpx.get(link["url"]).text.splitlines()
    assert json.loads(line)["user_text"] == "My dog is called Biscuit."


def test_feedback_right_after_an_answer_moves_the_memories_in_it(client, acme, agent):
    memory = remember(agent, "The user's dog is called Biscuit.")

    def recalled() -> httpx.Headers | None:
        headers = ask(client, "What is my dog called?")
        return headers if int(headers["X-IBEX-Memories-Injected"]) else None

    request_id = wait_for(recalled, what="an answer with a memory in it")["X-Request-ID"]
    given = post(client, "/feedback", {"request_id": request_id, "useful": True, "comment": "Right."})
    assert given["memories"] == [{"id": str(memory.pk), "usefulness": pytest.approx(0.6)}]
    assert post(client, "/feedback", {"request_id": request_id, "useful": True}) == given
    with scope(acme.pk):
        assert {row.session_id for row in Feedback.objects.filter(request_id=request_id)} == {
            Checkpoint.objects.get(request_id=request_id).session_id
        }
        assert Memory.objects.get(pk=memory.pk).usefulness == pytest.approx(0.6)


def test_a_request_that_never_was_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        post(client, "/feedback", {"request_id": "0198c6f2-0000-7000-8000-000000000000", "useful": True})
    with pytest.raises(openai.NotFoundError):
        post(client, "/sessions/never/complete")


def test_one_model_is_retrieved(client):
    assert client.models.retrieve("ibex-sandbox").id == "ibex-sandbox"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-none")
