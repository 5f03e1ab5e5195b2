"""An IBEX inside the benchmark's own process: embedded PostgreSQL and Valkey, migrated, and organizations to fill."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.models import Agent
    from ibex.embedded.addresses import Addresses

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def own_vault(postgres: Mapping[str, str] | None = None) -> Iterator[Addresses]:
    """Start servers, migrate, set Django up; call it before anything of Django is imported. All is gone at the end.

    `postgres`: settings of that server, by default those of the tests; an empty mapping is a real installation.
    """
    from ibex.embedded.postgres import FOR_TESTS
    from ibex.embedded.testing import embedded_servers
    from ibex.env import env

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ibex-benchmark-"))
        addresses = stack.enter_context(embedded_servers(settings=FOR_TESTS if postgres is None else postgres))
        os.environ.setdefault("IBEX_MODEL_DIR", str(ROOT / ".cache" / "models"))
        settings = {"IBEX_DATA_DIR": folder, "IBEX_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "ibex.settings"}
        os.environ.update(addresses.environment() | settings)
        env.cache_clear()  # it may have been read before there was a server
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "--database=owner", "--verbosity=0", "--skip-checks"],
            check=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        import django
        from django.db import connections

        django.setup()
        try:
            yield addresses
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()
                if hasattr(connection, "close_pool"):
                    connection.close_pool()


def make_agent(name: str) -> Agent:
    """An agent in an organization of its own."""
    from agents.models import Agent, Organization
    from ibex.core.ids import uuid7
    from ibex.core.tenancy import cross_tenant, scope

    organization = Organization(name=name, slug=f"{name}-{uuid7().hex[-12:]}")
    with cross_tenant("benchmark") as system:
        organization.save(using=system)
    with scope(organization.pk):
        return Agent.objects.create(org_id=organization.pk, name=name, slug=name)
