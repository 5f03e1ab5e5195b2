"""What `manage.py up` starts, by the settings."""

from __future__ import annotations

import os

import pytest

import ibex.env
from ibex.embedded import services
from ibex.embedded.layout import Layout
from ibex.env import env, usable_cores
from ibex.port import bound


@pytest.fixture
def cores(monkeypatch, tmp_path):
    """Let this process have so many, of which a container's quota allows a part."""
    monkeypatch.setattr(ibex.env, "CPU_QUOTA", tmp_path / "cpu.max")

    def have(number, quota="max 100000"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(number)))
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
        env.cache_clear()

    return have


@pytest.mark.parametrize(
    ("number", "web_processes", "embedding_threads"), [(1, 1, 1), (2, 2, 1), (3, 2, 1), (4, 2, 2), (64, 2, 2)]
)
def test_the_defaults_fit_the_cores(setting, cores, number, web_processes, embedding_threads):
    setting()
    cores(number)
    assert usable_cores() == number
    assert (env().web_processes, env().embedding_threads) == (web_processes, embedding_threads)


@pytest.mark.parametrize(
    ("quota", "usable"), [("max 100000", 8), ("50000 100000", 1), ("150000 100000", 1), ("400000 100000", 4)]
)
def test_a_containers_quota_counts(cores, quota, usable):
    cores(8, quota)
    assert usable_cores() == usable


def test_web_processes_share_the_cores_among_their_embedding_threads(setting, cores):
    setting(IBEX_WEB_PROCESSES=1)
    cores(2)
    assert env().embedding_threads == 2
    setting(IBEX_EMBEDDING_THREADS=5)
    assert env().embedding_threads == 5


def test_postgresql_has_connections_for_every_process(setting):
    setting(IBEX_WEB_PROCESSES=2, IBEX_WORKERS=1)
    assert services.connections() == {}
    setting(IBEX_WEB_PROCESSES=8, IBEX_WORKERS=4)
    assert int(services.connections()["max_connections"]) > 8 * 23 + 4 * 2


def test_web_processes_have_names_and_sockets_of_their_own_and_one_port(tmp_path):
    with bound("127.0.0.1", 0) as listener:
        web = [services.web(listener, Layout(tmp_path), number) for number in (1, 2)]
        programs = [each.program() for each in web]
        assert [each.name for each in web] == ["web", "web-2"]
        assert [each.open_files for each in programs] == [(listener.fileno(),)] * 2
        assert len({str(each.argv[-1]) for each in programs}) == 2


def test_a_web_process_that_is_not_there_is_not_ready(tmp_path):
    assert not services.is_ready(tmp_path / "web.sock")
