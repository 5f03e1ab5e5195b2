"""A page's write: done whole or not at all, audited with where it came from, refused in words that a form can show."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest

from ibex.core.errors import IbexError
from ibex.core.origin import served_from


def attempt(request: HttpRequest, write: Callable[[], object]) -> IbexError | None:
    """Run `write` in a transaction of its own; the typed error that refused it, or None when it was done."""
    try:
        with served_from(request), transaction.atomic():
            write()
    except IbexError as refusal:
        return refusal
    return None


def written(request: HttpRequest, write: Callable[[], object], success: str) -> bool:
    """`attempt` for a button: tells the operator how it went, in the next page's messages."""
    refusal = attempt(request, write)
    if refusal is None:
        messages.success(request, success)
    else:
        messages.error(request, refusal.message)
    return refusal is None


def saved(request: HttpRequest, form: BaseForm, write: Callable[[], object]) -> bool:
    """`attempt` for a form: what is refused becomes the form's errors."""
    refusal = attempt(request, write)
    if refusal is None:
        return True
    for error in refusal.field_errors:
        form.add_error(error.field if error.field in form.fields else None, error.message)
    if not refusal.field_errors:
        form.add_error(None, refusal.message)
    return False
