from __future__ import annotations

from ibex.embedded import logs as module
from ibex.embedded.logs import Logs


def write(logs: Logs, text: str) -> None:
    with logs.open("web") as file:
        file.write(text.encode())


def test_a_log_is_private_and_the_last_run_is_kept_beside_it(tmp_path):
    logs = Logs(tmp_path)
    write(logs, "first run\n")
    logs.begin("web")
    write(logs, "second run\n")
    assert logs.path("web").read_text() == "second run\n"
    assert (tmp_path / "web.log.1").read_text() == "first run\n"
    assert logs.path("web").stat().st_mode & 0o777 == 0o600


def test_the_last_line_is_the_last_that_says_something(tmp_path):
    logs = Logs(tmp_path)
    assert logs.last_line("web") == ""
    write(logs, "Traceback\nValueError: no\n\n")
    assert logs.last_line("web") == "ValueError: no"


def test_a_long_log_is_cut_under_the_process_that_writes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOG_BYTES_MAX", 10)
    logs = Logs(tmp_path)
    with logs.open("web") as file:
        file.write(b"a long first line\n")
        file.flush()
        logs.trim()
        file.write(b"next\n")
    assert logs.path("web").read_text() == "next\n"
    assert (tmp_path / "web.log.1").read_text() == "a long first line\n"
