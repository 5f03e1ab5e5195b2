"""The FilterSet of a job's runs."""

from __future__ import annotations

import django_filters

from ibex.core.models import JobOutcome, JobRun


class JobRunFilter(django_filters.FilterSet):
    """Runs by how they ended."""

    outcome = django_filters.ChoiceFilter(choices=JobOutcome.choices)

    class Meta:
        model = JobRun
        fields: list[str] = []
