"""The first start and those after it, on servers of their own, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ibex.embedded.addresses import Addresses
from ibex.embedded.testing import embedded_servers

ROOT = Path(__file__).resolve().parents[2]


class Machine:
    """Where `manage.py prepare` runs: a data folder, and an environment that names the servers."""

    def __init__(self, addresses: Addresses, folder: Path) -> None:
        self.addresses, self.folder = addresses, folder
        self.file = folder / "first-run.json"
        self.pending = folder / ".first-run.json.new"

    def start(self, **environment: str) -> subprocess.Popen[str]:
        settings = {"IBEX_DATA_DIR": str(self.folder), "OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}
        return subprocess.Popen(
            [sys.executable, "manage.py", "prepare"],
            cwd=ROOT,
            env=os.environ | self.addresses.environment() | settings | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def prepare(self, **environment: str) -> str:
        process = self.start(**environment)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def facts(self) -> dict[str, str]:
        return json.loads(self.file.read_text())

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.addresses.system_url) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def addresses() -> Iterator[Addresses]:
    with embedded_servers() as addresses:
        yield addresses


@pytest.fixture
def machine(addresses: Addresses) -> Iterator[Machine]:
    """A machine at a moment when no organization exists."""
    with psycopg.connect(addresses.owner_url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('agents_organization')").fetchone() != (None,):
            connection.execute("TRUNCATE agents_organization CASCADE")
    with tempfile.TemporaryDirectory() as folder:
        yield Machine(addresses, Path(folder))


def test_the_first_start_makes_all_that_the_file_says(machine: Machine) -> None:
    said = machine.prepare()
    facts = machine.facts()
    assert set(facts) == {"base_url", "token", "agent_id", "agent_slug", "operator_email", "operator_password"}
    assert facts["agent_slug"] == "assistant"
    assert machine.file.stat().st_mode & 0o777 == 0o600
    assert facts["token"] not in said
    assert facts["operator_password"] not in said
    assert machine.ask("SELECT slug FROM agents_organization") == [("my-organization",)]
    assert machine.ask("SELECT id::text FROM agents_agent") == [(facts["agent_id"],)]
    assert machine.ask("SELECT kind FROM agents_providerconnection") == [("sandbox",)]
    assert machine.ask("SELECT role FROM agents_member") == [("owner",)]
    assert machine.ask("SELECT is_superuser, is_staff FROM agents_operator") == [(True, True)]


def test_a_second_start_keeps_everything_but_follows_the_port(machine: Machine) -> None:
    machine.prepare()
    first = machine.facts()
    machine.prepare()
    assert machine.facts() == first
    machine.prepare(IBEX_PORT="8099")
    assert machine.facts() == {**first, "base_url": "http://127.0.0.1:8099"}
    assert machine.file.stat().st_mode & 0o777 == 0o600
    assert not machine.pending.exists()


def test_a_provider_key_in_the_environment_makes_the_first_provider(machine: Machine) -> None:
    machine.prepare(OPENAI_API_KEY="sk-not-a-real-key", OPENAI_BASE_URL="http://models.test/v1/")
    [(kind, base_url, sealed)] = machine.ask("SELECT kind, base_url, sealed_key FROM agents_providerconnection")
    assert (kind, base_url) == ("openai", "http://models.test/v1")
    assert b"sk-not-a-real-key" not in bytes(sealed)


def test_two_machines_that_start_at_once_make_one_organization(machine: Machine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        other = Machine(machine.addresses, Path(folder))
        processes = [machine.start(), other.start()]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        for process in processes:
            process.communicate()
        assert machine.ask("SELECT count(*) FROM agents_organization") == [(1,)]
        assert [machine.file.exists(), other.file.exists()].count(True) == 1


def test_a_start_killed_between_commit_and_file_is_finished_by_the_next(machine: Machine) -> None:
    machine.prepare()
    facts = machine.facts()
    machine.file.rename(machine.pending)
    machine.prepare()
    assert machine.facts() == facts


def test_facts_of_a_start_that_never_committed_are_thrown_away(machine: Machine) -> None:
    machine.prepare()
    facts = machine.facts()
    machine.pending.write_text(json.dumps({**facts, "token": "ibex_pat_" + "a" * 43}))
    machine.prepare()
    assert machine.facts() == facts
    assert not machine.pending.exists()


def test_data_from_elsewhere_is_left_alone(machine: Machine) -> None:
    machine.prepare()
    machine.file.unlink()
    assert "made elsewhere" in machine.prepare()
    assert not machine.file.exists()
    assert machine.ask("SELECT count(*) FROM agents_organization") == [(1,)]
