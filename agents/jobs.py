"""What tends sessions and calls."""

from __future__ import annotations

from datetime import timedelta

from ibex.core.jobs import Job

JOBS = (
    Job(
        name="end_idle_sessions",
        title="End idle sessions",
        about="Completes sessions that were silent for their agent's idle time, so that they are mined to the end. One "
        "whose last turn was broken off is abandoned.",
        every=timedelta(minutes=1),
        work="agents.maintenance.end_idle_sessions",
    ),
    Job(
        name="forget_traces",
        title="Forget old traces",
        about="Removes the metadata of calls after the organization's retention.",
        every=timedelta(days=1),
        work="agents.maintenance.forget_traces",
    ),
)
