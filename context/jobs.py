"""What tends receipts, and what memories are worth."""

from __future__ import annotations

from datetime import timedelta

from ibex.core.jobs import Job

JOBS = (
    Job(
        name="decay_usefulness",
        title="Decay usefulness",
        about="Lets what was said about memories weigh less as time passes: half in 90 days.",
        every=timedelta(days=1),
        work="context.maintenance.decay_usefulness",
    ),
    Job(
        name="read_turns",
        title="Read turns",
        about="Reads finished turns for the memories that their answers used, and for corrections by the user.",
        every=timedelta(minutes=1),
        work="context.reading.read_turns",
    ),
    Job(
        name="archive_sessions",
        title="Archive sessions",
        about="Writes sessions that have ended to the storage of archives, where that was not done when they ended.",
        every=timedelta(minutes=1),
        work="context.archiving.archive_sessions",
    ),
    Job(
        name="forget_injections",
        title="Forget old receipts",
        about="Removes which memories a call was given, and why, after the organization's retention of traces.",
        every=timedelta(days=1),
        work="context.maintenance.forget_injections",
    ),
)
