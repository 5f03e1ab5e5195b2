from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest

from ibex.core.secrets import load_or_create
from ibex.embedded import backup
from ibex.embedded.errors import StartError
from ibex.embedded.lock import only_one
from ibex.embedded.provision import provision
from ibex.env import env

SCHEMA = (
    "CREATE TABLE note (org_id int, content text, place vector(3))",
    "ALTER TABLE note ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE note FORCE ROW LEVEL SECURITY",
    "CREATE FUNCTION door() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM note'",
    "ALTER FUNCTION door() OWNER TO ibex_system",
)


def run(url, *statements):
    with psycopg.connect(url) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def database(layout):
    with backup._database(layout, load_or_create(layout.data_dir)) as addresses:
        yield addresses


@pytest.fixture
def installation(setting):
    """A stopped installation with one row under Row-Level Security."""
    layout, _ = backup._installation()
    with database(layout) as addresses:
        provision(addresses, makes_roles=True)
        run(addresses.owner_url, *SCHEMA)
        run(addresses.system_url, "INSERT INTO note VALUES (1, 'kept', '[1,2,3]')")
    return layout


def test_a_dump_brings_back_rows_roles_and_isolation(installation, tmp_path):
    file = tmp_path / "ibex.dump"
    backup.dump(file)
    assert file.stat().st_mode & 0o777 == 0o600
    with database(installation) as addresses:
        run(addresses.system_url, "DELETE FROM note")
    assert "what was there before is in" in backup.restore(file)
    with database(installation) as addresses:
        assert run(addresses.system_url, "SELECT content FROM note") == [("kept",)]
        assert run(addresses.app_url, "SELECT content FROM note") == []
        assert run(addresses.app_url, "SELECT door()") == [(1,)]


def test_what_is_not_a_dump_is_one_sentence_and_nothing_is_lost(installation, tmp_path):
    (tmp_path / "photo").write_text("not a dump")
    with pytest.raises(StartError, match="pg_restore failed"):
        backup.restore(tmp_path / "photo")
    with database(installation) as addresses:
        assert run(addresses.system_url, "SELECT content FROM note") == [("kept",)]


def test_a_file_that_exists_is_not_overwritten(setting, tmp_path):
    (tmp_path / "ibex.dump").write_text("")
    with pytest.raises(StartError, match="exists already"):
        backup.dump(tmp_path / "ibex.dump")


def test_a_running_ibex_must_be_stopped_first(setting, tmp_path):
    layout, _ = backup._installation()
    with only_one(layout.lock, print), pytest.raises(StartError, match="already runs"):
        backup.dump(tmp_path / "ibex.dump")


def test_somebody_elses_database_is_left_to_its_own_tools(setting, tmp_path):
    setting(DATABASE_URL="postgresql://root@db/shop")
    with pytest.raises(StartError, match="use pg_dump and pg_restore"):
        backup.dump(tmp_path / "ibex.dump")
    assert env().database_url
