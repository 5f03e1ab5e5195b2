"""Scopes, enforced for each action. What is not declared is denied."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ibex.core.caller import Caller
from ibex.core.errors import PermissionDenied, ScopeMissing


class AnyOf(frozenset[str]):
    """One of these scopes is enough."""


def any_of(*scopes: str) -> AnyOf:
    """For `scopes` of a view: one of these is enough; a tuple needs all of its own."""
    return AnyOf(map(str, scopes))


class HasScope(BasePermission):
    """The caller has the scope that the view declares for its action: `scopes = {"list": Scope.AGENT_READ}`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        action = getattr(view, "action", None)
        if action in {None, "metadata"}:
            return True  # No such method here: the view answers 405 and runs nothing.
        needed = getattr(view, "scopes", {}).get(action)
        if needed is None:
            raise PermissionDenied
        _require(caller, needed)
        return True


def _require(caller: Caller, needed: str | tuple[str, ...] | AnyOf) -> None:
    if isinstance(needed, AnyOf):
        if not needed & caller.scopes:
            raise ScopeMissing(f"This needs one of: {', '.join(sorted(needed))}.")
        return
    wanted = {str(needed)} if isinstance(needed, str) else set(map(str, needed))
    missing = sorted(wanted - caller.scopes)
    if missing:
        raise ScopeMissing(f"This needs {', '.join(missing)}.")
