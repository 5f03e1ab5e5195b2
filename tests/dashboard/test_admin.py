from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from agents.choices import Role
from agents.models import (
    Agent,
    AuditEvent,
    Checkpoint,
    Directive,
    Member,
    ModelCall,
    Operator,
    Organization,
    ProviderConnection,
    Session,
    Token,
    Trace,
)
from agents.services import directives, tokens
from context.models import Injection
from ibex.core.tenancy import scope
from ibex.dashboard.admin_site import TenantAdminSite
from memories.models import Excerpt, Memory, MemoryVersion, RecallCheck, Relationship
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.factories import Person, make_person, unique

MODELS: list[type[Model]] = [
    Agent,
    AuditEvent,
    Checkpoint,
    Directive,
    Excerpt,
    Injection,
    Member,
    Memory,
    MemoryVersion,
    ModelCall,
    Operator,
    Organization,
    ProviderConnection,
    RecallCheck,
    Relationship,
    Session,
    Token,
    Trace,
]
READ_ONLY = [
    AuditEvent,
    Checkpoint,
    Directive,
    Excerpt,
    Injection,
    Memory,
    MemoryVersion,
    ModelCall,
    RecallCheck,
    Relationship,
    Session,
    Token,
    Trace,
]
ids = [model.__name__ for model in MODELS]


def promote(person: Person) -> Person:
    Operator.objects.filter(pk=person.operator.pk).update(is_staff=True, is_superuser=True)
    return person


@pytest.fixture
def root(alice) -> Person:
    """Alice, who may open the admin."""
    return promote(alice)


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def rows(acme, agent, alice) -> Callable[[type[Model]], Any]:
    """One row of every model."""
    session = make_session(agent)
    turn = make_turn(session)
    one, other = make_memory(agent, "One."), make_memory(agent, "Other.")
    inject(turn, one)
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
        Relationship.objects.create(org=acme, source=one, target=other, kind="supports")
        ModelCall.objects.create(org=acme, agent=agent, purpose="refinement", model="gpt-4o", outcome="OK")
        measured = {"rows": 9, "questions": 9, "recall": 1, "fewest": 9, "approximate_ms": 1, "exact_ms": 2}
        RecallCheck.objects.create(org=acme, agent=agent, kind="memory", **measured)
        Excerpt.objects.create(
            org=acme,
            agent=agent,
            session=session,
            checkpoint=turn,
            role="user",
            turn=1,
            said_at=turn.said_at,
            content="Hello?",
            searchable="Hello?",
            tokens=2,
        )

    def row(model: type[Model]) -> Any:
        with scope(acme.pk):
            return alice.operator if model is Operator else model.objects.order_by("pk").last()

    return row


def test_unfold_has_not_put_its_own_site_in_the_place_of_ours(root):
    root.client.get(reverse("admin:index"))
    assert isinstance(admin.site, TenantAdminSite)
    assert set(MODELS) <= set(admin.site._registry)


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_every_model_can_be_listed_and_opened(model, root, rows):
    row = rows(model)
    listed = root.client.get(address(model, "changelist"))
    assert listed.status_code == 200
    assert str(row.pk) in listed.content.decode()
    assert root.client.get(address(model, "change", row.pk)).status_code == 200
    assert root.client.get(address(model, "changelist") + "?q=x").status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_another_organizations_superuser_finds_none_of_it(model, charlie, rows):
    row, stranger = rows(model), promote(charlie)
    assert str(row.pk) not in stranger.client.get(address(model, "changelist")).content.decode()
    assert stranger.client.get(address(model, "change", row.pk)).status_code == 302


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/agents/agent/", "/admin/memories/memory/", "/admin/django_q/ormq/"]
)
def test_only_staff_who_are_admins_here_come_in(path, alice, bob, anonymous):
    assert anonymous.get(path).status_code == 302
    assert alice.client.get(path, follow=True).status_code == 403, "an owner who is not staff"
    assert promote(bob).client.get(path).status_code == 403, "staff, but an operator here"
    assert promote(alice).client.get(path).status_code == 200


def test_there_is_one_door(anonymous, root):
    response = anonymous.get("/admin/agents/agent/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/sign-in?next=/admin/agents/agent/")
    assert anonymous.post("/admin/login/", {"username": "a", "password": "b"}).url.startswith("/sign-in")
    assert root.client.post("/admin/logout/").url == "/sign-in"


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_history_and_rows_with_another_writer_cannot_be_changed(model, root, rows):
    row = rows(model)
    assert root.client.get(address(model, "add")).status_code == 403
    assert root.client.post(address(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert root.client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", [Token, ProviderConnection, Memory, Excerpt, Operator], ids=lambda m: m.__name__)
def test_no_secret_and_no_vector_is_shown(model, root, rows, acme):
    with scope(acme.pk):
        for provider in ProviderConnection.objects.of(acme.pk):
            provider.set_key("sk-very-secret")
            provider.save()
    page = root.client.get(address(model, "change", rows(model).pk)).content.decode()
    for word in ("digest", "sealed_key", "very-secret", "embedding", "argon2", "search_text"):
        assert word not in page.lower(), word


AGENT = {"name": "New", "injection_mode": "system_first", "memory_tokens": 10, "holdout_share": 0.1, "status": "active"}


def test_an_agent_is_made_in_the_chosen_organization_and_audited(root, acme):
    slug = unique("made")
    assert root.client.post("/admin/agents/agent/add/", AGENT | {"slug": slug}).status_code == 302
    with scope(acme.pk):
        agent = Agent.objects.get(slug=slug)
        assert agent.org_id == acme.pk
        event = AuditEvent.objects.of(acme.pk).latest("pk")
    assert (event.action, event.actor) == ("agent.created", f"operator:{root.operator.pk}")
    assert event.address == "127.0.0.1"


def test_an_agent_is_changed_through_its_service(root, acme, agent):
    response = root.client.post(
        address(Agent, "change", agent.pk), AGENT | {"name": "Renamed", "slug": "other", "status": "paused"}
    )
    assert response.status_code == 302
    with scope(acme.pk):
        changed = Agent.objects.get(pk=agent.pk)
        actions = set(AuditEvent.objects.of(acme.pk).values_list("action", flat=True))
    assert (changed.name, changed.status, changed.slug) == ("Renamed", "paused", agent.slug)
    assert {"agent.updated", "agent.paused"} <= actions


def test_what_a_service_refuses_is_said_and_nothing_changes(root, acme, agent):
    with scope(acme.pk):
        Agent.objects.filter(pk=agent.pk).update(status="archived")
    response = root.client.post(address(Agent, "change", agent.pk), AGENT | {"name": "Renamed"}, follow=True)
    assert "archived, and that is final" in response.content.decode()
    taken = root.client.post("/admin/agents/agent/add/", AGENT | {"slug": agent.slug}, follow=True)
    assert "has this slug already" in taken.content.decode()


def test_an_agent_is_never_deleted_here(root, agent):
    assert root.client.post(address(Agent, "delete", agent.pk), {"post": "yes"}).status_code == 403


def test_the_last_owner_stays(root, acme):
    with scope(acme.pk):
        member = Member.objects.get(operator=root.operator)
    response = root.client.post(address(Member, "change", member.pk), {"role": "viewer"}, follow=True)
    assert "at least one owner" in response.content.decode()
    response = root.client.post(address(Member, "delete", member.pk), {"post": "yes"}, follow=True)
    assert "at least one owner" in response.content.decode()
    assert Member(role=Role.OWNER).may(Role.ADMIN)


def test_a_member_is_invited_by_email_and_their_password_shown_once(root, acme):
    email = f"{unique('new')}@example.test"
    response = root.client.post("/admin/agents/member/add/", {"email": email, "role": "viewer"}, follow=True)
    assert "first password" in response.content.decode()
    with scope(acme.pk):
        member = Member.objects.get(operator__email=email)
    assert (member.org_id, member.role) == (acme.pk, "viewer")
    root.client.post(address(Member, "change", member.pk), {"role": "operator"})
    with scope(acme.pk):
        assert Member.objects.get(pk=member.pk).role == "operator"
    root.client.post(address(Member, "delete", member.pk), {"post": "yes"})
    with scope(acme.pk):
        assert not Member.objects.filter(pk=member.pk).exists()


def test_a_providers_key_goes_in_and_stays(root, acme):
    fields = {
        "name": "OpenAI",
        "kind": "openai",
        "base_url": "",
        "key": "sk-first",
        "model_patterns": "gpt-*",
        "priority": "1",
        "is_active": "on",
    }
    assert root.client.post("/admin/agents/providerconnection/add/", fields).status_code == 302
    with scope(acme.pk):
        provider = ProviderConnection.objects.get(name="OpenAI")
    root.client.post(address(ProviderConnection, "change", provider.pk), fields | {"key": "", "name": "Renamed"})
    with scope(acme.pk):
        provider = ProviderConnection.objects.get(pk=provider.pk)
    assert (provider.name, provider.key(), provider.org_id) == ("Renamed", "sk-first", acme.pk)
    root.client.post(address(ProviderConnection, "delete", provider.pk), {"post": "yes"})
    with scope(acme.pk):
        assert not ProviderConnection.objects.filter(pk=provider.pk).exists()


def test_tokens_are_revoked_here_and_never_made(root, acme):
    with scope(acme.pk):
        token, _ = tokens.create(org=acme, name="Old", scopes=["memory:read"], actor="system")
    chosen = {"action": "revoke", "_selected_action": [str(token.pk)]}
    root.client.post(address(Token, "changelist"), chosen)
    with scope(acme.pk):
        assert Token.objects.get(pk=token.pk).revoked_at is not None
        assert AuditEvent.objects.of(acme.pk).latest("pk").action == "token.revoked"


def test_an_organization_and_an_operator_are_changed_with_a_trace(root, acme, bob):
    root.client.post(
        address(Organization, "change", acme.pk), {"name": "Acme II", "status": "active", "requests_per_minute": "7"}
    )
    root.client.post(address(Operator, "change", bob.operator.pk), {"name": "Robert", "is_active": "on"})
    with scope(acme.pk):
        changed = Organization.objects.get(pk=acme.pk)
        actions = list(AuditEvent.objects.of(acme.pk).order_by("-pk").values_list("action", flat=True)[:2])
    assert (changed.name, changed.requests_per_minute) == ("Acme II", 7)
    assert Operator.objects.get(pk=bob.operator.pk).name == "Robert"
    assert actions == ["operator.updated", "organization.updated"]


def test_operators_of_other_organizations_are_not_listed(root, charlie):
    make_person("dora", charlie.organization, Role.VIEWER)
    assert charlie.operator.email not in root.client.get(address(Operator, "changelist")).content.decode()


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_an_id_that_is_none_is_not_there(model, root, rows):
    assert root.client.get(address(model, "change", "junk")).status_code == 302


def test_the_task_queues_own_pages_open(root):
    for path in ("ormq", "success", "failure", "schedule"):
        assert root.client.get(f"/admin/django_q/{path}/").status_code == 200
