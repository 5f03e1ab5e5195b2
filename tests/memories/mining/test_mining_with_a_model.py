"""Mining by a model of the agent's choice: the double at the seam is an HTTP server that answers what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import stamina
from django.db import connections

from agents.choices import ProviderKind
from agents.models import Agent, ModelCall, ProviderConnection, Session
from agents.services import agents
from ibex.core.tenancy import scope
from memories import tasks
from memories.choices import Relation, Source, Status
from memories.mining import extractors
from memories.models import Extraction, Memory, Relationship
from tests.memories.making import make_session, memories_of, pointer_of, remember, say
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


def calls_of(agent: Agent) -> list[ModelCall]:
    with scope(agent.org_id):
        return list(ModelCall.objects.filter(agent=agent).order_by("created_at"))


def failure_of(session: Session) -> Extraction:
    with scope(session.org_id):
        return Extraction.objects.get(session=session)


def test_what_the_model_finds_is_stored_with_its_version_and_its_cost(agent: Agent, double: ModelDouble) -> None:
    double.answer = says(memory("The user moved to Lisbon.", "we moved to Lisbon"))
    session = make_session(agent)
    turn = say(session, "Hi! Last week we moved to Lisbon.")
    mine(session)
    [stored] = memories_of(agent)
    assert (stored.content, stored.evidence) == ("The user moved to Lisbon.", "we moved to Lisbon")
    assert (stored.extractor, stored.source, stored.checkpoint_id) == (f"llm-1 {MODEL}", Source.EXTRACTED, turn.pk)
    [call] = calls_of(agent)
    assert (call.purpose, call.outcome, call.model, call.calls) == ("extraction", "OK", MODEL, 1)
    assert (call.prompt_tokens, call.completion_tokens) == (100, 20)
    assert call.cost is not None
    assert call.cost > Decimal(0)
    assert pointer_of(session) == 1


def test_without_a_model_none_is_asked(agent: Agent, double: ModelDouble) -> None:
    choose(agent, "")
    session = make_session(agent)
    say(session, "I live in Porto.")
    mine(session)
    assert all(stored.extractor.startswith("local-") for stored in memories_of(agent))
    assert memories_of(agent)
    assert double.asked == []


def test_what_it_makes_up_is_not_stored(agent: Agent, double: ModelDouble) -> None:
    double.answer = says(memory("The user earns 90000 a year.", "I earn 90000"), memory("The user is rich.", "Hello"))
    session = make_session(agent)
    say(session, "Hello there.")
    mine(session)
    assert (memories_of(agent), pointer_of(session)) == ([], 1)


def test_an_unsure_one_waits_for_a_person(agent: Agent, double: ModelDouble) -> None:
    double.answer = says(memory("The user lives in Lisbon.", "I live in Lisbon", confidence=0.3))
    session = make_session(agent)
    say(session, "I live in Lisbon, more or less.")
    mine(session)
    assert [stored.status for stored in memories_of(agent)] == [Status.PENDING_REVIEW]


def test_a_long_turn_is_asked_about_in_parts_and_stored_as_one(agent: Agent, double: ModelDouble) -> None:
    said = "We talked about nothing in particular.\n" * 3_000 + "I live in Lisbon."

    def answer(data: Any) -> dict[str, Any]:
        heard = "I live in Lisbon." in data["turns"][0]["user"]
        return {"memories": [memory("The user lives in Lisbon.", "I live in Lisbon")] if heard else []}

    double.answer = answer
    session = make_session(agent)
    say(session, said)
    mine(session)
    assert [stored.content for stored in memories_of(agent)] == ["The user lives in Lisbon."]
    assert len(calls_of(agent)) == len(double.asked) > 4
    assert pointer_of(session) == 1


class TestKnownMemories:
    PORTO = "The user lives in a house in Porto with a garden."

    def heard(self, agent: Agent, text: str) -> list[Memory]:
        session = make_session(agent)
        say(session, text)
        mine(session)
        return memories_of(agent)

    def test_an_update_takes_the_place_of_the_older_one(self, agent: Agent, double: ModelDouble) -> None:
        old = remember(agent, self.PORTO)
        double.answer = about(
            self.PORTO,
            act="update",
            content="The user lives in a flat in Lisbon.",
            evidence="I live in a flat in Lisbon",
        )
        before, after = self.heard(agent, "These days I live in a flat in Lisbon.")
        assert (before.pk, before.status, after.status) == (old.pk, Status.SUPERSEDED, Status.ACTIVE)
        with scope(agent.org_id):
            edge = Relationship.objects.get(source=after, target=before)
        assert (edge.kind, edge.confidence) == (Relation.SUPERSEDES, 0.9)

    def test_an_unsure_update_waits_for_a_person(self, agent: Agent, double: ModelDouble) -> None:
        remember(agent, self.PORTO)
        double.answer = about(
            self.PORTO, act="update", content="The user lives in a flat in Lisbon.",
            evidence="I live in a flat in Lisbon", confidence=0.7,
        )  # fmt: skip
        before, after = self.heard(agent, "These days I live in a flat in Lisbon.")
        assert (before.status, after.status) == (Status.ACTIVE, Status.PENDING_REVIEW)

    def test_a_refuted_one_retires(self, agent: Agent, double: ModelDouble) -> None:
        remember(agent, self.PORTO)
        double.answer = about(
            self.PORTO,
            act="refute",
            content="The user no longer lives in Porto.",
            evidence="I don't live in Porto anymore",
        )
        before, after = self.heard(agent, "By the way, I don't live in Porto anymore.")
        assert (before.status, after.status) == (Status.SUPERSEDED, Status.ACTIVE)

    def test_a_confirmation_is_one_proof_more_and_no_memory_more(self, agent: Agent, double: ModelDouble) -> None:
        remember(agent, self.PORTO, confidence=0.7)
        double.answer = about(self.PORTO, act="confirm", content="-", evidence="my house with the garden in Porto")
        [stored] = self.heard(agent, "I live in Porto still, my house with the garden in Porto is lovely.")
        assert (stored.content, stored.proof_count) == (self.PORTO, 2)
        assert stored.confidence > 0.7

    def test_one_that_changed_meanwhile_is_not_confirmed(self, agent: Agent, double: ModelDouble) -> None:
        old = remember(agent, self.PORTO)

        def answer(data: Any) -> dict[str, Any]:
            with scope(agent.org_id):
                Memory.objects.filter(pk=old.pk).update(version=2)
            connections["default"].close()
            return about(self.PORTO, act="confirm", content="-", evidence="my house with the garden in Porto")(data)

        double.answer = answer
        [stored] = self.heard(agent, "I live in Porto still, my house with the garden in Porto is lovely.")
        assert stored.proof_count == 1

    def test_what_a_person_wrote_is_not_replaced_on_a_models_word(self, agent: Agent, double: ModelDouble) -> None:
        remember(agent, self.PORTO, source=Source.USER_PROVIDED, actor="operator:1")
        double.answer = about(
            self.PORTO,
            act="update",
            content="The user lives in a flat in Lisbon.",
            evidence="I live in a flat in Lisbon",
        )
        before, after = self.heard(agent, "These days I live in a flat in Lisbon.")
        assert (before.status, after.status) == (Status.ACTIVE, Status.PENDING_REVIEW)

    def test_only_the_end_users_own_are_shown(self, agent: Agent, double: ModelDouble) -> None:
        remember(agent, "The user lives in Porto with Ann.", end_user="ann")
        remember(agent, "The user lives in Porto with Bob.", end_user="bob")
        double.answer = says()
        session = make_session(agent)
        say(session, "We live in Porto now.", end_user="ann")
        say(session, "We live in Porto too.", end_user="bob")
        mine(session)
        told = [(data["turns"][0]["turn"], [one["content"] for one in data["known"]]) for data in double.asked]
        assert told == [(1, ["The user lives in Porto with Ann."]), (2, ["The user lives in Porto with Bob."])]
        assert all(len(data["turns"]) == 1 and data["earlier"] == [] for data in double.asked)


class TestOptOuts:
    def test_turns_that_may_not_teach_reach_no_model(self, agent: Agent, double: ModelDouble) -> None:
        double.answer = says()
        session = make_session(agent)
        say(session, "My secret is in Porto.", may_learn=False)
        say(session, "This was cut off in Porto.", is_complete=False)
        say(session, "I play the violin.")
        mine(session)
        say(session, "I sail as well.")
        mine(session)
        assert [[turn["user"] for turn in data["turns"]] for data in double.asked] == [
            ["I play the violin."], ["I sail as well."],
        ]  # fmt: skip
        assert "Porto" not in str(double.asked)
        assert pointer_of(session) == 4

    def test_where_none_may_teach_none_is_asked(self, agent: Agent, double: ModelDouble) -> None:
        session = make_session(agent)
        say(session, "My secret is in Porto.", may_learn=False)
        mine(session)
        assert (double.asked, pointer_of(session)) == ([], 1)


class TestAModelThatFails:
    def test_it_is_tried_again_and_nothing_else_learns_in_its_place(self, agent: Agent, double: ModelDouble) -> None:
        double.answer = lambda _data: 500
        session = make_session(agent)
        say(session, "I live in Porto.")
        mine(session)
        row = failure_of(session)
        assert (row.failures, row.error, row.next_try_at is None) == (1, "PROVIDER_FAILED", False)
        assert (memories_of(agent), pointer_of(session)) == ([], 0)
        assert [call.outcome for call in calls_of(agent)] == ["PROVIDER_FAILED"]

    def test_one_that_nobody_serves_is_named_as_such(self, agent: Agent, double: ModelDouble) -> None:
        choose(agent, "no-such-model")
        with scope(agent.org_id):
            ProviderConnection.objects.filter(kind=ProviderKind.SANDBOX).delete()
        session = make_session(agent)
        say(session, "I live in Porto.")
        mine(session)
        assert failure_of(session).error == "MODEL_NOT_FOUND"

    def test_an_answer_in_no_form_is_named_as_such(self, agent: Agent, double: ModelDouble) -> None:
        double.answer = lambda _data: {"memories": [{"content": "The user lives in Porto."}]}
        session = make_session(agent)
        say(session, "I live in Porto.")
        mine(session)
        assert failure_of(session).error == "MODEL_ANSWER_INVALID"
        assert len(double.asked) == 3

    def test_a_batch_without_time_left_asks_nothing_more(self, agent: Agent, double: ModelDouble, monkeypatch) -> None:
        monkeypatch.setattr(extractors, "BATCH_S", 0.0)
        session = make_session(agent)
        say(session, "I live in Porto.")
        mine(session)
        assert (failure_of(session).error, double.asked) == ("PROVIDER_TIMEOUT", [])


def test_no_connection_is_held_while_the_model_thinks(agent: Agent, double: ModelDouble) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.")
    mark = f"mining-{session.pk}"[:60]
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", [mark])
    held: list[int] = []

    def answer(_data: Any) -> dict[str, Any]:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [mark])
            held.append(cursor.fetchone()[0])
        connections["default"].close()
        return {"memories": []}

    double.answer = answer
    mine(session)
    assert held == [0]


def test_where_there_is_only_the_sandbox_it_stands_in_and_every_memory_says_so(agent: Agent) -> None:
    choose(agent, MODEL)
    session = make_session(agent)
    say(session, "My name is Ines and I work as a nurse in Porto.")
    mine(session)
    assert {stored.extractor for stored in memories_of(agent)} == {"llm-1 sandbox"}
    assert [(call.outcome, call.provider) for call in calls_of(agent)] == [("OK", "Sandbox")]
