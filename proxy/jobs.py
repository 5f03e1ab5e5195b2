"""What tends the journal."""

from __future__ import annotations

from datetime import timedelta

from ibex.core.jobs import Job

JOBS = (
    Job(
        name="replay_spool",
        title="Replay the spool",
        about="Puts turns that were written to a worker's disk while Redis was down back into the journal, where no "
        "drain of that machine has done so.",
        every=timedelta(minutes=1),
        work="proxy.maintenance.replay_left_spool",
    ),
)
