"""Personal access tokens: made, shown once, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from agents.choices import Scope
from agents.limits import LIMIT_FIELDS, UNLIMITED, Limits
from agents.models import Agent, Operator, Organization, Token
from agents.secret import digest, new_secret, readable_prefix
from agents.services import audit
from agents.services.after import announce
from agents.throttle import attempt
from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.redis import org_key

CREATIONS_PER_MINUTE = 30
"""Of one organization (SPEC section 3: token creation is throttled)."""


def create(
    *,
    org: Organization,
    name: str,
    scopes: Iterable[str],
    agent: Agent | None = None,
    expires_at: datetime | None = None,
    limits: Limits = UNLIMITED,
    created_by: Operator | UUID | None = None,
    actor: str,
) -> tuple[Token, str]:
    """A token and its secret, which exists nowhere else from now on. Raises InvalidRequest, RateLimited."""
    attempt(org_key(org.pk, "throttle", "token"), limit=CREATIONS_PER_MINUTE, window_s=60)
    chosen = _checked(scopes, expires_at)
    secret = new_secret()
    token = Token.objects.create(
        org=org,
        name=name,
        prefix=readable_prefix(secret),
        digest=digest(secret),
        scopes=chosen,
        agent=agent,
        expires_at=expires_at,
        **asdict(limits),
        created_by_id=created_by.pk if isinstance(created_by, Operator) else created_by,
    )
    audit.record(org_id=org.pk, actor=actor, action="token.created", obj=token, scopes=chosen)
    return token, secret


def limit(token: Token, *, actor: str, **limits: Any) -> Token:
    """Change what it may use, by the names of the limits' fields; every process hears of it."""
    unknown = sorted(set(limits) - set(LIMIT_FIELDS))
    if unknown:
        raise TypeError(f"not limits of a token: {', '.join(unknown)}")
    changed = sorted(name for name, value in limits.items() if getattr(token, name) != value)
    if changed:
        for name in changed:
            setattr(token, name, limits[name])
        token.save(update_fields=changed)
        audit.record(org_id=token.org_id, actor=actor, action="token.updated", obj=token, fields=changed)
        announce("token", token.org_id, token.pk)
    return token


def revoke(token: Token, *, actor: str) -> Token:
    """End it for good; every process hears of it. Revoking twice changes nothing."""
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        audit.record(org_id=token.org_id, actor=actor, action="token.revoked", obj=token)
    announce("token", token.org_id, token.pk)
    return token


def _checked(scopes: Iterable[str], expires_at: datetime | None) -> list[str]:
    chosen = sorted({str(scope) for scope in scopes})
    if not chosen:
        raise _refused("scopes", FieldCode.REQUIRED, "Choose at least one scope.")
    if not set(chosen) <= set(Scope.values):
        raise _refused("scopes", FieldCode.INVALID_ENUM, "One of them is not a scope.")
    if expires_at is not None and expires_at <= timezone.now():
        raise _refused("expires_at", FieldCode.INVALID_FORMAT, "It is in the past.")
    return chosen


def _refused(field: str, code: FieldCode, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError(field, code, sentence)])


__all__ = ["create", "digest", "limit", "revoke"]
