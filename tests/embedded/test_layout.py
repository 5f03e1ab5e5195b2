from __future__ import annotations

import os
import shutil

import pytest

from ibex.embedded.layout import SOCKET_PATH_BYTES_MAX, Layout


@pytest.fixture
def deep(tmp_path):
    layout = Layout(tmp_path / ("a" * 60) / ("b" * 60))
    yield layout
    shutil.rmtree(layout.run, ignore_errors=True)


def modes(layout):
    folders = (layout.data_dir, layout.postgres, layout.valkey, layout.logs, layout.run, layout.postgres_sockets)
    return {folder.stat().st_mode & 0o777 for folder in folders}


def test_every_folder_is_private(layout):
    assert modes(layout) == {0o700}


def test_a_folder_that_others_could_enter_is_closed_again(layout):
    layout.data_dir.chmod(0o755)
    layout.make()
    assert modes(layout) == {0o700}


def test_sockets_of_a_deep_folder_are_in_a_short_private_one_that_is_remembered(deep):
    deep.make()
    longest = deep.postgres_sockets / ".s.PGSQL.5432.lock"
    assert len(os.fsencode(longest)) <= SOCKET_PATH_BYTES_MAX
    assert modes(deep) == {0o700}
    before = deep.run
    deep.make()
    assert Layout(deep.data_dir).run == before


def test_a_short_folder_that_went_away_is_made_anew(deep):
    deep.make()
    before = deep.run
    shutil.rmtree(before)
    deep.make()
    assert deep.run != before
    assert modes(deep) == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another account")
def test_a_short_folder_that_somebody_else_made_again_is_not_used(deep):
    deep.make()
    before = deep.run
    os.chown(before, 65534, 65534)
    deep.make()
    assert deep.run != before
    shutil.rmtree(before)
