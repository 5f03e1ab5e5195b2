"""Every metric IBEX exposes at /metrics. Labels never hold content, ids of users, or unbounded values.

With a folder in IBEX's settings, as under `manage.py up`, they are those of all its processes; else of this one.
"""

from __future__ import annotations

from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from ibex.core.shared_metrics import GAUGES, shared_metrics
from ibex.env import env

_SHARED = shared_metrics(folder) if (folder := env().metrics_dir) else None
_FINE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.045, 0.06, 0.1, 0.25, 0.5, 1, 2.5)

CALLS = Counter("ibex_calls_total", "Proxied calls by endpoint and status.", ["endpoint", "status"])
STAGE_SECONDS = Histogram(
    "ibex_stage_seconds", "Time in each stage of the request path.", ["stage"], buckets=_FINE_BUCKETS_S
)
ASSEMBLY_LEVEL = Counter("ibex_assembly_level_total", "Assemblies by rung of the degradation ladder.", ["level"])
AUTH = Counter("ibex_auth_total", "Token checks by where they were decided.", ["outcome"])
FAIL_OPEN = Counter("ibex_fail_open_total", "Steps that failed and let the call through.", ["step"])
CROSS_TENANT = Counter("ibex_cross_tenant_total", "Uses of the door that crosses tenants.", ["reason"])
PROVIDER_FALLBACKS = Counter("ibex_provider_fallbacks_total", "Calls that went on to another provider.")
JOURNAL = Counter("ibex_journal_entries_total", "Turns by where they were journaled.", ["where"])
DRAINED = Counter("ibex_drained_entries_total", "Journal entries moved to the vault.", ["outcome"])
REFINED = Counter("ibex_refined_total", "Candidates by what refinement did with them.", ["outcome"])
WITHOUT_VECTOR = Counter(
    "ibex_rows_without_vector_total", "Rows that a search judged by their words, for want of a vector that serves."
)
EXTRACTED = Counter("ibex_extracted_total", "Extraction tasks by outcome.", ["outcome"])
EXTRACTION_DROPPED = Counter(
    "ibex_extraction_dropped_total", "What an extractor proposed that was not kept, by reason.", ["extractor", "reason"]
)
ARCHIVES = Counter("ibex_archives_total", "Archives of sessions by what became of them.", ["outcome"])
JOB_RUNS = Counter("ibex_job_runs_total", "Runs of scheduled jobs by outcome.", ["job", "outcome"])
JOB_SECONDS = Histogram("ibex_job_seconds", "Time that a run of a job took.", ["job"])
JOB_ROWS = Counter("ibex_job_rows_total", "What jobs did, by kind.", ["job", "what"])
BOUNDARY_ERRORS = Counter("ibex_boundary_errors_total", "Unexpected errors stopped at a boundary.", ["boundary"])
IN_FLIGHT = Gauge("ibex_calls_in_flight", "Proxied calls being served.", multiprocess_mode=GAUGES)


@cache
def stage_seconds(stage: str) -> Histogram:
    """The histogram of one stage: to look it up by its label costs more than to observe."""
    return STAGE_SECONDS.labels(stage=stage)


@cache
def calls(endpoint: str, status: int) -> Counter:
    """The counter of one endpoint's calls with one status."""
    return CALLS.labels(endpoint=endpoint, status=str(status))


@cache
def assembly_level(level: int) -> Counter:
    """The counter of assemblies that came to one rung of the ladder."""
    return ASSEMBLY_LEVEL.labels(level=str(int(level)))


@cache
def journal(where: str) -> Counter:
    """The counter of turns that were journaled in one place."""
    return JOURNAL.labels(where=where)


def exposition() -> bytes:
    """All of them, as Prometheus reads them. Takes milliseconds where they are read from files."""
    return _SHARED.exposition() if _SHARED else generate_latest()


__all__ = ["CONTENT_TYPE_LATEST"]
