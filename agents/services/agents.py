"""Agents: create, change, pause, archive, delete."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, connections, transaction

from agents.choices import AgentStatus
from agents.errors import AgentArchived, SlugFixed, SlugTaken
from agents.limits import LIMIT_FIELDS
from agents.models import Agent, Organization, Session
from agents.services import audit, slugs
from agents.services.after import announce
from ibex.core.errors import FieldCode, FieldError, InvalidRequest

REFINEMENT_FIELDS = ("refinement_model", "asks_for_duplicates", "asks_for_conflicts")
EDITABLE = frozenset(
    {
        "name",
        "description",
        "injection_mode",
        "memory_tokens",
        "learns",
        "remembers",
        "shadows",
        "holdout_share",
        "quotes",
        "locale",
        "trusts_body_user",
        "extraction_model",
        *REFINEMENT_FIELDS,
        "idle_minutes",
        *LIMIT_FIELDS,
    }
)
"""What may be given at creation and changed later. The slug is fixed; the status has its own verbs."""


def create(*, org: Organization, name: str, slug: str = "", actor: str, **fields: Any) -> Agent:
    """A new, active agent; an empty slug is made from the name. Raises SlugTaken, InvalidRequest."""
    taken = set(Agent.objects.of(org.pk).values_list("slug", flat=True))
    agent = Agent(
        org=org, name=name, slug=slugs.choose(slug, name=name, fallback="agent", taken=taken), **_editable(fields)
    )
    _check(agent)
    try:
        with transaction.atomic():
            agent.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken from error
    audit.record(org_id=org.pk, actor=actor, action="agent.created", obj=agent)
    return agent


def update(agent: Agent, *, actor: str, **fields: Any) -> Agent:
    """Change some fields. Raises AgentArchived, InvalidRequest; SlugFixed when another slug is among them."""
    locked = _locked(agent)
    if fields.pop("slug", locked.slug) != locked.slug:
        raise SlugFixed
    changed = sorted(name for name, value in _editable(fields).items() if getattr(locked, name) != value)
    if not changed:
        return locked
    for name in changed:
        setattr(locked, name, fields[name])
    _check(locked)
    locked.save(update_fields=[*changed, "updated_at"])
    audit.record(org_id=locked.org_id, actor=actor, action="agent.updated", obj=locked, fields=changed)
    announce("agent", locked.org_id, locked.pk)
    return locked


def set_status(agent: Agent, status: AgentStatus | str, *, actor: str) -> Agent:
    """Activate, pause or archive. Raises AgentArchived: archiving is final."""
    status = AgentStatus(status)
    locked = _locked(agent)
    if locked.status == status:
        return locked
    locked.status = status
    locked.save(update_fields=["status", "updated_at"])
    audit.record(org_id=locked.org_id, actor=actor, action=f"agent.{_PAST[status]}", obj=locked)
    announce("agent", locked.org_id, locked.pk)
    return locked


def delete(agent: Agent, *, actor: str) -> Agent | None:
    """Remove an agent with all that is its own; one that has sessions is archived instead, and returned."""
    locked = Agent.objects.of(agent.org_id).select_for_update().get(pk=agent.pk)
    if Session.objects.of(agent.org_id).filter(agent=locked).exists():
        return (
            locked if locked.status == AgentStatus.ARCHIVED else set_status(locked, AgentStatus.ARCHIVED, actor=actor)
        )
    audit.record(org_id=locked.org_id, actor=actor, action="agent.deleted", obj=locked)
    with connections["default"].cursor() as cursor:
        # The database's own cascade: the application may not delete history (directives) row by row.
        cursor.execute("DELETE FROM agents_agent WHERE org_id = %s AND id = %s", [locked.org_id, locked.pk])
    announce("agent", locked.org_id, locked.pk)
    return None


_PAST = {AgentStatus.ACTIVE: "activated", AgentStatus.PAUSED: "paused", AgentStatus.ARCHIVED: "archived"}


def _locked(agent: Agent) -> Agent:
    """The row, held until the transaction ends, so that nobody archives it meanwhile. Raises AgentArchived."""
    locked = Agent.objects.of(agent.org_id).select_for_update().get(pk=agent.pk)
    if locked.status == AgentStatus.ARCHIVED:
        raise AgentArchived
    return locked


def _check(agent: Agent) -> None:
    if not 0 <= agent.holdout_share <= 1:
        sentence = "It is a share of the sessions: a number from 0 to 1."
        raise InvalidRequest(field_errors=[FieldError("holdout_share", FieldCode.INVALID_FORMAT, sentence)])
    if (agent.asks_for_duplicates or agent.asks_for_conflicts) and not agent.refinement_model.strip():
        sentence = "Name the model that is to be asked."
        raise InvalidRequest(field_errors=[FieldError("refinement_model", FieldCode.REQUIRED, sentence)])


def _editable(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(fields) - EDITABLE)
    if unknown:
        raise TypeError(f"not fields of an agent that can be set: {', '.join(unknown)}")
    return fields
