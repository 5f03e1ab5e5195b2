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
