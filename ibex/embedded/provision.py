"""What must exist before the first migration: database, extensions, three roles and what each may do.

Everything here is repeated at each start and changes nothing the second time. Privileges on tables are default
privileges only, set before a table exists: granting on all tables again would undo what a migration has revoked since
(the audit log may not be changed, for instance).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import Connection, errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ibex.embedded.addresses import Addresses
from ibex.embedded.errors import StartError

EXTENSIONS = ("vector", "btree_gin", "pg_trgm")
VECTOR_VERSION_MIN = (0, 8)
"""The first pgvector with iterative scans (LIMITS section 2)."""
SERVER_VERSION_MIN = 140000
SET_WITHOUT_INHERIT_SINCE = 160000
CONNECT_TIMEOUT_S = 10
MAINTENANCE_DATABASE = "postgres"
"""Where one signs in to create another."""
_LOCK = 0x1BE8
"""Advisory lock: two machines that start at once provision one after the other."""

Session = Connection[tuple[Any, ...]]


def provision(addresses: Addresses, *, makes_roles: bool) -> None:
    """Make the database ready for `manage.py migrate`; `makes_roles` False leaves the roles to the operator.

    Raises StartError when the server cannot be reached, or the role of DATABASE_URL may not do what is missing.
    """
    try:
        _provision(addresses, makes_roles=makes_roles)
    except psycopg.Error as error:
        raise StartError(f"The database could not be made ready: {_first_line(error)}") from error


def _provision(addresses: Addresses, *, makes_roles: bool) -> None:
    owner, app, system = (_user(url) for url in (addresses.owner_url, addresses.app_url, addresses.system_url))
    _create_database(addresses.admin_url)
    with _session(addresses.admin_url) as session:
        _check_server(session)
        _create_extensions(session)
        if makes_roles:
            _create_roles(session, owner, app, system)
    for url in (addresses.owner_url, addresses.app_url, addresses.system_url):
        _let_in(url, addresses.admin_url if makes_roles else None)
    with _session(addresses.owner_url) as session:
        _check_owner(session, system)
        _grant_what_will_be_made(session, app, system)
    _check_floor(addresses)


def _create_database(admin_url: str) -> None:
    """Create the database of the URL when only it is missing."""
    try:
        _connect(admin_url).close()
    except psycopg.OperationalError as error:
        name = str(conninfo_to_dict(admin_url)["dbname"])
        if f'database "{name}" does not exist' not in str(error):
            raise StartError(f"The database cannot be reached: {_first_line(error)}") from error
        with _connect(make_conninfo(admin_url, dbname=MAINTENANCE_DATABASE), autocommit=True) as session:
            session.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            if session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _check_server(session: Session) -> None:
    if session.info.server_version < SERVER_VERSION_MIN:
        raise StartError(
            f"PostgreSQL {session.info.parameter_status('server_version')} is too old: IBEX needs 14 or newer."
        )


def _create_extensions(session: Session) -> None:
    there = {name for (name,) in session.execute("SELECT extname FROM pg_extension")}
    missing = [name for name in EXTENSIONS if name not in there]
    statements = " ".join(f"CREATE EXTENSION {name};" for name in missing)
    try:
        for name in missing:
            session.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
    except errors.InsufficientPrivilege as error:
        raise StartError(f"Run this on the database as a superuser, then start IBEX again: {statements}") from error
    except psycopg.Error as error:
        raise StartError(
            f"The server does not have the extensions {', '.join(missing)}: install them first."
        ) from error
    (version,) = _row(session, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if tuple(int(part) for part in version.split(".")[:2]) < VECTOR_VERSION_MIN:
        raise StartError(
            f"pgvector {version} is too old: update it to 0.8 or newer, then ALTER EXTENSION vector UPDATE."
        )


def _create_roles(session: Session, owner: str, app: str, system: str) -> None:
    try:
        # Created roles are neither superuser nor BYPASSRLS unless it is said.
        _create_role(session, owner, "LOGIN")
        _create_role(session, app, "LOGIN")
        _create_role(session, system, "LOGIN BYPASSRLS")
        _grant_to_roles(session, owner, app, system)
    except errors.InsufficientPrivilege as error:
        raise StartError(
            "The role of DATABASE_URL may not create roles: use one that may, or create them yourself "
            "and set IBEX_APP_DATABASE_URL and IBEX_SYSTEM_DATABASE_URL."
        ) from error


def _create_role(session: Session, role: str, attributes: LiteralString) -> None:
    if session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        session.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))


def _grant_to_roles(session: Session, owner: str, app: str, system: str) -> None:
    names = {
        "database": sql.Identifier(session.info.dbname),
        "owner": sql.Identifier(owner),
        "app": sql.Identifier(app),
        "system": sql.Identifier(system),
    }
    # The owner's migrations give functions to the system role: for that the owner must be able to become it (never to
    # inherit from it), and the system role must be allowed to create in the schema.
    become = " WITH INHERIT FALSE, SET TRUE" if session.info.server_version >= SET_WITHOUT_INHERIT_SINCE else ""
    for statement in (
        "GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {owner}",
        "GRANT CONNECT ON DATABASE {database} TO {app}, {system}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE, CREATE ON SCHEMA public TO {owner}, {system}",
        "GRANT USAGE ON SCHEMA public TO {app}",
        "GRANT {system} TO {owner}" + become,
    ):
        session.execute(sql.SQL(statement).format(**names))


def _let_in(url: str, admin_url: str | None) -> None:
    """See that the role of `url` can sign in; with `admin_url`, give it the password of `url` when it cannot."""
    try:
        _connect(url).close()
    except psycopg.OperationalError as error:
        if admin_url is None:
            raise StartError(f"The role {_user(url)} cannot sign in: {_first_line(error)}") from error
        _set_password(admin_url, _user(url), str(conninfo_to_dict(url)["password"]))
        try:
            _connect(url).close()
        except psycopg.OperationalError as again:
            raise StartError(f"The role {_user(url)} cannot sign in: {_first_line(again)}") from again


def _set_password(admin_url: str, role: str, password: str) -> None:
    """Hashed here, so that the server's log cannot hold it."""
    with _session(admin_url) as session:
        hashed = session.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))


def _check_owner(session: Session, system: str) -> None:
    may_create, may_become = _row(
        session, "SELECT has_schema_privilege('public', 'CREATE'), pg_has_role(%s, 'MEMBER')", [system]
    )
    if not (may_create and may_become):
        owner = session.info.user
        raise StartError(
            f"The role {owner} must own what IBEX makes. Run this as a superuser: "
            f"GRANT USAGE, CREATE ON SCHEMA public TO {owner}, {system}; GRANT {system} TO {owner};"
        )


def _grant_what_will_be_made(session: Session, app: str, system: str) -> None:
    names = {"app": sql.Identifier(app), "system": sql.Identifier(system)}
    in_public = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT "
    for statement in (
        in_public + "SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}, {system}",
        in_public + "USAGE, SELECT ON SEQUENCES TO {app}, {system}",
        in_public + "EXECUTE ON FUNCTIONS TO {app}, {system}",
        # Only globally, not in one schema, can a default be taken away.
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ):
        session.execute(sql.SQL(statement).format(**names))


def _check_floor(addresses: Addresses) -> None:
    """Row-Level Security holds only for a role that it binds: refuse to start on any other."""
    with _session(addresses.app_url) as session:
        (unbound,) = _row(
            session,
            "SELECT rolsuper OR rolbypassrls OR pg_has_role(%s, 'MEMBER') OR pg_has_role(%s, 'MEMBER') "
            "FROM pg_roles WHERE rolname = current_user",
            [_user(addresses.owner_url), _user(addresses.system_url)],
        )
    if unbound:
        raise StartError(
            f"Row-Level Security would not bind the role {_user(addresses.app_url)}: it must be neither superuser nor "
            "BYPASSRLS, nor a member of the role that owns the tables or of the one that crosses tenants."
        )
    with _session(addresses.system_url) as session:
        (crosses,) = _row(session, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    if not crosses:
        raise StartError(
            f"The role {_user(addresses.system_url)} must have BYPASSRLS: it does the work between tenants."
        )


def _connect(url: str, *, autocommit: bool = False) -> Session:
    return psycopg.connect(url, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S)


@contextmanager
def _session(url: str) -> Iterator[Session]:
    """One transaction, while no other machine provisions."""
    with _connect(url) as session:
        session.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield session


def _row(session: Session, query: LiteralString, values: list[str] | None = None) -> tuple[Any, ...]:
    return session.execute(query, values).fetchall()[0]


def _user(url: str) -> str:
    return str(conninfo_to_dict(url)["user"])


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0]
