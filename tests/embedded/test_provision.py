from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from ibex.embedded.errors import StartError
from ibex.embedded.provision import provision
from ibex.embedded.testing import another_database


@pytest.fixture
def database(servers, request):
    """A provisioned database of its own for one test."""
    return another_database(servers, f"db_{abs(hash(request.node.name))}")


def run(url, *statements):
    with psycopg.connect(url) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def attributes(servers, role):
    query = f"SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole FROM pg_roles WHERE rolname = '{role}'"
    return run(servers.admin_url, query)


def test_three_roles_exist_and_only_one_may_cross_tenants(servers):
    assert attributes(servers, "ibex_owner") == [(False, False, True, False)]
    assert attributes(servers, "ibex_app") == [(False, False, True, False)]
    assert attributes(servers, "ibex_system") == [(False, True, True, False)]


def test_the_extensions_are_there(database):
    assert {"vector", "btree_gin", "pg_trgm"} <= {
        name for (name,) in run(database.app_url, "SELECT extname FROM pg_extension")
    }


def test_the_application_reads_and_writes_what_the_owner_makes_and_can_make_nothing(database):
    run(database.owner_url, "CREATE TABLE thing (id bigserial PRIMARY KEY, name text)")
    run(database.app_url, "INSERT INTO thing (name) VALUES ('a')", "UPDATE thing SET name = 'b'")
    assert run(database.system_url, "SELECT name FROM thing") == [("b",)]
    run(database.app_url, "DELETE FROM thing")
    for statement in ("CREATE TABLE mine ()", "DROP TABLE thing", "TRUNCATE thing", "ALTER TABLE thing ADD x int"):
        with pytest.raises(errors.InsufficientPrivilege):
            run(database.app_url, statement)


def test_row_level_security_binds_owner_and_application_and_not_the_system_role(database):
    run(
        database.owner_url,
        "CREATE TABLE secret (org_id int)",
        "ALTER TABLE secret ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE secret FORCE ROW LEVEL SECURITY",
    )
    run(database.system_url, "INSERT INTO secret VALUES (1)")
    assert run(database.owner_url, "SELECT * FROM secret") == []
    assert run(database.app_url, "SELECT * FROM secret") == []
    assert run(database.system_url, "SELECT * FROM secret") == [(1,)]


def test_a_migration_can_give_a_function_to_the_system_role(database):
    run(
        database.owner_url,
        "CREATE FUNCTION door() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'",
        "ALTER FUNCTION door() OWNER TO ibex_system",
    )
    assert run(database.app_url, "SELECT door()") == [("ibex_system",)]


def test_the_application_cannot_become_another_role(database):
    for role in ("ibex_owner", "ibex_system", "ibex_admin"):
        with pytest.raises(errors.InsufficientPrivilege):
            run(database.app_url, f"SET ROLE {role}")


def test_provisioning_again_leaves_what_a_migration_revoked(database):
    run(database.owner_url, "CREATE TABLE audit (line text)", "REVOKE UPDATE, DELETE ON audit FROM ibex_app")
    provision(database, makes_roles=True)
    with pytest.raises(errors.InsufficientPrivilege):
        run(database.app_url, "DELETE FROM audit")


def test_machines_that_start_at_once_provision_one_after_the_other(servers):
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: another_database(servers, "shared"), range(4)))
    assert run(databases[0].app_url, "SELECT current_user") == [("ibex_app",)]


def test_a_changed_secret_key_changes_the_passwords_and_the_log_never_holds_one(database):
    parts = conninfo_to_dict(database.app_url)
    url = database.app_url.replace(str(parts["password"]), "another_password")
    provision(replace(database, app_url=url), makes_roles=True)
    assert run(url, "SELECT current_user") == [("ibex_app",)]
    provision(database, makes_roles=True)
    assert run(database.app_url, "SELECT current_user") == [("ibex_app",)]


def role_url(url, role):
    parts = conninfo_to_dict(url)
    return url.replace(f"{parts['user']}:{parts['password']}@", f"{role}:pw@")


def test_a_role_that_may_not_create_roles_is_told_what_to_set(database):
    run(database.admin_url, "CREATE ROLE plain LOGIN PASSWORD 'pw'")
    plain = replace(
        database,
        admin_url=role_url(database.admin_url, "plain"),
        owner_url=role_url(database.owner_url, "new_owner"),
        app_url=role_url(database.app_url, "new_app"),
    )
    with pytest.raises(StartError, match="IBEX_APP_DATABASE_URL and IBEX_SYSTEM_DATABASE_URL"):
        provision(plain, makes_roles=True)


def test_roles_that_an_operator_made_are_enough(database):
    run(
        database.admin_url,
        "CREATE ROLE their_owner LOGIN PASSWORD 'pw'",
        "CREATE ROLE their_app LOGIN PASSWORD 'pw'",
        "CREATE ROLE their_system LOGIN BYPASSRLS PASSWORD 'pw'",
    )
    theirs = replace(
        database,
        admin_url=role_url(database.admin_url, "their_owner"),
        owner_url=role_url(database.owner_url, "their_owner"),
        app_url=role_url(database.app_url, "their_app"),
        system_url=role_url(database.system_url, "their_system"),
    )
    with pytest.raises(StartError, match="GRANT USAGE, CREATE ON SCHEMA public TO their_owner") as told:
        provision(theirs, makes_roles=False)
    run(database.admin_url, *str(told.value).partition("superuser: ")[2].rstrip(";").split("; "))
    provision(theirs, makes_roles=False)
    run(theirs.owner_url, "CREATE TABLE theirs (id int)")
    run(theirs.app_url, "INSERT INTO theirs VALUES (1)")


@pytest.mark.parametrize("role", ["ibex_admin", "ibex_system", "ibex_owner"])
def test_an_application_that_row_level_security_would_not_bind_is_refused(database, role):
    urls = {"ibex_admin": database.admin_url, "ibex_system": database.system_url, "ibex_owner": database.owner_url}
    with pytest.raises(StartError, match="Row-Level Security would not bind"):
        provision(replace(database, app_url=urls[role]), makes_roles=False)


def test_a_system_role_that_cannot_cross_tenants_is_refused(database):
    with pytest.raises(StartError, match="must have BYPASSRLS"):
        provision(replace(database, system_url=database.owner_url), makes_roles=False)


def test_a_server_that_is_not_there_is_one_sentence(database):
    gone = "postgresql://root:hunter2@127.0.0.1:1/shop"
    with pytest.raises(StartError, match="cannot be reached") as told:
        provision(replace(database, admin_url=gone), makes_roles=True)
    assert "hunter2" not in str(told.value)
    assert "\n" not in str(told.value)
