"""What every signed-in page shows around its content: navigation, the organization, the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from agents.access import Place
from agents.choices import Role
from agents.models import Operator, Organization
from ibex.core.tenancy import scope
from memories.waiting import waiting_words

REVIEW = "memories:review"


@dataclass(frozen=True, kw_only=True, slots=True)
class NavItem:
    """One line of the sidebar; `key` is the letter that follows `g` on the keyboard, `count` what waits there."""

    label: str
    url: str
    icon: str
    key: str
    active: bool
    count: object = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """The frame around a page."""

    organization: Organization
    organizations: Sequence[Organization]
    operator: Operator
    nav: Sequence[NavItem]


_NAV = (
    ("Home", "dashboard:home", "home", "h"),
    ("Agents", "agents:list", "agents", "a"),
    ("Memories", "memories:list", "memories", "m"),
    ("Review", REVIEW, "review", "r"),
    ("Sessions", "dashboard:sessions", "sessions", "s"),
    ("Providers", "agents:providers", "link", "p"),
    ("Tokens", "agents:tokens", "key", "t"),
    ("Limits", "agents:limits", "bolt", "l"),
    ("Privacy", "agents:privacy", "lock", "y"),
    ("Wording", "context:wording", "directive", "w"),
    ("Jobs", "dashboard:jobs", "jobs", "j"),
)
_ADMIN = ("Admin", "admin:index", "settings", "")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context of the frame; empty where nobody is signed in."""
    place: Place | None = getattr(request, "place", None)
    if place is None:
        return {}
    lines = (*_NAV, _ADMIN) if place.operator.is_superuser and place.may(Role.ADMIN) else _NAV
    nav = [_item(request, place, *line) for line in lines]
    return {
        "shell": Shell(
            organization=place.organization, organizations=place.organizations, operator=place.operator, nav=nav
        )
    }


def _item(request: HttpRequest, place: Place, label: str, name: str, icon: str, key: str) -> NavItem:
    url = reverse(name)
    active = request.path == url or (url != "/" and request.path.startswith(url))
    # Asked of the database only where the navigation is shown, not for every piece of a page.
    count = SimpleLazyObject(lambda: _waiting(place)) if name == REVIEW else ""
    return NavItem(label=label, url=url, icon=icon, key=key, active=active, count=count)


def _waiting(place: Place) -> str:
    with scope(place.organization.pk):
        return waiting_words(place.organization.pk)
