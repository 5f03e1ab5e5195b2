from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async

from agents.models import AuditEvent, Organization
from ibex.core.tenancy import scope


@pytest.fixture
def sync() -> Callable:
    """Run a function of the ORM from a test that is a coroutine."""
    return lambda function, *arguments: sync_to_async(function)(*arguments)


@pytest.fixture
def audited() -> Callable[[Organization], list[str]]:
    """What the audit log of an organization says was done."""

    def actions(organization: Organization) -> list[str]:
        with scope(organization.pk):
            return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))

    return actions
