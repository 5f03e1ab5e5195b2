"""What an organization wants done with personal data, carried out wherever memories and excerpts are made."""

from __future__ import annotations

from agents.models import Agent, Organization
from agents.services.privacy import change_pii_policy
from ibex.core.tenancy import scope
from memories import excerpts
from memories.choices import Status
from memories.models import Excerpt
from memories.refinement.draft import Result
from memories.refinement.pipeline import refine
from memories.refinement.revision import revise
from tests.memories.making import draft, make_session, memory_of, remember, say

NUMBER = "+4930901820"


def choose(org: Organization, **actions: str) -> None:
    """As an admin would."""
    with scope(org.pk):
        change_pii_policy(org, actions, actor="operator:1")


def excerpts_of(agent: Agent, *said: str, **fields: str) -> list[Excerpt]:
    """What is kept of these words of a user."""
    session = make_session(agent)
    return excerpts.prepare([say(session, text, **fields) for text in said])


def test_what_is_allowed_is_remembered_as_it_was_said(acme: Organization, agent: Agent) -> None:
    choose(acme, phone="allow")
    memory = remember(agent, f"The user's number is {NUMBER}, the mail is a@b.example.", evidence=f"call {NUMBER}")
    assert memory.content == f"The user's number is {NUMBER}, the mail is [EMAIL]."
    assert memory.evidence == f"call {NUMBER}"


def test_what_is_to_be_looked_at_waits_and_its_evidence_is_redacted(acme: Organization, agent: Agent) -> None:
    choose(acme, phone="quarantine")
    outcome = refine(
        draft(agent, f"Mail a@b.example or {NUMBER}.", evidence=f"call {NUMBER}", subject=NUMBER, attribute="phone")
    )
    memory = memory_of(agent, outcome)
    assert (outcome.result, outcome.reason) == (Result.QUARANTINED, "may hold PHONE")
    assert (memory.content, memory.evidence) == (f"Mail [EMAIL] or {NUMBER}.", "call [PHONE]")
    assert (memory.subject, memory.attribute) == ("[PHONE]", "phone")


def test_names_go_from_memories_when_the_organization_wants_it(acme: Organization, agent: Agent) -> None:
    assert remember(agent, "The user's wife Anna paints.").content == "The user's wife Anna paints."
    choose(acme, name="redact")
    assert remember(agent, "The user's son Tim swims.").content == "The user's son [NAME] swims."


def test_an_edit_obeys_the_policy_of_the_day(acme: Organization, agent: Agent) -> None:
    memory = remember(agent, "The user has a phone.")
    choose(acme, phone="allow")
    revise(acme.pk, memory.pk, actor="operator:1", content=f"The user's phone is {NUMBER}.")
    with scope(acme.pk):
        memory.refresh_from_db()
    assert memory.content == f"The user's phone is {NUMBER}."
    choose(acme, phone="redact")
    revise(acme.pk, memory.pk, actor="operator:1", content=f"The user's new phone is {NUMBER}.")
    with scope(acme.pk):
        memory.refresh_from_db()
    assert (memory.content, memory.status) == ("The user's new phone is [PHONE].", Status.ACTIVE)


def test_another_organization_keeps_its_own_policy(acme: Organization, agent: Agent, foreign_agent: Agent) -> None:
    choose(acme, phone="allow")
    assert remember(foreign_agent, f"The user's number is {NUMBER}.").content == "The user's number is [PHONE]."


def test_excerpts_obey_it_and_nothing_in_them_waits(acme: Organization, agent: Agent) -> None:
    choose(acme, phone="quarantine", email="allow")
    (kept,) = excerpts_of(agent, f"I am at {NUMBER} and a@b.example; note 5403926876.")
    assert kept.content == "I am at [PHONE] and a@b.example; note [PHONE]."
    assert NUMBER not in kept.searchable


def test_where_names_may_not_be_kept_the_speakers_is_not(acme: Organization, agent: Agent) -> None:
    (kept,) = excerpts_of(agent, "I swim.", name="Petra")
    assert kept.speaker == "Petra"
    choose(acme, name="quarantine")
    (kept,) = excerpts_of(agent, "I swim with Anna.", name="Petra")
    assert (kept.speaker, kept.content) == ("", "I swim with [NAME].")
    assert "Petra" not in kept.searchable
