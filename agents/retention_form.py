"""How long the organization keeps what was said, and what is known about calls."""

from __future__ import annotations

from django import forms

from agents.models.retention import KEPT_DAYS_MAX


class RetentionForm(forms.Form):
    """Days, of each kind."""

    turn_retention_days = forms.IntegerField(
        min_value=1,
        max_value=KEPT_DAYS_MAX,
        label="Turns, in days",
        help_text="What was said, and the excerpts of it that are searched. Memories stay, with their quoted evidence.",
    )
    archive_retention_days = forms.IntegerField(
        min_value=1,
        max_value=KEPT_DAYS_MAX,
        label="Archives, in days",
        help_text="The files of sessions that have ended, with what was said in them. None outlives its turns.",
    )
    trace_retention_days = forms.IntegerField(
        min_value=1,
        max_value=KEPT_DAYS_MAX,
        label="Traces, in days",
        help_text="The metadata of calls: latencies, tokens, cost, and which memories each was given.",
    )
