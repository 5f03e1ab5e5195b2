"""How `manage.py up` refuses: one sentence and exit code 1. A whole start is in tests/flow/test_up.py."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ibex.embedded.lock import only_one
from tests.embedded.conftest import bare_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def up(tmp_path):
    """Run `manage.py up` to its end in a fresh data folder, and return the sentence it printed."""

    def run(**variables):
        environment = bare_environment(**{"IBEX_DATA_DIR": tmp_path / "data", "IBEX_PORT": free_port(), **variables})
        command = [sys.executable, "manage.py", "up"]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert ended.stderr.startswith("IBEX: ")
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        return ended.stderr.strip()

    return run


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_port_that_is_taken(up):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = up(IBEX_PORT=port)
    assert sentence.startswith(f"IBEX: Port {port} of 127.0.0.1 cannot be used (Address already in use)")
    assert "IBEX_PORT" in sentence


def test_a_data_folder_of_another_postgresql(up, tmp_path):
    (tmp_path / "data" / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "data" / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    assert "was made by PostgreSQL 17 and this IBEX carries PostgreSQL 18" in up()


def test_an_ibex_that_runs_already(up, tmp_path):
    (tmp_path / "data").mkdir()
    with only_one(tmp_path / "data" / "up.lock", print):
        assert "already runs on" in up()


def test_a_setting_that_is_no_number_is_named_and_not_repeated(up):
    sentence = up(IBEX_PORT="hunter2")
    assert sentence.startswith("IBEX: IBEX_PORT is not valid: ")
    assert "hunter2" not in sentence


def test_a_database_that_is_not_there(up):
    sentence = up(DATABASE_URL="postgresql://root:hunter2@127.0.0.1:1/shop", REDIS_URL="redis://127.0.0.1:1")
    assert "The database cannot be reached" in sentence
    assert "hunter2" not in sentence


def test_a_data_folder_that_is_a_file(up, tmp_path):
    (tmp_path / "data").write_text("")
    assert "IBEX_DATA_DIR" in up()
