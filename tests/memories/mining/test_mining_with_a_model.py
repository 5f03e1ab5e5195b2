"""Mining by a model of the agent's choice: the double at the seam is an HTTP server that answers what it is told to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import connections

from agents.choices import ProviderKind
from agents.models import Agent, ModelCall, ProviderConnection, Session
from ibex.core.tenancy import scope
from memories.choices import Source, Status
from memories.mining import extractors
from memories.models import Extraction
from tests.memories.making import make_session, memories_of, pointer_of, say
from tests.memories.mining.conftest import choose, memory, mine, says
from tests.model_double import MODEL, ModelDouble


def calls_of(agent: Agent) -> list[ModelCall]:
    with scope(agent.org_id):
        return list(ModelCall.objects.filter(agent=agent).order_by("created_at", "pk"))


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
