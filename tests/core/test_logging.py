from __future__ import annotations

import io
import json
import logging

import pytest

from ibex.core.logging import logging_config

SECRET = "my blood type is AB negative"


@pytest.fixture
def log_lines(monkeypatch):
    """What a process would write, as parsed lines."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging_config("INFO", "json")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level


def test_an_exception_is_logged_by_its_type_and_frames_and_never_by_its_words(log_lines):
    def fail() -> None:
        raise ValueError(f"Failing row contains ({SECRET})")

    try:
        fail()
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error")
    [line] = log_lines()
    assert line["exception"] == "ValueError"
    assert any("test_logging.py" in frame for frame in line["frames"])
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize(
    ("logger", "line", "kept"),
    [
        ("django.request", f"Not Found: /agents/{SECRET}", "Not Found"),
        ("django.security.DisallowedHost", f"Invalid HTTP_HOST header: '{SECRET}'.", "Invalid HTTP_HOST header"),
        ("django.security.csrf", f"Forbidden (Origin checking failed - {SECRET}): /x", "Forbidden"),
        (
            "asyncio",
            f"Task exception was never retrieved\nfuture: <ValueError('{SECRET}')>",
            "Task exception was never retrieved",
        ),
    ],
)
def test_other_peoples_lines_keep_their_first_words(log_lines, logger, line, kept):
    logging.getLogger(logger).error(line)
    [written] = log_lines()
    assert written["event"] == kept
    assert SECRET not in json.dumps(written)


def test_a_traceback_in_a_line_becomes_its_frames(log_lines):
    text = f'Traceback (most recent call last):\n  File "/a/b.py", line 7, in c\n    d(x)\nValueError: {SECRET}'
    logging.getLogger("django.request").error(text)
    [written] = log_lines()
    assert written["frames"] == ["/a/b.py:7"]
    assert SECRET not in json.dumps(written)


def test_our_own_lines_stay_whole(log_lines):
    logging.getLogger("proxy.forward").error("what: it (says)")
    assert log_lines()[0]["event"] == "what: it (says)"
