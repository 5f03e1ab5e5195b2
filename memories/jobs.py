"""What tends memories."""

from __future__ import annotations

from datetime import timedelta

from ibex.core.jobs import Job

JOBS = (
    Job(
        name="resume_extractions",
        title="Resume extractions",
        about="Takes up sessions whose worker died while it read their turns, where the queue does not.",
        every=timedelta(minutes=5),
        work="memories.maintenance.extractions.resume",
    ),
    Job(
        name="reconcile_desks",
        title="Reconcile the desk",
        about="Compares memories that changed in the last hour with the copies that prompts are made from, and mends "
        "those that missed a change.",
        every=timedelta(minutes=5),
        work="memories.maintenance.desks.reconcile",
    ),
    Job(
        name="expire_memories",
        title="Expire memories",
        about="Archives memories whose expiry has passed. Searches and prompts leave them out from that moment on.",
        every=timedelta(minutes=15),
        work="memories.maintenance.retire.expire",
    ),
    Job(
        name="archive_superseded",
        title="Archive superseded memories",
        about="Archives memories that gave way to newer ones a month ago. Their versions and edges stay.",
        every=timedelta(days=1),
        work="memories.maintenance.retire.archive_superseded",
    ),
    Job(
        name="consolidate_memories",
        title="Consolidate memories",
        about="Merges memories that changed in the last two days with those that say the same. A merge keeps both "
        "texts and can be undone; what somebody told apart is left apart.",
        every=timedelta(days=1),
        work="memories.maintenance.consolidate.consolidate",
    ),
    Job(
        name="count_injections",
        title="Count injections",
        about="Counts how often each memory was put into a prompt, from the receipts.",
        every=timedelta(minutes=1),
        work="memories.maintenance.counts.count_injections",
    ),
    Job(
        name="count_retrievals",
        title="Count retrievals",
        about="Counts how often each memory was considered for a prompt, from the receipts.",
        every=timedelta(days=1),
        work="memories.maintenance.counts.count_retrievals",
    ),
    Job(
        name="forget_turns",
        title="Forget old turns",
        about="Removes turns and their excerpts after the organization's retention, and sessions that have none left. "
        "Memories stay.",
        every=timedelta(days=1),
        work="memories.maintenance.turns.forget",
    ),
    Job(
        name="forget_excerpts",
        title="Forget old excerpts",
        about="Removes excerpts that have expired.",
        every=timedelta(days=1),
        work="memories.maintenance.excerpts.forget",
    ),
    Job(
        name="index_large_agents",
        title="Index large agents",
        about="Queues search indexes for agents that have grown large, and the removal of what no agent needs.",
        every=timedelta(hours=1),
        work="memories.maintenance.indexes.index_large_agents",
    ),
    Job(
        name="measure_recall",
        title="Measure search",
        about="Asks large agents both ways, by their index and exactly, and keeps what the index missed.",
        every=timedelta(days=1),
        work="memories.maintenance.recall.measure",
    ),
    Job(
        name="fill_vectors",
        title="Fill in vectors",
        about="While the embedding model changes: makes the vectors of the other model for what is written meanwhile.",
        every=timedelta(minutes=1),
        work="memories.filling.fill",
    ),
    Job(
        name="mend_vectors",
        title="Mend vectors",
        about="Looks for memories and excerpts without a vector of the model that serves, and makes it.",
        every=timedelta(days=1),
        work="memories.filling.mend",
    ),
)
