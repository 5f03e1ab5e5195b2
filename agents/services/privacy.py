"""An organization's choice of what becomes of personal data: read for each write of memories, changed by its admins."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from agents.announcements import Change, on_change
from agents.cache import ExpiringCache
from agents.models import Organization
from agents.privacy import PiiAction, PiiActions, PiiKind, actions_from
from agents.services import audit
from agents.services.after import announce
from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.tenancy import scope

FRESH_S = 1.0
"""Seconds that a process may act on what it read before: workers hear no announcements."""
ORGANIZATIONS = 1_000

_known: ExpiringCache[UUID, PiiActions] = ExpiringCache(ORGANIZATIONS)


def pii_actions(org_id: UUID) -> PiiActions:
    """The action of every type, at most FRESH_S old. Opens the tenant's scope; not for the request path."""
    known = _known.get(org_id)
    if known is None:
        epoch = _known.epoch
        with scope(org_id):
            stored = Organization.objects.filter(pk=org_id).values_list("pii_policy", flat=True).first()
        known = actions_from(stored or {})
        _known.put(org_id, known, ttl_s=FRESH_S, epoch=epoch)
    return known


def change_pii_policy(org: Organization, changes: Mapping[str, str], *, actor: str) -> Organization:
    """Set the actions that `changes` names by the types' fields, and leave the others. Call inside the tenant's scope.

    Memories that are stored already stay as they are. Raises InvalidRequest naming `pii_policy.<type>`.
    """
    if wrong := [error for field, action in changes.items() for error in _problems(field, action)]:
        raise InvalidRequest(field_errors=wrong)
    held = Organization.objects.select_for_update().get(pk=org.pk)
    before = actions_from(held.pii_policy)
    wanted = before | {PiiKind(field.upper()): PiiAction(action) for field, action in changes.items()}
    changed = sorted(kind.field for kind in PiiKind if before[kind] is not wanted[kind])
    org.pii_policy = {kind.field: action.value for kind, action in wanted.items() if action is not kind.default}
    if changed:
        org.save(update_fields=["pii_policy"])
        audit.record_of_organization(org, actor=actor, action="organization.privacy_changed", fields=changed)
        announce("org", org.pk, org.pk)
    return org


def _problems(field: str, action: str) -> list[FieldError]:
    kind = next((kind for kind in PiiKind if kind.field == field), None)
    if kind is None:
        return [
            FieldError("pii_policy", FieldCode.INVALID_ENUM, f"Types: {', '.join(kind.field for kind in PiiKind)}.")
        ]
    if action not in kind.actions:
        return [FieldError(f"pii_policy.{field}", FieldCode.INVALID_ENUM, f"One of {', '.join(kind.actions)}.")]
    return []


@on_change
def _forget(change: Change | None) -> None:
    if change is None or change.kind == "org":
        _known.clear()
