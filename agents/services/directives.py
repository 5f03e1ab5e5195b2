"""An agent's standing instruction: versions are only added; one of them, or none, is in force."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from agents.choices import AgentStatus
from agents.directive_desk import StandingDirective, publish
from agents.errors import AgentArchived
from agents.models import Agent, Directive, Operator
from agents.models.directive import DIRECTIVE_MAX_BYTES
from agents.services import audit
from agents.services.after import announce
from ibex.core.errors import FieldCode, FieldError, InvalidRequest, NotFound
from ibex.core.tokens import count


def save(agent: Agent, content: str, *, author: Operator | UUID | None = None, note: str = "", actor: str) -> Directive:
    """A new version, in force from the commit on. `author`: the operator or their id.

    Raises InvalidRequest for an empty text or one over 32 KiB of UTF-8, AgentArchived.
    """
    _check(content)
    tokens = count(content)
    locked = _locked(agent)
    author_id = author.pk if isinstance(author, Operator) else author
    version = _next_version(locked)
    directive = Directive.objects.create(
        org_id=locked.org_id,
        agent=locked,
        version=version,
        content=content,
        tokens=tokens,
        author_id=author_id,
        note=note,
    )
    _put_in_force(locked, directive)
    audit.record(
        org_id=locked.org_id,
        actor=actor,
        action="directive.saved",
        obj=locked,
        version=version,
        characters=len(content),
    )
    return directive


def rollback(agent: Agent, version: int, *, author: Operator | UUID | None = None, actor: str) -> Directive:
    """The text of an earlier version again, as a new version: history is only added to. Raises NotFound."""
    earlier = Directive.objects.of(agent.org_id).filter(agent=agent, version=version).first()
    if earlier is None:
        raise NotFound("This directive has no such version.")
    return save(agent, earlier.content, author=author, note=f"Back to version {version}", actor=actor)


def deactivate(agent: Agent, actor: str) -> None:
    """No directive is in force any more; its versions stay. Raises AgentArchived."""
    locked = _locked(agent)
    if locked.directive_id is None:
        return
    _put_in_force(locked, None)
    audit.record(org_id=locked.org_id, actor=actor, action="directive.deactivated", obj=locked)


def _check(content: str) -> None:
    try:
        size = len(content.encode())
    except UnicodeEncodeError:
        raise _refused(FieldCode.INVALID_FORMAT, "It holds characters that are not Unicode text.") from None
    if not content.strip():
        raise _refused(FieldCode.REQUIRED, "It cannot be empty. Deactivate the directive instead.")
    if "\0" in content:
        raise _refused(FieldCode.INVALID_FORMAT, "It holds a null character.")
    if size > DIRECTIVE_MAX_BYTES:
        raise _refused(FieldCode.TOO_LONG, f"It is too long: at most {DIRECTIVE_MAX_BYTES // 1024} KiB.")


def _refused(code: FieldCode, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError("content", code, sentence)])


def _locked(agent: Agent) -> Agent:
    """The row, held until the transaction ends: versions of one agent are numbered one after the other."""
    locked = Agent.objects.of(agent.org_id).select_for_update().get(pk=agent.pk)
    if locked.status == AgentStatus.ARCHIVED:
        raise AgentArchived
    return locked


def _next_version(agent: Agent) -> int:
    newest = Directive.objects.of(agent.org_id).filter(agent=agent).aggregate(newest=Max("version"))["newest"]
    return int(newest or 0) + 1


def _put_in_force(agent: Agent, directive: Directive | None) -> None:
    agent.directive = directive
    agent.save(update_fields=["directive", "updated_at"])
    standing = StandingDirective(
        at=agent.updated_at,
        id=directive.pk if directive else None,
        version=directive.version if directive else None,
        content=directive.content if directive else "",
        tokens=directive.tokens if directive else None,
    )
    transaction.on_commit(partial(publish, agent.org_id, agent.pk, standing))
    announce("agent", agent.org_id, agent.pk)
