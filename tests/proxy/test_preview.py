"""A preview is the very call that would be sent, and nothing has happened."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agents.models import Agent, Checkpoint, Session, Trace
from agents.services import directives
from context.models import AssemblyRecord, Injection
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.factories import make_agent, make_token
from tests.memories.making import keep, make_session, remember, say
from tests.proxy.application import Application, application
from tests.proxy.asgi import in_thread
from tests.proxy.calls import NOW, set_clock

__all__ = ["application"]

PREVIEW = "/v1/context/preview"
FACTS = ("My dog is called Biscuit.", "My cat is called Tom.")
ASKED = "What is my dog called?"


@pytest.fixture
def memories(agent, acme) -> list[Memory]:
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
    return [remember(agent, fact) for fact in FACTS]


def without_nonces(value: Any) -> Any:
    if isinstance(value, list):
        return [without_nonces(each) for each in value]
    if isinstance(value, dict):
        return {name: without_nonces(each) for name, each in value.items()}
    return re.sub(r"memories-\d{15}", "memories", value) if isinstance(value, str) else value


async def previewed(application: Application, asked: str, **headers: str) -> dict[str, Any]:
    body = {"model": "gpt-4o", "messages": [*application.history, {"role": "user", "content": asked}]}
    answer = await application.call(PREVIEW, body, **headers)
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("headers", [{}, {"x_ibex_session_id": "talk"}, {"x_ibex_memory": "off"}])
async def test_the_provider_gets_what_the_preview_showed(application, memories, headers):
    for asked in (ASKED, "And my cat?", "Thank you."):
        shown = await previewed(application, asked, **headers)
        sent = await application.ask(asked, **headers)
        assert without_nonces(shown["messages"]) == without_nonces(sent)


async def test_the_receipt_tells_every_candidate_with_its_words_and_why(application, memories):
    receipt = (await previewed(application, ASKED))["receipt"]
    first = receipt["candidates"][0]
    assert (first["content"], first["category"], first["memory_id"]) == (FACTS[0], "factual", str(memories[0].pk))
    assert (first["rank"], first["is_packed"], first["vector_rank"], first["word_rank"]) == (1, True, 1, 1)
    assert set(first["components"]) == {"relevance", "recency", "usefulness", "confidence", "frequency"}
    assert (receipt["level"], receipt["missing"], receipt["directive_version"], receipt["mode"]) == (0, [], 1, "on")
    assert receipt["budget"]["window"] == 128_000
    assert receipt["budget"]["memory"] == 2_000
    assert "assembly" in receipt["stages"]
    assert receipt["session_id"] is None
    assert receipt["memories_injected"] == sum(line["is_packed"] for line in receipt["candidates"])


async def test_what_was_said_is_a_candidate_with_its_words(application, agent):
    said = "I walked my dog Biscuit along the river this morning."

    def hear() -> None:
        keep(agent, [say(make_session(agent), said)])

    await in_thread(hear)
    receipt = (await previewed(application, "Where did I walk my dog Biscuit?"))["receipt"]
    [line] = [line for line in receipt["candidates"] if line["excerpt_id"]]
    assert (line["memory_id"], line["content"], line["is_packed"]) == (None, said, True)
    assert receipt["memories_injected"] == 0


async def test_a_session_that_goes_on_is_named(application, memories):
    await application.ask(ASKED)
    assert (await previewed(application, "And my cat?"))["receipt"]["session_id"] == str(application.session_id)


async def test_nothing_has_happened(application, memories, acme, entries):
    await application.ask(ASKED)

    def kept() -> tuple[int, ...]:
        with scope(acme.pk):
            counted = tuple(model.objects.count() for model in (Session, Checkpoint, Trace, Injection, AssemblyRecord))
            shown = tuple(Memory.objects.order_by("pk").values_list("injection_count", flat=True))
        return counted + shown

    def remembered() -> dict[str, Any]:
        pattern = re.compile(rb":(fingerprint|session|shown):")
        return {key: redis().get(key) for key in redis().scan_iter(f"{acme.pk}:*") if pattern.search(key)}

    before = await in_thread(kept), await in_thread(remembered)
    calls = len(application.received)
    for _ in range(2):
        await previewed(application, "And my cat?")
        await previewed(application, "Who are you?", x_ibex_session_id="new")
    assert await in_thread(entries) == []
    assert (await in_thread(kept), await in_thread(remembered)) == before
    assert len(application.received) == calls
    await application.ask("And my cat?")
    assert (await in_thread(kept))[0] == before[0][0], "the session goes on as if nobody had looked"


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("responses", {"model": "gpt-4o", "input": ASKED}),
        ("messages", {"model": "gpt-4o", "max_tokens": 99, "messages": [{"role": "user", "content": ASKED}]}),
    ],
)
async def test_the_other_apis_are_shown_as_they_would_be_sent(application, memories, api, body):
    shown = (await application.call(f"{PREVIEW}?api={api}", body)).json
    answer = await application.call(f"/v1/{api}", body)
    assert answer.status == 200
    assert "Biscuit" in str(shown["request"])
    assert without_nonces(shown["request"]) == without_nonces(application.received[-1])


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (PREVIEW, b"{", 400, "INVALID_REQUEST"),
        (PREVIEW, [], 400, "INVALID_REQUEST"),
        (PREVIEW, {}, 400, "INVALID_REQUEST"),
        (PREVIEW, {"model": "gpt-4o", "messages": [1]}, 400, "INVALID_REQUEST"),
        (f"{PREVIEW}?api=telegraph", {"model": "gpt-4o", "messages": []}, 400, "INVALID_REQUEST"),
        (f"{PREVIEW}?api=%ff", {"model": "gpt-4o", "messages": []}, 400, "INVALID_REQUEST"),
        (PREVIEW, b" " * (1 << 20) + b"{}", 413, "BODY_TOO_LARGE"),
    ],
)
async def test_a_body_that_would_be_refused_is_refused(application, path, body, status, code):
    answer = await application.call(path, body)
    assert (answer.status, answer.error["code"]) == (status, code)


async def test_strangers_see_nothing(application, memories, charlie, foreign_agent, acme, agent):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": ASKED}]}

    async def refusal(**headers: str) -> tuple[int, str]:
        answer = await application.call(PREVIEW, body, **headers)
        assert b"Biscuit" not in answer.body
        return answer.status, answer.error["code"]

    assert await refusal(authorization=f"Bearer {charlie.token}") == (403, "AGENT_NOT_AUTHORIZED")
    assert await refusal(authorization="Bearer nobody") == (401, "UNAUTHENTICATED")
    assert await refusal(x_ibex_agent_id=str(foreign_agent.pk)) == (403, "AGENT_NOT_AUTHORIZED")
    narrow = await in_thread(lambda: make_token(acme, scopes=["trace:read"]))
    assert await refusal(authorization=f"Bearer {narrow}") == (403, "SCOPE_MISSING")
    other = await in_thread(lambda: make_token(acme, agent=make_agent(acme, "Other")))
    assert await refusal(authorization=f"Bearer {other}") == (403, "AGENT_NOT_AUTHORIZED")
    theirs = await application.call(
        PREVIEW, body, authorization=f"Bearer {charlie.token}", x_ibex_agent_id=foreign_agent.slug
    )
    assert theirs.status == 200
    assert theirs.json["receipt"]["candidates"] == []


async def test_an_end_users_memories_are_shown_in_that_end_users_preview_alone(application, agent):
    await in_thread(lambda: remember(agent, "My dog is called Biscuit.", end_user="kim"))
    for headers, count in (({"x_ibex_user_id": "kim"}, 1), ({"x_ibex_user_id": "lee"}, 0), ({}, 0)):
        assert len((await previewed(application, ASKED, **headers))["receipt"]["candidates"]) == count


async def test_previews_count_against_the_limits_like_calls(application, agent, monkeypatch):
    set_clock(monkeypatch, NOW)  # a minute that ends meanwhile would let more through
    with_limit = {"requests_per_minute": 2}
    await in_thread(lambda: _limit(agent, **with_limit))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": ASKED}]}
    answers = [await application.call(PREVIEW, body) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "2"


def _limit(agent: Agent, **limits: int) -> None:
    with scope(agent.org_id):
        Agent.objects.filter(pk=agent.pk).update(**limits)
