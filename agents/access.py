"""Who may open a page: one decorator finds the operator's place and sets the tenant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from agents.choices import Role
from agents.models import Member, Operator, Organization
from agents.selectors import memberships_of
from ibex.core.origin import served_from
from ibex.core.tenancy import scope

SESSION_KEY = "organization"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a signed-in operator stands: in which organization, with which role, and where else they may go."""

    operator: Operator
    member: Member
    organization: Organization
    organizations: tuple[Organization, ...]

    @property
    def actor(self) -> str:
        """How audit and versions name this operator."""
        return f"operator:{self.operator.pk}"

    def may(self, role: Role | str) -> bool:
        """Whether the operator has at least `role` here."""
        return self.member.may(Role(role))


class PlacedRequest(HttpRequest):
    """A request whose operator and organization are known."""

    place: Place


View = Callable[..., HttpResponseBase]


def place_of(request: HttpRequest) -> Place | None:
    """The operator's place, or None for a stranger to every organization."""
    operator = cast("Operator", request.user)
    memberships = memberships_of(operator)
    if not memberships:
        return None
    chosen = request.session.get(SESSION_KEY)
    member = next((m for m in memberships if str(m.org_id) == chosen), memberships[0])
    return Place(
        operator=operator,
        member=member,
        organization=member.org,
        organizations=tuple(m.org for m in memberships),
    )


def operator_page(role: Role = Role.VIEWER, *, in_scope: bool = True) -> Callable[[View], View]:
    """Let a member with at least `role` in; set `request.place`; run the view inside the tenant's transaction.

    `in_scope=False` leaves the transaction to the view, for one that waits on a model between two transactions.
    Anonymous people go to sign-in; members of no organization and lower roles get 403.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            place = place_of(request)
            if place is None or not place.may(role):
                raise PermissionDenied
            placed = cast("PlacedRequest", request)
            placed.place = place
            with served_from(request):
                if not in_scope:
                    return view(placed, *args, **kwargs)
                with scope(place.organization.pk):
                    return _rendered(view(placed, *args, **kwargs))

        return guarded

    return decorate


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """A lazy template response is rendered while its queries may still see the tenant's rows."""
    render = getattr(response, "render", None)
    return cast("HttpResponse", render()) if callable(render) else response
