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
        name="strip_turns",
        title="Take archived words out of turns",
        about="Takes what was said out of the turns of archived sessions, once the archive was read back and says the "
        "same. Hashes, counts and timings stay.",
        every=timedelta(minutes=1),
        work="agents.archives.stripping.strip_turns",
    ),
    Job(
        name="erase_archives",
        title="Erase archives",
        about="Removes archives of sessions that were removed or erased.",
        every=timedelta(minutes=1),
        work="agents.archives.removal.erase_archives",
    ),
    Job(
        name="forget_archives",
        title="Forget old archives",
        about="Removes archives after the organization's retention, and out of others the turns whose own is over.",
        every=timedelta(days=1),
        work="agents.archives.removal.forget_archives",
    ),
    Job(
        name="forget_traces",
        title="Forget old traces",
        about="Removes the metadata of calls after the organization's retention.",
        every=timedelta(days=1),
        work="agents.maintenance.forget_traces",
    ),
)
