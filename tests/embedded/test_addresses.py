from __future__ import annotations

import subprocess
import sys

import pytest
from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url

from ibex.embedded.addresses import makes_roles, resolve
from ibex.embedded.errors import StartError
from tests.embedded.conftest import bare_environment

KEY = "a key of at least thirty-two characters"


def test_the_embedded_servers_are_reached_through_private_sockets(setting, tmp_path):
    addresses = resolve()
    app = conninfo_to_dict(addresses.app_url)
    assert app["host"] == str(tmp_path / "data" / "run" / "pg")
    assert (app["user"], app["dbname"]) == ("ibex_app", "ibex")
    assert parse_url(addresses.redis_url)["path"] == str(tmp_path / "data" / "run" / "valkey.sock")


def test_each_role_has_its_own_password(setting):
    addresses = resolve()
    urls = (addresses.admin_url, addresses.owner_url, addresses.app_url, addresses.system_url)
    assert len({conninfo_to_dict(url)["password"] for url in urls}) == 4


def test_machines_that_share_a_key_agree_on_every_password(setting, tmp_path):
    setting(IBEX_SECRET_KEY=KEY, DATABASE_URL="postgresql://root:pw@db.example:5433/shop?sslmode=require")
    first = resolve()
    setting(IBEX_DATA_DIR=tmp_path / "another machine")
    second = resolve()
    assert (first.owner_url, first.app_url, first.system_url) == (second.owner_url, second.app_url, second.system_url)


def test_a_given_database_keeps_its_host_port_name_and_options(setting):
    setting(DATABASE_URL="postgresql://root:p%40w@db.example:5433/shop?sslmode=require&user=mallory")
    app = conninfo_to_dict(resolve().app_url)
    assert {name: app[name] for name in ("host", "port", "dbname", "sslmode", "user")} == {
        "host": "db.example",
        "port": "5433",
        "dbname": "shop",
        "sslmode": "require",
        "user": "ibex_app",
    }


def test_given_roles_are_used_as_they_are(setting):
    setting(
        DATABASE_URL="postgresql://owner:a@db/shop",
        IBEX_APP_DATABASE_URL="postgresql://app:b@db/shop",
        IBEX_SYSTEM_DATABASE_URL="postgresql://system:c@db/shop",
        REDIS_URL="redis://cache:6379/3",
    )
    addresses = resolve()
    assert not makes_roles()
    assert addresses.owner_url == "postgresql://owner:a@db/shop"
    assert addresses.app_url == "postgresql://app:b@db/shop"
    assert addresses.system_url == "postgresql://system:c@db/shop"
    assert addresses.redis_url == "redis://cache:6379/3"


def test_nothing_is_written_where_everything_is_given(setting, tmp_path):
    setting(IBEX_SECRET_KEY=KEY, DATABASE_URL="postgresql://root:pw@db/shop", REDIS_URL="redis://cache")
    assert resolve().secret_key == KEY
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "mysql://root@db/shop"}, "begins with postgresql://"),
        ({"DATABASE_URL": "postgresql://root@db"}, "names no database"),
        ({"DATABASE_URL": "postgresql://root@db/shop", "IBEX_APP_DATABASE_URL": "postgresql://a@db/shop"}, "Set both"),
    ],
)
def test_an_address_that_cannot_work_is_one_sentence(setting, variables, sentence):
    setting(**variables)
    with pytest.raises(StartError, match=sentence):
        resolve()


def test_addresses_do_not_show_their_passwords(setting):
    assert repr(resolve()) == "Addresses()"


def test_addresses_travel_to_another_process_by_its_environment(setting):
    addresses = resolve()
    setting(**addresses.environment())
    again = resolve()
    assert again.environment() == addresses.environment()
    assert not makes_roles()


def test_resolving_needs_no_django(tmp_path):
    code = "import sys; from ibex.embedded.addresses import resolve; resolve(); print('django' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env=bare_environment(IBEX_DATA_DIR=tmp_path / "data"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == "False"
