"""What every page view needs: page or partial, where to go after a POST, the address that others call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from ibex.env import env


class SeeOther(HttpResponseRedirect):
    """Where the browser goes, with GET, after a POST that was done."""

    status_code = 303


def wants_partial(request: HttpRequest) -> bool:
    """Whether htmx asks for a piece of a page: boosted links and restored history entries want it whole."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, partial: str, status: int = 200
) -> HttpResponse:
    """The page, or only its `partial` (a `{% partialdef %}` of the same template) when that is what htmx asks for.

    A form with errors is answered with status 422, which htmx swaps in like any other.
    """
    name = f"{template}#{partial}" if wants_partial(request) else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def posted_data(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the POST's fields, even when there are none; None for a form that is only shown."""
    return request.POST if request.method == "POST" else None


def public_url(request: HttpRequest) -> str:
    """Where applications reach this IBEX, without a slash at the end: as configured, else as this page was reached."""
    return env().base_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"
