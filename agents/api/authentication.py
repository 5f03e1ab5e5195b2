"""Who calls the REST API: a token, or an operator signed in to the pages. Either way `request.auth` is a `Caller`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied as CsrfRefused
from rest_framework.request import Request

from agents.access import place_of
from agents.authentication import authenticate_now, require
from agents.choices import ROLE_SCOPES, Role
from ibex.core.caller import Caller
from ibex.core.errors import PermissionDenied, Unauthenticated

CHALLENGE = {"WWW-Authenticate": "Bearer"}


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer ibex_pat_…`."""

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        try:
            principal = authenticate_now(header)
        except Unauthenticated as error:
            raise Unauthenticated(headers=CHALLENGE) from error
        require(principal, ())
        caller = Caller(
            org_id=principal.org_id,
            actor=f"token:{principal.token_id}",
            scopes=principal.scopes,
            agent_id=principal.agent_id,
            expires_at=principal.expires_at,
        )
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE["WWW-Authenticate"]


class OperatorSessionAuthentication(SessionAuthentication):
    """The cookie of the pages, with their CSRF token for writes; the organization is the one chosen there."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        page: HttpRequest = request._request  # noqa: SLF001 - the pages' own request, with its session
        operator = getattr(page, "user", None)
        if operator is None or not operator.is_active:
            return None
        try:
            self.enforce_csrf(request)
        except CsrfRefused:
            raise PermissionDenied(
                "The form token is missing or old. Send the X-CSRFToken header of this session."
            ) from None
        place = place_of(page)
        if place is None:
            raise PermissionDenied("You are not a member of an active organization.")
        caller = Caller(
            org_id=place.organization.pk,
            actor=place.actor,
            scopes=frozenset(map(str, ROLE_SCOPES[Role(place.member.role)])),
            operator_id=operator.pk,
        )
        return operator, caller
