"""Rows for tests, made the way the product makes them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth.hashers import make_password
from django.test import Client

from agents.choices import ProviderKind, Role, Scope
from agents.models import Agent, Member, Operator, Organization, ProviderConnection
from agents.services import tokens
from ibex.core.tenancy import cross_tenant, scope

PASSWORD = "correct horse battery staple"
ALL_SCOPES = [str(scope_) for scope_ in Scope]


@dataclass(frozen=True, kw_only=True)
class Person:
    """One of the cast: signed in to the pages, and with a token for the API."""

    operator: Operator
    organization: Organization
    role: Role
    client: Client
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        """Headers of an API call."""
        return {"Authorization": f"Bearer {self.token}"}


def unique(name: str) -> str:
    """A name that no other test uses."""
    return f"{name.lower()}-{secrets.token_hex(5)}"


def make_organization(name: str) -> Organization:
    """An organization with the sandbox as its provider."""
    organization = Organization(name=name, slug=unique(name))
    with cross_tenant("tests") as system:
        organization.save(using=system)
    organization._state.db = "default"
    with scope(organization.pk):
        ProviderConnection.objects.create(org=organization, name="Sandbox", kind=ProviderKind.SANDBOX)
    return organization


def make_agent(organization: Organization, name: str, **fields: object) -> Agent:
    """An active agent."""
    with scope(organization.pk):
        return Agent.objects.create(org=organization, name=name, slug=unique(name), **fields)


def make_person(name: str, organization: Organization, role: Role) -> Person:
    """A member of `organization`, signed in, with a token of every scope (owners) or the default one."""
    operator = Operator.objects.create(
        email=f"{unique(name)}@example.test", password=_hashed_password(), name=name.title()
    )
    with scope(organization.pk):
        Member.objects.create(org=organization, operator=operator, role=role)
    client = Client()
    client.force_login(operator)
    return Person(
        operator=operator, organization=organization, role=role, client=client, token=make_token(organization)
    )


@lru_cache(maxsize=1)
def _hashed_password() -> str:
    """Argon2 is slow on purpose: once a run is enough."""
    return make_password(PASSWORD)


def make_token(organization: Organization, *, scopes: list[str] | None = None, agent: Agent | None = None) -> str:
    """A token's secret."""

    with scope(organization.pk):
        _, secret = tokens.create(
            org=organization,
            name=unique("token"),
            scopes=ALL_SCOPES if scopes is None else scopes,
            agent=agent,
            actor="system",
        )
    return secret
