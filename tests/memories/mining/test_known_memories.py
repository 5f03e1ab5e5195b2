"""A model that sees what is known already updates, refutes or confirms it, within the rules of refinement."""

from __future__ import annotations

from typing import Any

from django.db import connections

from agents.models import Agent
from ibex.core.tenancy import scope
from memories.choices import Relation, Source, Status
from memories.models import Memory, Relationship
from tests.memories.making import make_session, memories_of, remember, say
from tests.memories.mining.conftest import about, mine, says
from tests.model_double import ModelDouble


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
