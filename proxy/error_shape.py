"""Every error of the proxy as SPEC's envelope; what was not foreseen becomes a 500 that says nothing of its cause."""

from __future__ import annotations

import orjson
import structlog

from ibex.core import metrics
from ibex.core.errors import IbexError
from ibex.core.logging import place_of

_log = structlog.get_logger(__name__)


def error_answer(error: Exception, request_id: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and extra headers of an error."""
    if not isinstance(error, IbexError):
        metrics.BOUNDARY_ERRORS.labels(boundary="proxy").inc()
        _log.error("proxy_call_failed", error=type(error).__name__, where=place_of(error))
        error = IbexError()
    return error.status, orjson.dumps(error.envelope(request_id)), error.headers
