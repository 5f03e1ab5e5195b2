"""Whose rows may be seen: the tenant scope, and the one door that crosses tenants."""

from __future__ import annotations

from ibex.core.tenancy.scope import OPENING_RESULTS, async_scope, cross_tenant, current_org_id, opening, scope

__all__ = ["OPENING_RESULTS", "async_scope", "cross_tenant", "current_org_id", "opening", "scope"]
