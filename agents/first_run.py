"""The first start: one organization, operator, agent and token, and a private file that says what they are."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from agents.authentication import authenticate_now
from agents.choices import ProviderKind, Scope
from agents.models import Operator, Organization
from agents.services import agents, organizations, tokens
from agents.services.audit import SYSTEM
from ibex.core.errors import Unauthenticated
from ibex.core.tenancy import cross_tenant, scope
from ibex.env import env

FILE_NAME = "first-run.json"
SUGGESTED_MODEL = "gpt-4o-mini"
"""What the printed `curl` asks a real provider for."""
PRIVATE_FILE_MODE = 0o600
OPERATOR_EMAIL = "admin@ibex.local"
PASSWORD_BYTES = 15
"""120 bits, 20 characters."""

Facts = dict[str, str]


def ensure(say: Callable[[str], None]) -> None:
    """Make the first organization where there is none, and keep the file true. Call from one process at a time.

    The facts are written before the commit under another name, and get theirs after it: whenever this is killed, the
    next start finds either nothing at all, or an organization and the facts about it.
    """
    path = env().data_dir / FILE_NAME
    pending = path.with_name(f".{FILE_NAME}.new")
    if not _has_organization():
        with transaction.atomic():
            _write(pending, _create())
        pending.replace(path)
        say(f"Made the first organization; its facts are in {path}")
        return
    _settle(pending, path)
    if path.exists():
        _follow_address(path, pending)
    else:
        say(f"There is an organization already, made elsewhere: {path} was not written")


def _has_organization() -> bool:
    with cross_tenant("first_run") as alias:
        return Organization.objects.using(alias).exists()


def _create() -> Facts:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    provider = _provider()
    org = organizations.create(
        "My organization", _operator(password), slug="my-organization", actor=SYSTEM, provider=provider
    )
    with scope(org.pk):
        agent = agents.create(org=org, name="Assistant", slug="assistant", actor=SYSTEM)
        _, secret = tokens.create(org=org, name="First token", scopes=Scope.values, actor=SYSTEM)
    return {
        "base_url": settings.BASE_URL,
        "token": secret,
        "agent_id": str(agent.pk),
        "agent_slug": agent.slug,
        "operator_email": OPERATOR_EMAIL,
        "operator_password": password,
    } | ({"model": SUGGESTED_MODEL} if provider else {})


def _operator(password: str) -> Operator:
    """The operator of this machine, who may open the admin too."""
    operator = Operator.objects.filter(email=OPERATOR_EMAIL).first()
    if operator is None:
        return Operator.objects.create_superuser(OPERATOR_EMAIL, password, name="Administrator")
    operator.set_password(password)
    operator.save(update_fields=["password"])
    return operator


def _provider() -> dict[str, Any] | None:
    """The provider that the environment names, or None for the sandbox."""
    key, base_url = env().openai_api_key.get_secret_value(), env().openai_base_url
    if not key and not base_url:
        return None
    return {"name": "OpenAI", "kind": ProviderKind.OPENAI, "key": key, "base_url": base_url}


def _settle(pending: Path, path: Path) -> None:
    """Finish what a killed start left: its facts hold when its token does."""
    if not pending.exists():
        return
    try:
        authenticate_now(f"Bearer {_read(pending)['token']}")
    except (Unauthenticated, ValueError, KeyError):
        pending.unlink()
    else:
        pending.replace(path)


def _follow_address(path: Path, pending: Path) -> None:
    """The port may have changed since."""
    try:
        facts = _read(path)
    except ValueError:
        return  # edited by hand: not ours to repair
    if facts.get("base_url") != settings.BASE_URL:
        _write(pending, {**facts, "base_url": settings.BASE_URL})
        pending.replace(path)


def _read(path: Path) -> Facts:
    facts: Facts = json.loads(path.read_text())
    return facts


def _write(path: Path, facts: Facts) -> None:
    """A new file that only its owner could ever read, complete on the disk when this returns."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(facts, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
