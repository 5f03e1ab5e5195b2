"""What became of a text, in words for the person who wrote it."""

from __future__ import annotations

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from ibex.core.errors import IbexError
from memories.refinement.draft import Outcome, Result
from memories.refinement.revision import UNCHANGED, UPDATED


def refuse(form: BaseForm, error: IbexError) -> None:
    """Show a typed error where the form can: at the field it names, else above all of them."""
    for problem in error.field_errors:
        form.add_error(problem.field if problem.field in form.fields else None, problem.message)
    if not error.field_errors:
        form.add_error(None, error.message)


def refuse_outcome(form: BaseForm, outcome: Outcome) -> None:
    """Refinement stored nothing: say why, with the way to the memory that says it already."""
    if outcome.result == Result.DUPLICATE_OF:
        url = reverse("memories:detail", args=[outcome.memory_id])
        said = format_html('Nothing was changed: <a href="{}">another memory</a> says this already.', url)
        form.add_error(None, said)
    else:
        form.add_error(None, f"It was not stored: {outcome.reason}.")


def tell_created(request: HttpRequest, outcome: Outcome, *, retired: int) -> None:
    """What refinement did with a new text, and how many older memories gave way to it."""
    match outcome.result:
        case Result.DUPLICATE_OF:
            messages.info(request, f"This was known already ({outcome.reason}). It counts as said once more.")
        case Result.MERGED_INTO:
            messages.info(request, "This was known in fewer words. Your text took their place; the versions keep them.")
        case _:
            older = (
                f" {retired} older {'memory gives' if retired == 1 else 'memories give'} way to it." if retired else ""
            )
            tell_standing(request, outcome, f"The memory is added.{older}")


def tell_standing(request: HttpRequest, outcome: Outcome, done: str) -> None:
    """Whether a text that was stored is in use now, and if not, why."""
    match outcome.result:
        case Result.QUARANTINED:
            messages.warning(request, f"Stored, but quarantined: {outcome.reason}. No prompt gets it before a review.")
        case Result.PENDING_REVIEW:
            messages.warning(request, f"Stored, but it waits for review: {outcome.reason}. No prompt gets it before.")
        case _ if outcome.reason not in {"", UPDATED, UNCHANGED}:
            messages.warning(request, f"{done} But what is known already outdates it: {outcome.reason}.")
        case _:
            messages.success(request, done)
