"""Reads of agents' rows, shared by pages and API. Inside `scope(org)`, but for `memberships_of`."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.text import Truncator

from agents.choices import OrganizationStatus
from agents.models import (
    Agent,
    Archive,
    AuditEvent,
    Checkpoint,
    Directive,
    Member,
    Operator,
    ProviderConnection,
    Session,
    Token,
    Trace,
)
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import cross_tenant

CHOICE_CHARACTERS = 28
"""Of an agent's name, in the list of a filter."""
SESSION_FIELDS = (
    "id",
    "agent_id",
    "external_id",
    "end_user",
    "status",
    "started_at",
    "last_turn_at",
    "completed_at",
    "turn_count",
    "archived_turn",
    "prompt_tokens",
    "completion_tokens",
    "holdout_share",
    "is_held_out",
)
"""What is shown of a session, in the REST API and at /v1/sessions."""


def memberships_of(operator: Operator) -> list[Member]:
    """An operator's places in active organizations, by name: the one read before a tenant is chosen.

    The rows come through the door that crosses tenants, and leave it behind: what is asked of them later runs
    under Row-Level Security.
    """
    with cross_tenant("memberships") as alias:
        members = list(
            Member.objects.using(alias)
            .filter(operator_id=operator.pk, org__status=OrganizationStatus.ACTIVE)
            .select_related("org")
            .order_by("org__name", "org_id")
        )
    for member in members:
        for row in (member, member.org):
            row._state.db = "default"  # noqa: SLF001 - Django has no public way to hand a row over
        member.operator = operator
    return members


def agents_of(org_id: UUID) -> QuerySet[Agent]:
    """Agents by name, with the directive in force."""
    return Agent.objects.of(org_id).select_related("directive").order_by("name", "pk")


def agent_choices(org_id: UUID) -> list[tuple[str, str]]:
    """(id, name) of each agent by name, for a filter."""
    agents = Agent.objects.of(org_id).order_by("name", "pk").values_list("pk", "name")
    return [(str(pk), Truncator(name).chars(CHOICE_CHARACTERS)) for pk, name in agents]


def agent_by_slug(org_id: UUID, slug: str) -> Agent | None:
    """One agent, by what applications call it."""
    return Agent.objects.of(org_id).filter(slug=slug.lower()).first()


def versions_of(agent: Agent) -> QuerySet[Directive]:
    """Every version of an agent's directive, the newest first."""
    return Directive.objects.of(agent.org_id).filter(agent=agent).select_related("author").order_by("-version")


def tokens_of(org_id: UUID) -> QuerySet[Token]:
    """Tokens, the newest first, with the agent that each is bound to."""
    return Token.objects.of(org_id).select_related("agent", "created_by").order_by("-created_at")


def members_of(org_id: UUID) -> QuerySet[Member]:
    """Members with their operators, by email."""
    return Member.objects.of(org_id).select_related("operator").order_by("operator__email")


def providers_of(org_id: UUID) -> QuerySet[ProviderConnection]:
    """Providers in the order in which they are asked."""
    return ProviderConnection.objects.of(org_id).order_by("priority", "created_at")


def sessions_of(org_id: UUID) -> QuerySet[Session]:
    """Sessions, the one that spoke last first, each with its archive's row."""
    sessions = Session.objects.of(org_id).select_related("agent").prefetch_related("archives")
    return sessions.order_by("-last_turn_at", "-pk")


def session_named(org_id: UUID, agent_id: UUID, name: str) -> Session | None:
    """One session of an agent, by IBEX's id of it, else by the application's own."""
    rows = Session.objects.of(org_id).filter(agent_id=agent_id)
    by_id = parse_uuid(name)
    found = rows.filter(pk=by_id).first() if by_id else None
    return found or rows.filter(external_id=name).first()


def checkpoints_of(session: Session) -> QuerySet[Checkpoint]:
    """A session's turns, in the order in which they were spoken."""
    return Checkpoint.objects.of(session.org_id).filter(session=session).order_by("number")


def archive_of(session: Session) -> Archive | None:
    """The row of a session's archive; none while it was never to be written."""
    return next(iter(session.archives.all()), None)


def traces_of(org_id: UUID) -> QuerySet[Trace]:
    """Calls, the latest first."""
    return Trace.objects.of(org_id).select_related("agent").order_by("-started_at", "-pk")


def audit_of(org_id: UUID) -> QuerySet[AuditEvent]:
    """What was done, the latest first."""
    return AuditEvent.objects.of(org_id).order_by("-created_at", "-pk")
