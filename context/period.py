"""The days that a report is about, as people name them."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from django.utils import timezone

from ibex.core.errors import FieldCode, FieldError, InvalidRequest

DEFAULT_DAYS = 30
DAYS_MAX = 366

Period = tuple[date, date]
"""First and last day, in UTC."""


def period_of(since: str, until: str) -> Period:
    """The days from `since` to `until` (YYYY-MM-DD). Empty: until today, and DEFAULT_DAYS of them.

    Raises InvalidRequest with the field that is wrong.
    """
    today = timezone.now().astimezone(UTC).date()
    last = _day("until", until) or today
    first = _day("since", since) or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise _refused("since", "The first day is after the last.")
    if (last - first).days >= DAYS_MAX:
        raise _refused("since", f"A report is about {DAYS_MAX} days at most.")
    return first, last


def latest(days: int) -> Period:
    """So many days, today the last."""
    today = timezone.now().astimezone(UTC).date()
    return today - timedelta(days=days - 1), today


def _day(field: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise _refused(field, "A day is written as YYYY-MM-DD.") from None
    if not timedelta(days=DAYS_MAX) < day - date.min < date.max - date.min - timedelta(days=DAYS_MAX):
        raise _refused(field, "This day is out of reach.")
    return day


def _refused(field: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError(field, FieldCode.INVALID_FORMAT, sentence)])
