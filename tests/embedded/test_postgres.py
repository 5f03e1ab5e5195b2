from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from ibex.core.secrets import Secrets
from ibex.embedded.addresses import embedded_database
from ibex.embedded.errors import StartError
from ibex.embedded.layout import Layout
from ibex.embedded.postgres import FOR_TESTS, Postgres
from ibex.embedded.process import launch

SECRETS = Secrets(secret_key="k", postgres_password="a-password-for-this-test", redis_password="r")


@pytest.fixture(scope="module")
def new_data(tmp_path_factory):
    """A data folder as initdb leaves it, to be copied: making one takes half a second of a core."""
    layout = Layout(tmp_path_factory.mktemp("made"))
    layout.make()
    server = Postgres(layout=layout, password=SECRETS.postgres_password, settings=FOR_TESTS)
    assert server.create()
    server.close()
    yield server.data
    shutil.rmtree(layout.run, ignore_errors=True)


@pytest.fixture
def postgres(layout, new_data):
    server = Postgres(layout=layout, password=SECRETS.postgres_password, settings=FOR_TESTS)
    subprocess.run(["cp", "-a", new_data, server.data], check=True)
    server.create()
    yield server
    server.close()


@pytest.fixture
def start(postgres, patiently):
    started = []

    def begin():
        postgres.clear_leftovers()
        process = launch(postgres.program(), subprocess.DEVNULL)
        started.append(process)
        patiently(lambda: postgres.ready(process.pid))
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def query(layout):
    url = embedded_database(layout, SECRETS)["admin_url"].replace("/ibex?", "/postgres?")

    def ask(statement):
        with psycopg.connect(url, autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return ask


def test_it_is_made_once_and_private(postgres, layout):
    assert not postgres.create()
    assert postgres.data.stat().st_mode & 0o777 == 0o700
    assert not (layout.postgres / "password").exists()


def test_it_listens_on_its_socket_alone_and_asks_for_a_password(start, query, layout):
    start()
    assert query("SHOW listen_addresses") == [("",)]
    url = f"postgresql://ibex_admin:wrong@/postgres?host={layout.postgres_sockets}"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_an_operators_changed_setting_survives_a_restart(postgres, start, query):
    with (postgres.data / "postgresql.conf").open("a") as file:
        file.write("\nwork_mem = '7MB'\n")
    start()
    assert query("SHOW work_mem") == [("7MB",)]


def test_every_row_is_there_after_kill_9(start, query):
    process = start()
    query("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    process.kill()
    process.wait()
    start()
    assert query("SELECT count(*) FROM kept") == [(1000,)]


def test_a_pid_file_that_names_somebody_elses_process_stops_nothing(postgres, start, query):
    process = start()
    process.kill()
    process.wait()
    pid_file = postgres.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    start()
    assert query("SELECT 1") == [(1,)]


def test_a_server_that_runs_is_left_alone(postgres, start, query):
    process = start()
    with pytest.raises(StartError, match=rf"already runs on .* `kill -INT {process.pid}`"):
        postgres.clear_leftovers()
    assert query("SELECT 1") == [(1,)]


def test_data_of_another_major_version_is_refused_in_one_sentence(postgres):
    (postgres.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartError, match="was made by PostgreSQL 17 and this IBEX carries PostgreSQL 18"):
        postgres.create()


def test_a_half_made_data_folder_is_thrown_away(layout, postgres):
    shutil.rmtree(postgres.data)
    (layout.postgres / "data.new").mkdir()
    (layout.postgres / "data.new" / "PG_VERSION").write_text("18\n")
    assert postgres.create()
    assert (postgres.data / "postgresql.conf").exists()


def test_it_sees_nothing_of_our_environment(start, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key")
    process = start()
    assert b"sk-a-key" not in Path(f"/proc/{process.pid}/environ").read_bytes()


def test_a_failed_statement_leaves_no_content_in_the_log(layout, postgres, patiently, query):
    with (layout.logs / "postgres.log").open("wb") as log:
        process = launch(postgres.program(), log)
    try:
        patiently(lambda: postgres.ready(process.pid))
        query("CREATE TABLE notes (content text UNIQUE CHECK (content <> 'whispered'))")
        for statement in ("INSERT INTO notes VALUES ('whispered')", "SELECT 'whispered'::int"):
            with pytest.raises(psycopg.Error):
                query(statement)
    finally:
        process.kill()
        process.wait()
    text = (layout.logs / "postgres.log").read_text()
    assert "ready to accept connections" in text
    assert "whispered" not in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
def test_root_runs_it_as_nobody_inside_folders_that_stay_closed(layout, start, query):
    process = start()
    assert Path(f"/proc/{process.pid}").stat().st_uid != 0
    assert layout.data_dir.stat().st_uid == 0
    assert layout.data_dir.stat().st_mode & 0o777 == 0o700
    assert query("SELECT 1") == [(1,)]
