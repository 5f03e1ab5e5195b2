"""An organization's accounts at model providers. A key goes in and never comes out again."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from agents.choices import ProviderKind
from agents.models import Organization, ProviderConnection
from agents.services import audit
from agents.services.after import announce
from ibex.core.errors import FieldCode, FieldError, InvalidRequest

OPENAI_BASE_URL = "https://api.openai.com/v1"


def save(
    *,
    org: Organization,
    actor: str,
    name: str,
    kind: ProviderKind | str,
    provider: ProviderConnection | None = None,
    base_url: str = "",
    key: str | None = None,
    model_patterns: Iterable[str] = ("*",),
    priority: int = 100,
    is_active: bool = True,
) -> ProviderConnection:
    """Create a provider, or change the given one. `key`: None keeps it, "" removes it. Raises InvalidRequest."""
    row = provider or ProviderConnection(org=org)
    row.name, row.kind, row.priority, row.is_active = name, ProviderKind(kind), priority, is_active
    row.base_url = _checked_url(base_url or OPENAI_BASE_URL) if row.kind == ProviderKind.OPENAI else ""
    row.model_patterns = [pattern.strip() for pattern in model_patterns if pattern.strip()] or ["*"]
    if key is not None:
        row.set_key(key)
    row.save()
    action = "provider.updated" if provider else "provider.created"
    audit.record(org_id=org.pk, actor=actor, action=action, obj=row, is_key_changed=key is not None)
    announce("org", org.pk, org.pk)
    return row


def delete(provider: ProviderConnection, *, actor: str) -> None:
    """Remove a provider; models that only it served are not found from then on."""
    org_id = provider.org_id
    audit.record(org_id=org_id, actor=actor, action="provider.deleted", obj=provider)
    provider.delete()
    announce("org", org_id, org_id)


def _checked_url(text: str) -> str:
    """Any http(s) address: a model server of the operator's own network is a provider like others."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        sentence = "An address such as https://api.openai.com/v1, without a user name, query or fragment."
        raise InvalidRequest(field_errors=[FieldError("base_url", FieldCode.INVALID_FORMAT, sentence)])
    return text.rstrip("/")
