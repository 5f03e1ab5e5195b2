"""The words around memories."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.access import PlacedRequest, operator_page
from agents.choices import Locale, Role
from agents.models import Organization
from context.own_words import change_wording, example, locale_of, own_words, wording_for
from context.wording import WORDINGS
from context.wording_form import WordingForm
from ibex.core.errors import InvalidRequest
from ibex.core.htmx import SeeOther, posted_data
from ibex.core.writes import saved


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page()
def wording(request: PlacedRequest) -> HttpResponse:
    """Every member sees what prompts say, admins change it; `?of=` names the language that is looked at."""
    may_write = request.place.may(Role.ADMIN)
    if request.method == "POST" and not may_write:
        raise PermissionDenied
    organization = Organization.objects.get(pk=request.place.organization.pk)
    asked = request.GET.get("of", "")
    edited = asked if asked in WORDINGS else locale_of(organization)
    initial = {"locale": locale_of(organization), **own_words(organization, edited)}
    form = WordingForm(posted_data(request), edited=edited, initial=initial)
    is_posted = request.method == "POST" and form.is_valid()
    if is_posted and saved(request, form, partial(_save, organization, form, request.place.actor)):
        messages.success(request, "Saved. It holds for new blocks; those that a session was shown stay as they are.")
        return SeeOther(f"{reverse('context:wording')}?of={edited}")
    said = wording_for(organization, edited)
    context = {
        "form": form,
        "may_write": may_write,
        "edited": edited,
        "languages": Locale.choices,
        "example": example(said),
        "known": [("Language", Locale(locale_of(organization)).label)],
        "tokens": said.tokens,
    }
    return render(request, "context/wording.html", context, status=422 if request.method == "POST" else 200)


def _save(organization: Organization, form: WordingForm, actor: str) -> None:
    """What is refused is named as the form names it."""
    try:
        change_wording(organization, actor=actor, locale=form.cleaned_data["locale"], words={form.edited: form.words})
    except InvalidRequest as refused:
        errors = tuple(replace(error, field=error.field.rpartition(".")[2]) for error in refused.field_errors)
        raise InvalidRequest(field_errors=errors) from refused
