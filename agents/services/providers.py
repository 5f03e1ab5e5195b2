"""An organization's accounts at model providers. A key goes in and never comes out again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from agents.choices import ProviderKind
from agents.models import Organization, ProviderConnection
from agents.services import audit
from agents.services.after import announce
from agents.services.prices import checked as checked_prices
from ibex.core.errors import FieldCode, FieldError, IbexError, InvalidRequest
from ibex.core.tenancy import scope
from ibex.providers import anthropic, networks
from ibex.providers.base import ProviderCall, Upstream
from ibex.providers.client import close_client
from ibex.providers.errors import ProviderError, ProviderRejected, ProviderTimeout, provider_error
from ibex.providers.registry import provider_for

OPENAI_BASE_URL = "https://api.openai.com/v1"
BASE_URL_MAX = 500
KEY_MAX = 500
"""Characters; the longest keys in use (JSON web tokens aside) have about 200."""
PATTERNS_MAX = 100
PATTERN_MAX = 256
"""Characters: SPEC section 2's limit of a model's name."""
PRIORITY_MAX = 32_767
"""What the column holds."""
CHECK_TIMEOUT_S = 5.0
"""An operator waits for the answer."""
CHECK_MAX_BYTES = 8 * 1024 * 1024
"""The longest public list of models is under 1 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What happened when a provider was asked for its models."""

    is_ok: bool
    code: str
    """`OK`, or the failure's code."""
    message: str
    """A sentence for the operator; never the provider's own words, which may quote the key."""
    model_count: int | None = None
    duration_ms: float


def save(
    *,
    org: Organization,
    actor: str,
    name: str,
    kind: ProviderKind | str,
    provider: ProviderConnection | None = None,
    base_url: str | None = None,
    key: str | None = None,
    model_patterns: Iterable[str] = ("*",),
    priority: int = 100,
    prices: Mapping[str, Any] | None = None,
    is_active: bool = True,
) -> ProviderConnection:
    """Create a provider, or change the given one. Raises InvalidRequest.

    `key`: None keeps it, "" removes it; where the address changes it must be given again. `base_url`: None keeps that
    of the same kind, "" means the kind's own. `prices`: None keeps them; see `agents.services.prices`.
    """
    row = provider or ProviderConnection(org=org)
    before = _origin(row)
    kept = row.base_url if row.kind == kind else ""
    row.name, row.kind, row.priority, row.is_active = name, ProviderKind(kind), priority, is_active
    row.base_url = _address(row.kind, kept if base_url is None else base_url.strip())
    row.model_patterns = _patterns(model_patterns)
    if prices is not None:
        row.prices = checked_prices(prices)
    if key is not None:
        row.set_key(_checked_key(key.strip()))
    elif row.sealed_key and _origin(row) not in {before, ""}:
        sentence = "Enter the key again: it is only ever sent to the address that it was entered for."
        raise _refused("key", FieldCode.REQUIRED, sentence)
    row.save()
    action = "provider.updated" if provider else "provider.created"
    detail: dict[str, Any] = {"is_key_changed": key is not None, "prices": len(row.prices)}
    audit.record(org_id=org.pk, actor=actor, action=action, obj=row, **detail)
    announce("org", org.pk, org.pk)
    return row


def delete(provider: ProviderConnection, *, actor: str) -> None:
    """Remove a provider; models that only it served are not found from then on."""
    org_id = provider.org_id
    audit.record(org_id=org_id, actor=actor, action="provider.deleted", obj=provider)
    provider.delete()
    announce("org", org_id, org_id)


def check(provider: ProviderConnection, *, actor: str) -> CheckResult:
    """Ask a provider for its models, and say what happened: never raises for what the provider does.

    Waits up to `CHECK_TIMEOUT_S`: call it outside of any transaction. Opens its own scope for the audit log.
    """
    started = time.perf_counter()
    code, count = "OK", None
    try:
        count = asyncio.run(_count_models(provider))
        message = f"It answers, and lists {count} model{'' if count == 1 else 's'}."
    except IbexError as error:
        code, message = error.code, _sentence(error)
    duration_ms = round((time.perf_counter() - started) * 1000, 1)
    with scope(provider.org_id):
        audit.record(org_id=provider.org_id, actor=actor, action="provider.tested", obj=provider, code=code)
    return CheckResult(is_ok=count is not None, code=code, message=message, model_count=count, duration_ms=duration_ms)


async def _count_models(provider: ProviderConnection) -> int:
    """How many models the provider lists. Raises ProviderError."""
    upstream = Upstream(
        id=str(provider.pk),
        name=provider.name,
        kind=provider.kind,
        base_url=provider.base_url,
        api_key=SecretStr(provider.key()),
    )
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            answer = await provider_for(upstream.kind).send(upstream, ProviderCall(path="/models", method="GET"))
            body = await answer.read(CHECK_MAX_BYTES)
    except TimeoutError:
        raise ProviderTimeout from None
    finally:
        await close_client()  # this event loop ends here
    if answer.status >= 400:
        raise provider_error(answer.status, body, answer.headers)
    return _models_in(answer.status, body)


def _sentence(error: IbexError) -> str:
    """What an operator can do about it; in the words of IBEX where the error's own are the provider's."""
    if isinstance(error, ProviderRejected):
        return f"It answers with status {error.status}, but not with a list of models. Check the address."
    if type(error) is ProviderError:
        return "It answers, but not with a list of models. Check the address."
    return error.message


def _models_in(status: int, body: bytes) -> int:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    models = said.get("data") if isinstance(said, dict) else None
    if not isinstance(models, list):
        raise ProviderRejected(status=status)  # a redirect, or a page of another server
    return len(models)


def _address(kind: str, text: str) -> str:
    """What is kept as the address of a provider of this kind; empty where its adapter knows its own."""
    if kind == ProviderKind.SANDBOX:
        return ""
    if kind == ProviderKind.ANTHROPIC and not text:
        return ""
    return _checked_url(text or OPENAI_BASE_URL)


def _checked_url(text: str) -> str:
    """Any http(s) address: a model server of the operator's own network is a provider like others."""
    sentence = "An address such as https://api.openai.com/v1, without a user name, query or fragment."
    refusal = _refused("base_url", FieldCode.INVALID_FORMAT, sentence)
    try:
        parts = urlsplit(text)
        is_port_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise refusal from None
    is_plain = text.isprintable() and not any(mark in text for mark in " \\?#") and "@" not in parts.netloc
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    if not (is_plain and is_web and is_port_sound):
        raise refusal
    if not networks.may_be_typed(parts.hostname or ""):
        raise _refused("base_url", FieldCode.INVALID_FORMAT, "IBEX may not call this address: its network is closed.")
    if len(text) > BASE_URL_MAX:
        raise _refused("base_url", FieldCode.TOO_LONG, f"It is at most {BASE_URL_MAX} characters long.")
    return text.rstrip("/")


def _checked_key(key: str) -> str:
    """Keys travel in a header, which carries only so much."""
    if len(key) > KEY_MAX:
        raise _refused("key", FieldCode.TOO_LONG, f"It is at most {KEY_MAX} characters long.")
    if not (key.isascii() and key.isprintable()):
        raise _refused("key", FieldCode.INVALID_FORMAT, "A key is made of plain letters, digits and signs.")
    return key


def _patterns(patterns: Iterable[str]) -> list[str]:
    """Each pattern once, in the order given; none means every model."""
    wanted = list(dict.fromkeys(pattern.strip() for pattern in patterns if pattern.strip()))
    if len(wanted) > PATTERNS_MAX:
        raise _refused("model_patterns", FieldCode.TOO_MANY, f"There are at most {PATTERNS_MAX}.")
    if any(len(pattern) > PATTERN_MAX for pattern in wanted):
        raise _refused("model_patterns", FieldCode.TOO_LONG, f"Each is at most {PATTERN_MAX} characters long.")
    return wanted or ["*"]


def _origin(row: ProviderConnection) -> str:
    """Where a row's key is sent to: scheme, host and port; empty for nowhere."""
    if row.kind == ProviderKind.SANDBOX:
        return ""
    parts = urlsplit(row.base_url or (anthropic.BASE_URL if row.kind == ProviderKind.ANTHROPIC else OPENAI_BASE_URL))
    return f"{parts.scheme}://{parts.netloc}".lower()


def _refused(field: str, code: FieldCode, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError(field, code, sentence)])
