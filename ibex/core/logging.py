"""Structured logs: one JSON object a line, with request id, organization and agent; never content."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

OURS = ("ibex", "agents", "memories", "context", "proxy")
QUOTING = ("django", "asyncio", "uvloop")
"""Loggers whose lines quote a request's address or headers, or the text of an exception."""

_END_OF_FIRST_WORDS = re.compile(r"[:;(<\n'\"]")
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')


def place_of(error: BaseException) -> str:
    """File and line where it was raised, which no user typed; the text of an error may hold what one did."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _without_words(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A logged exception becomes its type and its frames: PostgreSQL, for one, quotes whole rows in its messages."""
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        event["frames"] = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    return event


def _without_quotes(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of a line that may quote what someone sent only its first words stay, and the frames that it shows."""
    if str(event.get("logger", "")).partition(".")[0] in QUOTING:
        line = str(event["event"])
        event["event"] = _END_OF_FIRST_WORDS.split(line, maxsplit=1)[0].strip()
        if frames := _FRAME.findall(line):
            event.setdefault("frames", [f"{file}:{number}" for file, number in frames])
    return event


def logging_config(level: str, log_format: str) -> None:
    """Route structlog and the standard library through one renderer to standard output."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_words,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if log_format == "console" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        "foreign_pre_chain": [*shared, _without_quotes],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"ibex": formatter},
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "ibex"}},
            # Other people's lines may hold request targets or queries: only their warnings are wanted.
            "root": {"handlers": ["console"], "level": "WARNING"},
            "loggers": {name: {"level": level} for name in OURS},
        }
    )
